"""``stanchion budget``: what is spent under which ceilings, and a ceiling raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from stanchion.cli._console import draw
from stanchion.cli._options import By, Json, StoreUrl, who
from stanchion.cli._output import emit_json
from stanchion.cli._pictures import accounts_table
from stanchion.cli._stores import existing_store, messenger
from stanchion.cli._watch import interruptible
from stanchion.ledger import Account
from stanchion.review import ReviewInbox
from stanchion.values import Question, QuestionKind

__all__ = ["app"]

app = typer.Typer(
    name="budget",
    help="Show what is spent under which ceilings, and raise one.",
    no_args_is_help=True,
)


@app.command()
def show(
    accounts: Annotated[
        list[str] | None, typer.Argument(metavar="[ACCOUNT]...", help="Only these.")
    ] = None,
    *,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """List the accounts that runs share, and the runs that wait at a ceiling."""
    found, waiting = interruptible(_show(store, accounts or []))
    if as_json:
        emit_json({"accounts": [_plain(a) for a in found], "waiting": [_asked(q) for q in waiting]})
    elif found or waiting:
        draw(accounts_table(found, waiting))
    else:
        typer.echo("nothing is spent from an account, and no run waits at a ceiling")


async def _show(
    url: str | None, names: Sequence[str]
) -> tuple[Sequence[Account], Sequence[Question]]:
    async with existing_store(url) as store:
        found = await store.accounts(names)
        asked = await ReviewInbox(store).pending()
    waiting = [q for q in asked if q.kind is QuestionKind.CEILING]
    return found, [q for q in waiting if not names or q.subject["account"] in names]


@app.command("raise")
def raise_(
    account: Annotated[str, typer.Argument(help="As `budget show` names it.")],
    quantity: Annotated[str, typer.Argument(help="usd, tokens, model_calls and so on.")],
    ceiling: Annotated[str, typer.Argument(help="The new ceiling, for example 0.50.")],
    *,
    by: By = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Give an account another ceiling, and let the runs that wait for it go on."""
    told = interruptible(_raise(store, account, quantity, ceiling, who(by)))
    if as_json:
        emit_json({"account": account, "quantity": quantity, "ceiling": ceiling, "told": told})
    else:
        typer.echo(f"{account}: the ceiling is {ceiling} {quantity}; {told} waiting runs told")


async def _raise(url: str | None, account: str, quantity: str, ceiling: str, by: str) -> int:
    async with messenger(url) as app:
        return await app.raise_ceiling(account, quantity, ceiling, by=by)


def _plain(account: Account) -> Mapping[str, Any]:
    return {
        "account": account.name,
        "quantity": account.quantity,
        "ceiling": account.limit,
        "raised": account.raised,
        "spent": account.spent,
        "held": account.held,
    }


def _asked(question: Question) -> Mapping[str, Any]:
    return {"run": question.run, "question": question.id, **question.subject}
