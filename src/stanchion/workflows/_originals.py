"""The runtime's own tools for an agent: what has left the window, and results too large for it.

Both read the run's own record, so they change nothing, need no grounds, and bring nothing that the
run hasn't seen: no value becomes more or less trusted by being looked at again. They are offered
once there is something to find with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stanchion.context import NoSuchPath, at_path, find_words, slice_of, text_of
from stanchion.ledger import codec_for, payload
from stanchion.tools import CallContext, NotPerformed, Tool, call, tool
from stanchion.values import Action, Json, ToolError
from stanchion.workflows._incarnation import Incarnation, StepScope
from stanchion.workflows._kept import Kept, Part

__all__ = ["OWN_SPECS", "OWN_TOOLS", "Looked", "look"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look brought."""

    value: Json = None
    trusted: bool = False
    error: ToolError | None = None


_codec = codec_for(Looked)


@tool(read=True, retries=0)
async def recall(context: CallContext[Kept], what: str) -> Part:  # noqa: D417
    """Find earlier turns of this task that left your view.

    Args:
        what: A turn such as "turn 17", a handle, or words that stood there, best names and codes.

    """
    kept, named = context.deps, what.strip()
    if named in kept.handles:
        return _part(await kept.result(named), 0, kept.most)
    number = kept.turn_named(named)
    found = await kept.search(named) if number is None else await kept.turn(number)
    if found is None:
        problem = "no turn that left your view has these words, or this number"
        raise NotPerformed(_nothing(problem, "fewer or other words"))
    return found if number is None else _bounded(found, kept.most)


@tool(read=True, retries=0)
async def read_result(  # noqa: D417
    context: CallContext[Kept],
    handle: str,
    by: Literal["head", "slice", "search", "path"] = "head",
    at: str = "",
) -> Part:
    """Read a part of a result that was too large to be shown.

    Args:
        handle: The result's handle, as shown.
        by: The head, a slice from a character on, a search for words, or a path in its JSON.
        at: The slice's first character, the words, or the path, such as items[3].code or
            items[*].code.

    """
    kept = context.deps
    if handle not in kept.handles:
        raise NotPerformed(_nothing("there is no result with this handle", "a handle as shown"))
    whole = await kept.result(handle)
    match by:
        case "search":
            hits = find_words(text_of(whole.value), at, most=kept.most // 300 + 1)
            return Part(hits, whole.trusted)
        case "path":
            return _bounded(Part(_at(whole.value, at), whole.trusted), kept.most)
        case "slice" if not at.strip().isdecimal():
            raise NotPerformed(_nothing("a slice begins at a number", "at: a number such as 4000"))
        case _:
            return _part(whole, int(at) if by == "slice" else 0, kept.most)


OWN_TOOLS: Mapping[str, Tool[..., Any]] = {each.name: each for each in (recall, read_result)}
OWN_SPECS = tuple(each.contract.spec() for each in OWN_TOOLS.values())


async def look(
    incarnation: Incarnation,
    kept: Kept,
    name: str,
    arguments: Mapping[str, Any],
    refuse: Callable[[], ToolError | None],
) -> Looked:
    """Perform one look as a step, its arguments as the model gave them.

    ``refuse`` says whether it leads round in circles; what it said is recorded.
    """

    async def body(_: StepScope) -> Looked:
        if (refused := refuse()) is not None:
            return Looked(error=refused)
        result = await call(OWN_TOOLS[name], arguments, deps=kept)
        if result.error is not None:
            return Looked(error=result.error)
        return Looked(result.value.value, result.value.trusted)

    return await incarnation.perform("look", name, payload({"arguments": arguments}), _codec, body)


def _bounded(found: Part, most: int) -> Part:
    return found if len(text_of(found.value)) <= most else _part(found, 0, most)


def _part(whole: Part, start: int, most: int) -> Part:
    return Part(slice_of(text_of(whole.value), start, most), whole.trusted)


def _at(value: Json, path: str) -> Json:
    try:
        return at_path(value, path)
    except NoSuchPath as error:
        raise NotPerformed(_nothing(str(error), "a path that the result has")) from error


def _nothing(problem: str, expected: str) -> ToolError:
    return ToolError("not_found", problem, Action.FIX_ARGUMENTS, expected=expected)
