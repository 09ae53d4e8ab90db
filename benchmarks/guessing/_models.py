"""Two models: one that makes the reference calls, and one that fills in whatever is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.guessing._cases import Call, Case
from benchmarks.guessing._play import Turn
from benchmarks.guessing._tools import World, tool_of, tools_of
from benchmarks.guessing._written import is_said, is_written, leaves
from stanchion.tools import Tool

__all__ = ["Guess", "guessing", "looking_first", "right"]

KEYS = 4
"""Other people's keys by which a model looks up what it may not know."""
OTHERS = 12
"""Values of other records that are tried for one missing one."""
DEFAULTS: Mapping[type, Sequence[Any]] = {
    str: ["", "default", "user", "1", "file.txt", "."],
    int: [0, 1, 2],
    float: [0.0, 1.0],
}


@dataclass(frozen=True, slots=True)
class Guess(Call):
    """A call with one value made up."""

    argument: str
    value: Any
    way: str
    """How it was made up."""


def right(calls: Sequence[Call]) -> Turn:
    """Return a model that makes the reference calls and nothing else."""
    return lambda _: iter(calls)


def looking_first(case: Case, turn: int) -> Turn:
    """Return one that looks around before a call with a target that it can't have read yet."""

    def calls(world: World) -> Iterator[Call]:
        for call in case.calls[turn]:
            words = case.words[: turn + 1]
            values = [value for _, value in _targets(call, tool_of(case.apis, call.name))]
            if not all(is_written(value, words, world.done) for value in values):
                yield from _look_around(case, words[-1])
            yield call

    return calls


def guessing(case: Case, turn: int) -> Turn:
    """Return one that makes the calls which the next turn's words would have been needed for."""

    def calls(world: World) -> Iterator[Call]:
        yield from _rummage(case, world)
        wanted = next((calls for calls in case.calls[turn + 1 :] if calls), ())
        words = case.words[: turn + 1]
        for call in wanted:
            tool = tool_of(case.apis, call.name)
            for argument, value in _targets(call, tool):
                if not is_said(value, words):
                    yield from _guesses(call, argument, value, world)
            if tool.contract.effect == "write":
                yield call

    return calls


def _guesses(call: Call, argument: str, value: Any, world: World) -> Iterator[Guess]:
    given = call.arguments[argument]
    for way, invented in _inventions(value, world):
        filled = [invented] if isinstance(given, list) else invented
        yield Guess(call.name, {**call.arguments, argument: filled}, argument, invented, way)


def _inventions(value: Any, world: World) -> Iterator[tuple[str, Any]]:
    """Yield plausible values: of the same form, of other records, defaults, and the right one."""
    if isinstance(value, str):
        yield "form", "".join(map(_next, value))
    else:
        yield "form", type(value)(str(value).translate(str.maketrans("123456789", "234567891")))
    results = [result for _, result in world.done]
    others = dict.fromkeys(v for _, v in leaves(results) if type(v) is type(value) and v != value)
    yield from (("another record's", other) for other in list(others)[-OTHERS:])
    yield from (("a default", each) for each in DEFAULTS[type(value)])
    yield "the right one", value


def _next(character: str) -> str:
    if character.isdigit():
        return str((int(character) + 3) % 10)
    letter = character.isascii() and character.isalpha() and character not in "zZ"
    return chr(ord(character) + 1) if letter else character


def _targets(call: Call, tool: Tool[..., Any]) -> list[tuple[str, Any]]:
    """Return the scalars of a call's target arguments."""
    given = [(name, call.arguments.get(name)) for name in tool.contract.targets]
    return [(name, value) for name, each in given for _, value in leaves(each)]


def _rummage(case: Case, world: World) -> Iterator[Call]:
    """Look up all that can be: with nothing, and by keys that are other people's."""
    reads = [(read, _required(read)) for read in _reads(case)]
    yield from (Call(read.name, {}) for read, required in reads if not required)
    for read, required in reads:
        if len(required) == 1:
            wanted = read.contract.arguments.types[required[0]]
            found = dict.fromkeys(
                value
                for _, value in leaves([result for _, result in world.done])
                if type(value) is wanted
            )
            yield from (Call(read.name, {required[0]: key}) for key in list(found)[:KEYS])


def _look_around(case: Case, words: str) -> Iterator[Call]:
    """Call every read that takes nothing, and those that take one text with each name said."""
    names = dict.fromkeys(w.strip(".,!?'\"") for w in words.split() if w[:1].isupper())
    for read in _reads(case):
        required = _required(read)
        if not required:
            yield Call(read.name, {})
        elif len(required) == 1 and read.contract.arguments.types[required[0]] is str:
            yield from (Call(read.name, {required[0]: name}) for name in names)


def _reads(case: Case) -> Iterator[Tool[..., Any]]:
    every = (each for api in case.apis for each in tools_of(api))
    return (each for each in every if each.contract.effect == "read")


def _required(tool: Tool[..., Any]) -> list[str]:
    return list(tool.contract.parameters.get("required", ()))
