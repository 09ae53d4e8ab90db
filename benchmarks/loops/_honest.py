"""Long work that makes progress and must never be stopped, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any
from uuid import UUID

from benchmarks.loops._world import Answers, Call, Case, Failure, Plan

__all__ = ["HONEST"]

SYLLABLES = ["ka", "lo", "mi", "ren", "tu", "vas", "dor", "pel", "sin", "gar"]


def _names(source: random.Random, size: int) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < size:
        made["".join(source.choice(SYLLABLES) for _ in range(4)).title()] = None
    return list(made)


def _ids(source: random.Random, size: int) -> list[str]:
    return [f"{source.choice('ABC')}-{n}" for n in source.sample(range(10**6), size)]


def _listed(items: list[str], check: Callable[[Any], Any]) -> Callable[[], Answers]:
    """Return answers of which the first lists the items."""

    def answers(tool: str, argument: Any) -> Any:
        return {"found": items} if tool == "search" else check(argument)

    return lambda: answers


def _always(answer: Any) -> Callable[[], Answers]:
    return lambda: lambda tool, argument: answer


def _of(answer: Callable[[Any], Any]) -> Callable[[], Answers]:
    return lambda: lambda tool, argument: answer(argument)


def _through(tool: str, items: Iterable[Any], first: Call | None = None) -> Callable[[], Plan]:
    def plan() -> Plan:
        if first is not None:
            yield first
        for item in items:
            yield Call(tool, item)

    return plan


def numbered_pages(source: random.Random, size: int) -> Case:
    """Pages by number, each with new items."""
    pages = [[f"item {source.randrange(10**9)}" for _ in range(3)] for _ in range(size)]
    return Case(
        "numbered pages",
        "List all items.",
        _through("get_page", range(size)),
        _of(lambda page: {"items": pages[int(page)], "page": page, "pages": size}),
    )


def cursor_pages(source: random.Random, size: int) -> Case:
    """Pages by cursor, as the answers give it."""
    cursors = ["start", *(f"{source.getrandbits(64):x}" for _ in range(size))]
    rows = [[{"name": f"row {source.randrange(10**9)}", "state": "open"}] for _ in range(size)]

    def plan() -> Plan:
        cursor = "start"
        while cursor:
            answer: dict[str, Any] = (yield Call("next_page", cursor)) or {}
            cursor = answer.get("next", "")

    def answers(_: str, cursor: Any) -> Any:
        at = cursors.index(cursor)
        return {"rows": rows[at], "next": cursors[at + 1] if at + 1 < size else None}

    return Case("cursor pages", "List all rows.", plan, lambda: answers)


def random_id_pages(source: random.Random, size: int) -> Case:
    """Pages whose items are random ids and nothing else."""
    pages = [[str(UUID(int=source.getrandbits(128))) for _ in range(4)] for _ in range(size)]
    return Case(
        "pages of random ids",
        "List all transactions.",
        _through("get_page", range(size)),
        _of(lambda page: pages[int(page)]),
    )


def log_pages(source: random.Random, size: int) -> Case:
    """Pages of log lines that differ by their times and a number."""
    minutes = source.randrange(60)

    def answers(_: str, page: Any) -> Any:
        at = page * 7 + minutes
        return [{"at": f"2026-03-01T{at // 60 % 24:02d}:{at % 60:02d}:{page % 60:02d}Z", "n": at}]

    return Case("log pages", "Read the log.", _through("get_page", range(size)), lambda: answers)


def percent_job(source: random.Random, size: int) -> Case:
    """A job that tells its progress, and sometimes stands still for a while."""
    steps = [p for p in range(size // 2) for _ in range(source.randint(1, 4))]
    ticks = iter(steps)

    def answers(tool: str, job: Any) -> Any:
        return {"state": "running", "progress": next(ticks), "checked_at": "2026-03-01T12:00:00Z"}

    polls = ["job-1"] * len(steps)
    return Case(
        "job with progress", "Wait for job-1.", _through("job_status", polls), lambda: answers
    )


def spoken_job(source: random.Random, size: int) -> Case:
    """A job that tells its progress in words."""
    ticks = iter(range(size))

    def answers(tool: str, job: Any) -> Any:
        return f"Still running: {next(ticks) * 3} of {size * 3} files."

    plan = _through("job_status", ["job-2"] * size)
    return Case("job that tells in words", "Wait for job-2.", plan, lambda: answers)


def slow_job(source: random.Random, size: int) -> Case:
    """A job that shows nothing until it is done, soon enough."""
    unchanged = source.randint(2, 6)
    ticks = iter([*["running"] * unchanged, "done"])
    polls = ["job-3"] * (unchanged + 1)
    return Case(
        "job without progress, done in time",
        "Wait for job-3.",
        _through("job_status", polls),
        lambda: lambda tool, job: {"state": next(ticks)},
    )


def two_jobs(source: random.Random, size: int) -> Case:
    """Two jobs polled in turn."""
    steps = [n for n in range(size) for _ in range(source.randint(1, 2))]
    ticks = {"job-1": iter(steps), "job-2": iter(steps)}

    def answers(tool: str, job: Any) -> Any:
        return {"job": job, "done": next(ticks[job])}

    polls = ["job-1", "job-2"] * (size // 2)
    return Case(
        "two jobs", "Wait for job-1 and job-2.", _through("job_status", polls), lambda: answers
    )


def batch_of_writes(source: random.Random, size: int) -> Case:
    """Writes of generated texts, all answered alike."""
    texts = [f"entry {n}: {source.choice(SYLLABLES)}" for n in range(size)]
    return Case("batch of writes", "Write all entries.", _through("save", texts), _always("saved"))


def growing_draft(source: random.Random, size: int) -> Case:
    """A draft saved again after each sentence."""
    words = [source.choice(SYLLABLES) for _ in range(size)]
    drafts = [" ".join(words[: n + 1]) for n in range(size)]
    return Case("a growing draft", "Write the report.", _through("save", drafts), _always("saved"))


def listed_checks(source: random.Random, size: int) -> Case:
    """Ids that an answer listed, all valid."""
    ids = _ids(source, size)
    first = Call("search", "open items")
    plan = _through("check", ids, first)
    return Case("checks of listed ids", "Check all.", plan, _listed(ids, lambda _: {"valid": True}))


def given_checks(source: random.Random, size: int) -> Case:
    """Names that the task gives in prose."""
    names = _names(source, size)
    task = f"Check these suppliers: {', '.join(names)}. Say which are blocked."
    return Case("checks of given names", task, _through("check", names), _always("fine"))


def range_of_rows(source: random.Random, size: int) -> Case:
    """Rows of a range that the task gives."""
    first = source.randrange(1, 100)
    task = f"Check rows {first} to {first + size} of the table."
    rows = range(first, first + size)
    return Case("a range of rows", task, _through("check_row", rows), _always({"ok": True}))


def some_missing(source: random.Random, size: int) -> Case:
    """Listed ids of which many aren't there."""
    ids = _ids(source, size)

    def check(item: Any) -> Any:
        if int(item[2:]) % 3:
            return {"state": "open"}
        raise Failure("not found")

    plan = _through("check", ids, Call("search", "all"))
    return Case("listed ids, many missing", "Check all.", plan, _listed(ids, check))


