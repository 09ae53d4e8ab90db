"""Models that go round in circles, each after some useful work, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from benchmarks.loops._world import ASK, Answers, Call, Case, Failure, Plan

__all__ = ["STUCK"]

_WORDS = """
refund policy late delivery damaged parcel return label deadline customer charge fee warranty
exchange receipt
"""
_FILLERS = "please exact current official details information about regarding"
WORDS, FILLERS = _WORDS.split(), _FILLERS.split()


def _records(source: random.Random) -> dict[str, Any]:
    return {
        f"R-{source.randrange(10_000)}": {"amount": source.randrange(9_999), "state": "open"}
        for _ in range(8)
    }


def _useful(source: random.Random, records: dict[str, Any]) -> list[Call]:
    ids = list(records)
    return [Call("look_up", ids[i]) for i in range(source.randrange(4))]


def _steady(records: dict[str, Any], other: Answers) -> Callable[[], Answers]:
    """Return answers that look records up, and otherwise are as told."""

    def answers(tool: str, argument: Any) -> Any:
        if tool == "look_up" and argument in records:
            return {"id": argument, **records[argument]}
        return other(tool, argument)

    return lambda: answers


def _always(answer: Any) -> Answers:
    return lambda tool, argument: answer


def _nothing(tool: str, argument: Any) -> Any:
    del tool, argument
    return {"results": []}


def _case(
    pattern: str,
    source: random.Random,
    circle: Callable[[], Iterator[Call]],
    other: Answers = _nothing,
    first: int = 1,
) -> Case:
    """Return useful work and then a circle, of which the first so many calls are useful too."""
    records = _records(source)
    before = _useful(source, records)

    def plan() -> Plan:
        for call in before:
            yield call
        for call in circle():
            yield call

    task = f"Settle the case of {source.choice(WORDS)}: records {', '.join(records)}."
    return Case(pattern, task, plan, _steady(records, other), len(before) + first)


def same_call(source: random.Random) -> Case:
    """The same read with the same answer."""
    call = source.choice([Call("check", "A-1"), Call("search", "refund"), Call("job_status", "j1")])
    answer = {"state": source.choice(["open", "closed"]), "amount": source.randrange(999)}
    return _case("same call", source, lambda: _for_ever(call), _always(answer))


def failing_call(source: random.Random) -> Case:
    """The same call with the same error."""
    call = source.choice([Call("check", "A-1"), Call("save", "the report"), Call("search", "x y")])
    text = source.choice(["not found", "forbidden", "the index is broken"])

    def fails(tool: str, argument: Any) -> Any:
        raise Failure(text)

    return _case("same failing call", source, lambda: _for_ever(call), fails)


def alternation(source: random.Random) -> Case:
    """Two to four reads in turn."""
    period = source.randint(2, 4)
    calls = [
        Call("check", f"A-{i}") if i % 2 else Call("search", f"part {i}") for i in range(period)
    ]

    def circle() -> Iterator[Call]:
        return (calls[i % period] for i in count())

    def answers(tool: str, argument: Any) -> Any:
        return {"of": tool, "says": len(str(argument)) * 7}

    return _case("alternation", source, circle, answers, first=period)


def pagination(source: random.Random) -> Case:
    """Pages without end: the last one again and again, empty ones, or a cursor that comes back."""
    pages = source.randint(3, 12)
    kind = source.choice(["clamped", "empty", "cycle"])
    items = [[f"item {source.randrange(10**6)}" for _ in range(5)] for _ in range(pages)]

    def answers(tool: str, argument: Any) -> Any:
        number = int(str(argument).removeprefix("c"))
        if kind == "cycle":
            return {"items": items[number % pages], "next": f"c{(number + 1) % pages}"}
        if kind == "clamped":
            return {"items": items[min(number, pages - 1)], "page": number}
        found = items[number] if number < pages else []
        return {"items": found, "next": f"c{number + 1}"}

    def circle() -> Iterator[Call]:
        if kind == "clamped":
            return (Call("get_page", n) for n in count())
        steps = (n % pages if kind == "cycle" else n for n in count())
        return (Call("next_page", f"c{n}") for n in steps)

    return _case("pagination without end", source, circle, answers, first=pages)


def paraphrases(source: random.Random) -> Case:
    """The same question in other words."""
    answer = source.choice(
        [{"results": []}, {"results": ["doc 7", "doc 9"]}, "No documents found."]
    )

    def circle() -> Iterator[Call]:
        while True:
            words = [*source.sample(WORDS, source.randint(2, 4)), *source.sample(FILLERS, 2)]
            source.shuffle(words)
            yield Call("search", " ".join(words))

    return _case("paraphrased arguments", source, circle, _always(answer))


def polling(source: random.Random) -> Case:
    """A job that never moves, with the time in its answer."""
    call = Call("job_status", f"job-{source.randrange(999)}")
    form = source.choice(["plain", "dated", "text"])
    ticks = count()

    def answers(tool: str, argument: Any) -> Any:
        now = f"2026-03-01T12:{next(ticks) % 60:02d}:07Z"
        if form == "plain":
            return {"state": "queued"}
        if form == "dated":
            return {
                "state": "queued",
                "checked_at": now,
                "request_id": f"{source.getrandbits(96):x}",
            }
        return f"Job is queued (as of {now})"

    return _case("polling", source, lambda: _for_ever(call), answers)


def growing(source: random.Random) -> Case:
    """A query that grows by a word each time."""
    echo = source.random() < 0.5

    def circle() -> Iterator[Call]:
        query = source.choice(WORDS)
        while True:
            yield Call("search", query)
            query = f"{query} {source.choice(WORDS)}"

    def answers(tool: str, argument: Any) -> Any:
        return f"Nothing was found for '{argument}'." if echo else {"results": []}

    return _case("growing arguments", source, circle, answers)


def guesses(source: random.Random) -> Case:
    """Made-up values, each with the same error."""

    def fails(tool: str, argument: Any) -> Any:
        raise Failure("not found")

    def circle() -> Iterator[Call]:
        while True:
            yield Call("check", f"{source.choice('XYZ')}{source.randrange(10**5)}")

    return _case("guessed arguments", source, circle, fails)


def same_write(source: random.Random) -> Case:
    """The same write, which succeeded the first time."""
    call = Call("save", f"note {source.randrange(99)}")
    return _case("same write", source, lambda: _for_ever(call), _always("saved"))


def agents_as_tools(source: random.Random) -> Case:
    """Agents that have each other as a tool and pass a question on, in the same or other words."""
    fixed = source.random() < 0.5

    def circle() -> Iterator[Call]:
        said = " ".join(source.sample(WORDS, 4))
        while True:
            yield Call(ASK, f"please settle {said}")
            said = said if fixed else " ".join(source.sample(WORDS, 4))

    return _case("agents as each other's tools", source, circle)


def _for_ever(call: Call) -> Iterator[Call]:
    while True:
        yield call


STUCK = (
    same_call,
    failing_call,
    alternation,
    pagination,
    paraphrases,
    polling,
    growing,
    guesses,
    same_write,
    agents_as_tools,
)
"""Two agents that hand over to each other come on top: they need a framework, so each contender
plays them in its own way."""
