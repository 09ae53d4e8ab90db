"""A question drawn for the person who answers it.

Runtime facts come first: the exact call, where its arguments stand in what the run was given, which
rule asks, what each answer does and what the deadline does. Text from outside follows, marked,
collapsed and made harmless: whoever wrote it may want this very answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stanchion.cli._console import columns, grid, yielding
from stanchion.cli._question_words import (
    commands_for,
    consequence_of,
    deadline_of,
    form_of,
    short_id,
    who_of,
)
from stanchion.cli._text import moment, one_line, shown
from stanchion.ledger import RunRecord
from stanchion.values import Principal, Question, QuestionKind

__all__ = ["question_picture", "questions_table"]

_COLLAPSED_LINES = 4
_COLLAPSED = 320
"""Characters shown of a text from outside, until somebody wants all of it."""
_CALLS = {QuestionKind.APPROVAL, QuestionKind.UNKNOWN}


def questions_table(questions: Sequence[Question], now: datetime) -> Table:
    """Return open questions, one a line."""
    table = columns("question", "kind", "run", "asked", "deadline", "asks")
    for each in questions:
        table.add_row(
            Text(short_id(each), style="bold"),
            Text(each.kind.value, style="yellow"),
            Text(each.run[:8]),
            Text("" if each.asked_at is None else moment(each.asked_at, now)),
            Text("none" if each.expires_at is None else moment(each.expires_at, now)),
            yielding(_summary(each)),
        )
    return table


def _summary(question: Question) -> str:
    subject = question.subject
    if question.kind in _CALLS:
        given = ", ".join(f"{k}={_json(v)}" for k, v in subject.get("arguments", {}).items())
        return one_line(f"{subject.get('tool', '')}({given}): {question.reason}")
    return one_line(f"{question.prompt} {question.reason}")


def question_picture(
    question: Question,
    record: RunRecord,
    initiator: Principal | None,
    now: datetime,
    *,
    full: bool = False,
    options: str | None = "",
) -> RenderableType:
    """Return everything that a person needs to answer, most trustworthy first.

    ``options`` are added to the commands that answer it; None leaves the commands out.
    """
    facts = grid()
    for name, value in _facts(question, record, initiator, now):
        facts.add_row(name, value)
    prompt = Text(shown(question.prompt), style="bold")
    parts: list[RenderableType] = [prompt, Padding(facts, (0, 0, 0, 2))]
    outside = list(_outside(question))
    if outside:
        parts.append(Text("From outside, not to be believed or obeyed:", style="yellow"))
        parts += [Padding(_collapsed(n, text, full=full), (0, 0, 0, 2)) for n, text in outside]
    if options is not None:
        parts.append(Text("Answer with:", style="dim"))
        parts.append(Padding(_answers(question, options), (0, 0, 0, 2)))
    return Group(*parts)


def _facts(
    question: Question, record: RunRecord, initiator: Principal | None, now: datetime
) -> Iterator[tuple[str, RenderableType]]:
    if question.kind in _CALLS:
        yield from _call(question.subject, now)
    if question.kind is QuestionKind.DECISION:
        for name, share in question.subject.get("alternatives", ()):
            yield "model says", Text(f"{share:.0%}  {one_line(name)}")
    yield "why", Text(shown(question.reason) or "the workflow asks")
    yield (
        "run",
        Text(f"{record.id} ({one_line(record.workflow)} version {one_line(record.version)})"),
    )
    if initiator is not None:
        claims = ", ".join(f"{name}={value}" for name, value in initiator.claims.items())
        yield "acts for", Text(one_line(f"{initiator.id} ({initiator.kind}) {claims}"))
    if question.asked_at is not None:
        yield "asked", Text(moment(question.asked_at, now))
    yield "deadline", Text(deadline_of(question, now))
    if told := who_of(question, now):
        yield "who may answer", Text(told)
    yield (
        "bound to",
        Text(f"{question.digest[:16]}: an answer counts for exactly this, once", "dim"),
    )


def _call(subject: Mapping[str, Any], now: datetime) -> Iterator[tuple[str, RenderableType]]:
    """Yield the facts of the call that is asked about."""
    proposed = f", proposed by {subject['proposed_by']}" if "proposed_by" in subject else ""
    yield "call", Text(f"{subject['tool']} ({subject['effect']}{proposed})")
    yield "arguments", _arguments(subject["arguments"], subject.get("origins"))
    if "attempts" in subject:
        sent, attempts = subject.get("sent_at"), subject["attempts"]
        when = "" if sent is None else f", first {moment(datetime.fromisoformat(sent), now)}"
        times = "once" if attempts == 1 else f"{attempts} times"
        yield "sent", Text(f"{times}{when}, with the key {subject['key']}")
    if subject.get("silent_at") is not None:
        until = moment(datetime.fromisoformat(subject["silent_at"]), now)
        yield "perhaps under way", Text(f"until {until}: a no is kept, and counts only then")


def _arguments(
    arguments: Mapping[str, Any], origins: Mapping[str, Sequence[Mapping[str, Any]]] | None
) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in arguments.items():
        table.add_row(Text(name), Text(shown(_json(value)), style="bold"))
        for origin in (origins or {}).get(name, ()):
            at = f"{origin['source']} line {origin['line']}: "
            quoted = one_line(str(origin["excerpt"]), 160)
            table.add_row("", Text.assemble((f"stands in {at}", "dim"), (f"“{quoted}”", "yellow")))
        if origins is not None and not origins.get(name):
            table.add_row("", Text("stands nowhere in what the run was given", style="dim"))
    return table


def _outside(question: Question) -> Iterator[tuple[str, str]]:
    """Yield what others wrote, by name: the evidence, the details of a workflow's question."""
    shown_above = {"alternatives"} if question.kind is QuestionKind.DECISION else set[str]()
    if question.kind in _CALLS:
        return
    for name, value in question.subject.items():
        if name not in shown_above and value is not None:
            is_text = isinstance(value, str)
            yield name, value if is_text else json.dumps(value, ensure_ascii=False, indent=2)


def _collapsed(name: str, text: str, *, full: bool) -> Text:
    lines = text.splitlines() or [""]
    kept = "\n".join(lines[:_COLLAPSED_LINES])[:_COLLAPSED]
    if full or len(kept) == len(text):
        return Text.assemble((f"{one_line(name)}: ", "dim"), shown(text))
    rest = f" … {len(text) - len(kept):,} more characters: --full"
    return Text.assemble((f"{one_line(name)}: ", "dim"), shown(kept), (rest, "dim"))


def _answers(question: Question, options: str) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=False)
    table.add_column(style="dim")
    for choice, command in commands_for(question, options).items():
        table.add_row(Text(command, style="cyan"), Text(consequence_of(question, choice)))
    form = form_of(question.answer_schema)
    if form and question.kind is not QuestionKind.APPROVAL:
        table.add_row(Text(f"with a value of the form: {one_line(form, 400)}", "dim"), Text())
    return table


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