def searches_of_list(source: random.Random, size: int) -> Case:
    """A search for each listed name, none with a result."""
    names = _names(source, size)

    def answers(tool: str, argument: Any) -> Any:
        return {"names": names} if tool == "look_up" else {"results": []}

    plan = _through("search", names, Call("look_up", "sanctions"))
    return Case("searches for listed names", "Screen all.", plan, lambda: answers)


def write_and_verify(source: random.Random, size: int) -> Case:
    """A write and the same check after it, in turn."""
    texts = [f"row {n} = {source.randrange(99)}" for n in range(size // 2)]

    def plan() -> Plan:
        for text in texts:
            yield Call("save", text)
            yield Call("check", "table")

    return Case(
        "write and verify",
        "Fill the table.",
        plan,
        lambda: lambda tool, argument: "saved" if tool == "save" else {"consistent": True},
    )


def flaky_target(source: random.Random, size: int) -> Case:
    """Each item fails once or twice before it is answered."""
    ids = _ids(source, size // 3)
    left = {item: source.randint(0, 2) for item in ids}

    def plan() -> Plan:
        yield Call("search", "all")
        for item in ids:
            for _ in range(left[item] + 1):
                yield Call("check", item)

    def check(item: Any) -> Any:
        if left[item]:
            left[item] -= 1
            raise Failure("busy")
        return {"value": source.randrange(10**9)}

    return Case("a flaky target", "Read all.", plan, _listed(ids, check))


def tree_walk(source: random.Random, size: int) -> Case:
    """Folders found on the way, many of them empty."""
    folders = [f"/f{source.randrange(10**6)}" for _ in range(size)]
    inside = {folder: folders[2 * n + 1 : 2 * n + 3] for n, folder in enumerate(folders)}
    return Case(
        "a tree walk",
        f"Look into {folders[0]} and below.",
        _through("look_up", folders),
        _of(lambda folder: {"entries": inside[folder]}),
    )


def chain(source: random.Random, size: int) -> Case:
    """Records, each of which names the next."""
    ids = _ids(source, size + 1)
    after = dict(pairwise(ids))
    values = {item: source.randrange(10**9) for item in ids}
    return Case(
        "a chain of records",
        f"Follow the chain from {ids[0]}.",
        _through("look_up", ids[:size]),
        _of(lambda item: {"next": after[item], "value": values[item]}),
    )


def many_questions(source: random.Random, size: int) -> Case:
    """Searches in the model's own words, with different results."""
    queries = [" ".join(source.sample(SYLLABLES, 3)) + f" {n}" for n in range(size)]
    return Case(
        "different searches",
        "Research the market.",
        _through("search", queries),
        lambda: lambda tool, query: {"results": [f"doc {source.randrange(10**9)}"]},
    )


def mixed_work(source: random.Random, size: int) -> Case:
    """Look up, check and save for each of a list."""
    ids = _ids(source, size // 3)

    def plan() -> Plan:
        yield Call("search", "all")
        for item in ids:
            yield Call("look_up", item)
            yield Call("check", item)
            yield Call("save", f"{item}: checked")

    def answers(tool: str, argument: Any) -> Any:
        known = {"search": {"found": ids}, "look_up": {"state": "open"}, "check": True}
        return known.get(tool, "saved")

    return Case("look up, check, save", "Work through the list.", plan, lambda: answers)


HONEST = (
    numbered_pages,
    cursor_pages,
    random_id_pages,
    log_pages,
    percent_job,
    spoken_job,
    slow_job,
    two_jobs,
    batch_of_writes,
    growing_draft,
    listed_checks,
    given_checks,
    range_of_rows,
    some_missing,
    searches_of_list,
    write_and_verify,
    flaky_target,
    tree_walk,
    chain,
    many_questions,
    mixed_work,
)
