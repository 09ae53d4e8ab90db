"""``stanchion review``: the questions that runs ask people, and their answers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from stanchion.cli._answering import Said
from stanchion.cli._console import draw
from stanchion.cli._evidence import initiator_of
from stanchion.cli._input import read_json
from stanchion.cli._messages import Delivery, carry_out
from stanchion.cli._options import App, By, Json, StoreUrl, who
from stanchion.cli._output import emit_json
from stanchion.cli._plain import run_of
from stanchion.cli._question_picture import question_picture, questions_table
from stanchion.cli._stores import existing_store
from stanchion.cli._watch import interruptible
from stanchion.engine import Stanchion
from stanchion.review import ReviewInbox, question_to_body
from stanchion.values import Question

__all__ = ["app"]

app = typer.Typer(
    name="review", help="See and answer the questions that runs ask people.", no_args_is_help=True
)

QuestionId = Annotated[
    str, typer.Argument(metavar="QUESTION", help="Its id or a unique beginning of it.")
]
Comment = Annotated[str, typer.Option(help="Why, for the record and for the workflow.")]


@app.command("list")
def list_questions(
    *,
    run: Annotated[str | None, typer.Option(help="Only of this run (its whole id).")] = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """List the open questions, oldest first."""
    questions = interruptible(_list(store, run))
    if as_json:
        emit_json([question_to_body(question) for question in questions])
    elif questions:
        draw(questions_table(questions, datetime.now(UTC)))
    else:
        typer.echo("no open questions")


async def _list(url: str | None, run: str | None) -> Sequence[Question]:
    async with existing_store(url) as store:
        return await ReviewInbox(store).pending(run=run)


@app.command()
def show(
    question: QuestionId,
    *,
    full: Annotated[bool, typer.Option("--full", help="All of the text from outside.")] = False,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Show a question: runtime facts first, then text from outside."""
    interruptible(_show(store, question, full=full, as_json=as_json))


async def _show(url: str | None, name: str, *, full: bool, as_json: bool) -> None:
    async with existing_store(url) as store:
        question = await ReviewInbox(store).get(name)
        record = await store.get(question.run)
        initiator = await initiator_of(store, record)
    if as_json:
        emit_json({"question": question_to_body(question), "run": run_of(record)})
        return
    options = f" --store {shlex.quote(url)}" if url else ""
    now = datetime.now(UTC)
    draw(question_picture(question, record, initiator, now, full=full, options=options))


@app.command()
def approve(
    question: QuestionId,
    *,
    comment: Comment = "",
    by: By = None,
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Let exactly this call be made, once."""
    _answer(
        question,
        Said("approve", None, comment),
        by,
        Delivery("approve", store, app_target, as_json),
    )


@app.command()
def deny(
    question: QuestionId,
    *,
    comment: Comment = "",
    by: By = None,
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Forbid a call; the workflow is told so."""
    _answer(question, Said("deny", None, comment), by, Delivery("deny", store, app_target, as_json))


@app.command()
def edit(
    question: QuestionId,
    *,
    arguments: Annotated[
        str, typer.Option(metavar="JSON", help="All arguments: JSON, @file, or - for stdin.")
    ],
    comment: Comment = "",
    by: By = None,
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Let a call be made with other arguments."""
    value = read_json(arguments, "--arguments")
    _answer(
        question, Said("edit", value, comment), by, Delivery("edit", store, app_target, as_json)
    )


@app.command()
def answer(
    question: QuestionId,
    choice: Annotated[str, typer.Argument(help="One of the choices that `review show` lists.")],
    *,
    value: Annotated[
        str | None, typer.Option(metavar="JSON", help="The value: JSON, @file, or - for stdin.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="The value, if it is a text.")] = None,
    comment: Comment = "",
    by: By = None,
    app_target: App = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Answer any question with one of its choices, or with a value.

    Unknown outcomes take happened, did_not_happen or stop, decisions one of their options.
    """
    if value is not None and text is not None:
        raise typer.BadParameter("give a --value or a --text, not both", param_hint="--text")
    said = text if value is None else read_json(value, "--value")
    _answer(question, Said(choice, said, comment), by, Delivery(choice, store, app_target, as_json))


def _answer(question: str, said: Said, by: str | None, delivery: Delivery) -> None:
    async def order(app: Stanchion, _: str) -> str:
        asked = await app.answer(
            question, said.choice, said.value, by=who(by), comment=said.comment
        )
        return asked.run

    raise typer.Exit(carry_out(order, "", delivery))
