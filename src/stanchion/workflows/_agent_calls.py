"""The calls of one agent: each goes through the gateway once, and each gets a response.

What was called is folded, from what
the steps returned, into a history that notices circles; its verdict on the next call is recorded
by that call's gateway, and the loop acts on what was recorded, so that a resumed run goes the same
way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from typing import Any

from stanchion.errors import Denied, Expired, Refused, ToolFailed
from stanchion.ledger import payload
from stanchion.tools import (
    CIRCLES,
    NOTICE_AT,
    STUCK,
    Admit,
    Answer,
    CallHistory,
    Contract,
    Recall,
    Refuse,
    Said,
    Seen,
    Tool,
    render_error,
)
from stanchion.values import Action, Json, ToolCall, ToolCallPart, ToolError, ToolResponsePart
from stanchion.workflows._asking import Asking
from stanchion.workflows._calls import Reply, propose_call
from stanchion.workflows._incarnation import Incarnation
from stanchion.workflows._kept import Kept
from stanchion.workflows._originals import OWN_TOOLS, Looked, look
from stanchion.workflows._outcomes import tool_error_of
from stanchion.workflows._quarantine import Resolved
from stanchion.workflows._reader import READER, Reader, Reading
from stanchion.workflows._workflow import Workflow

__all__ = ["AgentCalls", "Finding", "Outcome"]

CIRCLES_SINCE = 3
"""The first loop version that notices circles."""

REPEATS_SINCE = 4
"""The first loop version whose run knows repeated writes, so that the loop needn't."""

DENIALS_SINCE = 5
"""The first loop version to which a person's no isn't news from the tool."""

AT_ONCE = 8
"""Reads of one turn that run together."""

MAX_PARTIAL_BYTES = 256 * 1024
"""Of the findings that a result repeats; the ledger has them all."""

LONGEST_PAUSE = timedelta(minutes=10)
"""Told to wait for longer, a model had better do something else."""

_TOLD_TO_WAIT = {"limit_reached", "circuit_open"}
_NOT_MADE = {"no_progress", STUCK}
_NOT_WANTED = {"denied", "expired"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one call of an agent brought."""

    tool: str
    arguments: Json
    result: Json


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a proposed call: a reply, an error, or nothing since it was performed before."""

    tool: Tool[..., Any] | None = None
    """None if it couldn't be called at all."""
    reply: Reply | None = None
    error: ToolError | None = None
    performed: bytes = b""
    reading: Reading | None = None
    circle: str = ""
    """The rule that ended a run which the call started, if runs call each other in circles."""
    looked: Looked | None = None
    """What a call of one of the runtime's own tools brought."""


@dataclass(slots=True)
class AgentCalls:
    """What an agent's loop knows of its calls."""

    incarnation: Incarnation
    workflow: Workflow[Any, Any, Any]
    tools: Mapping[str, Tool[..., Any]]
    history: CallHistory
    asking: Asking | None
    """What only the user can say; None in a loop of a version that asked nobody."""
    loop: int
    """The version of the loop."""
    kept: Kept
    """What it can go back to."""
    reader: Reader | None = None
    """Reads what is hidden from the planner; None if nothing is."""
    looks_back: bool = False
    """Whether the runtime's own tools are offered."""
    count: int = 0
    stuck: str = ""
    """Why the loop has to end, once it has."""
    performed: dict[bytes, Json] = field(default_factory=dict[bytes, "Json"])
    """Responses to writes already performed, by tool and arguments."""
    _pauses: list[timedelta | None] = field(default_factory=list["timedelta | None"])
    """For how long each call of this turn was told to wait, if it was."""

    def together(self, parts: Sequence[ToolCallPart]) -> int:
        """Return how many calls may be made at once: reads, while they bring something new.

        What calls made at once brought is judged afterwards; one after the other, each is.
        """
        at_once = AT_ONCE if len(self.history.barren) < NOTICE_AT else 1
        return max(1, sum(1 for _ in takewhile(self._changes_nothing, parts[:at_once])))

    def _changes_nothing(self, part: ToolCallPart) -> bool:
        tool = self.tools.get(part.name)
        return tool is None or tool.contract.effect == "read"

    async def answer(self, part: ToolCallPart) -> ToolResponsePart:
        """Make one proposed call and return what the model is told of it."""
        return self.tell(part, await self.make(part))

    async def make(self, part: ToolCallPart) -> Outcome:
        """Make one proposed call."""
        tool = self.tools.get(part.name)
        if self.stuck:
            return Outcome(error=_ENDED)
        if self.reader is not None and part.name == READER.name:
            read = await self.reader.read(part.arguments)
            return Outcome(error=read) if isinstance(read, ToolError) else Outcome(reading=read)
        if tool is None and self.looks_back and part.name in OWN_TOOLS:
            return await self._look(part)
        if tool is None or not isinstance(part.arguments, Mapping):
            return Outcome(error=_unusable(tool, part, self.tools))
        identity = payload([part.name, part.arguments]).digest
        if self._remembers() and identity in self.performed:
            return Outcome(tool, performed=identity)
        reply = error = None
        place = self.incarnation.next_place()
        try:
            reply = await self._call(tool, part, part.arguments)
        except (ToolFailed, Denied, Expired, Refused) as raised:
            error = tool_error_of(raised)
        return Outcome(tool, reply, error, circle=self.incarnation.circles.get(place, ""))

    def tell(self, part: ToolCallPart, outcome: Outcome) -> ToolResponsePart:
        """Take in what came of a call, and return what the model is told of it."""
        told = self._tell(part, outcome)
        if outcome.circle:
            self.stuck = f"agents call each other in circles: {CIRCLES[outcome.circle]}"
        return told

    def _tell(self, part: ToolCallPart, outcome: Outcome) -> ToolResponsePart:
        self.count += 1
        tool, reply, error = outcome.tool, outcome.reply, outcome.error
        if error is _ENDED:
            return ToolResponsePart(part.id, render_error(_ENDED))
        if error is not None:
            if tool is not None and self.asking is not None:
                self.asking.need(tool.contract, error)
            made = tool is not None or outcome.looked is not None
            answer = self._failed(part, error, made=made)
            self.kept.note(part, answer.response, failed=True, trusted=self._is_vouched(tool))
            return answer
        if outcome.reading is not None and self.reader is not None:
            shown = self.reader.tell(outcome.reading)
            self.kept.note(part, shown, trusted=True)
            return self._answered(part, Seen(part.name, part.arguments, shown), shown, {})
        if outcome.looked is not None:
            shown = outcome.looked.value
            self.kept.note(part, shown, trusted=outcome.looked.trusted, looked=True)
            return self._answered(part, Seen(part.name, part.arguments, shown), shown, {})
        if tool is None or reply is None:
            return self._performed_before(part, self.performed[outcome.performed])
        encoded = tool.contract.encode_result(reply.value)
        result: Json = json.loads(encoded.data)
        read = tool.contract.effect == "read"
        wrote = not read and not reply.repeats
        if self._remembers() and wrote:
            self.performed[payload([part.name, part.arguments]).digest] = result
        seen = Seen(part.name, part.arguments, result, wrote=wrote, read=read)
        shown = result
        if self.reader is not None:
            shown = self.reader.quarantine.show(tool.contract, result)
        vouched = self._is_vouched(tool)
        shown = self.kept.show(part, encoded, shown, wrote=wrote, trusted=vouched)
        return self._answered(part, seen, shown, reply.notice)

    def _is_vouched(self, tool: Tool[..., Any] | None) -> bool:
        """Tell whether all that is shown of a tool's answer is; what isn't may be hidden."""
        return self.reader is not None or (tool is not None and tool.contract.trusted)

    async def ask(self) -> list[str]:
        """Ask a person for what only the user can say, and return what to tell the model of it."""
        said = [] if self.asking is None else await self.asking.ask()
        if said:
            self.history.known.give("\n".join(said))
            self.history.start_again()
        return said

    def pause(self) -> timedelta | None:
        """Return, once, how long to wait before the model is asked again: all it got was that."""
        pauses, self._pauses = self._pauses, []
        told = [pause for pause in pauses if pause is not None]
        if not told or len(told) < len(pauses) or max(told) > LONGEST_PAUSE:
            return None
        return max(told)

    def findings(self) -> tuple[Finding, ...]:
        """Return what the calls brought so far, the newest of it if it is much."""
        kept: list[Finding] = []
        size = 0
        for seen in reversed([s for s in self.history.found if not s.failed]):
            size += len(payload([seen.arguments, seen.result]).data)
            if size > MAX_PARTIAL_BYTES:
                break
            kept.append(Finding(seen.tool, seen.arguments, seen.result))
        return tuple(reversed(kept))

    def go_on(self) -> None:
        """Start afresh, as a person said so."""
        self.stuck = ""
        self.history.start_again()

    async def _call(
        self, tool: Tool[..., Any], part: ToolCallPart, arguments: Mapping[str, Any]
    ) -> Reply:
        async def gate(_: ToolCall) -> Said:
            return self._judge(tool.contract, part.arguments)

        given = Resolved(arguments, ())
        if self.reader is not None:
            given = self.reader.quarantine.resolve(arguments)
        return await propose_call(
            self.incarnation,
            self.workflow,
            tool,
            given.arguments,
            call_id=part.id,
            handles=given.handles,
            gates=[gate],
        )

    async def _look(self, part: ToolCallPart) -> Outcome:
        if not isinstance(part.arguments, Mapping):
            return Outcome(error=_unusable(OWN_TOOLS[part.name], part, OWN_TOOLS))
        arguments, contract = part.arguments, OWN_TOOLS[part.name].contract

        def refuse() -> ToolError | None:
            said = self._judge(contract, arguments)
            return said.error if isinstance(said, Refuse) else None

        looked = await look(self.incarnation, self.kept, part.name, arguments, refuse)
        return Outcome(error=looked.error, looked=looked)

    def _judge(self, contract: Contract, arguments: Json) -> Said:
        if not self._watches():
            return Admit()
        now = self.incarnation.host.clock.now()
        verdict = self.history.judge(contract, arguments, now)
        if isinstance(verdict, Recall):
            recalled = contract.decode_result(payload(verdict.result).data)
            return Answer(recalled, verdict.why)
        if not isinstance(verdict, Refuse):
            self.history.asks_now(contract, arguments, now)
        return verdict

    def _refusal(self) -> Admit | Refuse:
        return self.history.refusal() if self._watches() else Admit()

    def _notice(self) -> str:
        return self.history.notice() if self._watches() else ""

    def _remembers(self) -> bool:
        return self.loop < REPEATS_SINCE

    def _watches(self) -> bool:
        return self.loop >= CIRCLES_SINCE

    def _brings_nothing(self, error: ToolError) -> bool:
        """Tell whether a call wasn't made, so that its error says nothing of the tool's matter."""
        denied = error.code in _NOT_WANTED and self.loop >= DENIALS_SINCE
        return denied or error.code in _NOT_MADE

    def _performed_before(self, part: ToolCallPart, result: Json) -> ToolResponsePart:
        refusal = self._refusal()
        if isinstance(refusal, Refuse):
            return self._failed(part, refusal.error)
        note = "this exact call was made before in this task; its recorded result follows"
        self.history.add(Seen(part.name, part.arguments, result))
        self._pauses.append(None)
        return ToolResponsePart(part.id, {"notice": note, "result": result})

    def _answered(
        self, part: ToolCallPart, seen: Seen, result: Json, known: Mapping[str, Json]
    ) -> ToolResponsePart:
        self.history.add(seen)
        self._pauses.append(None)
        notices = [str(known["notice"])] if known else []
        notices += filter(None, [self._notice()])
        if not notices:
            return ToolResponsePart(part.id, result)
        return ToolResponsePart(part.id, {**known, "notice": "; ".join(notices), "result": result})

    def _failed(
        self, part: ToolCallPart, error: ToolError, *, made: bool = True
    ) -> ToolResponsePart:
        refusal = Refuse(error) if made else self._refusal()
        if isinstance(refusal, Refuse):
            error = refusal.error
        rendered = render_error(error)
        self._pauses.append(_told(error))
        if self._brings_nothing(error):
            self.history.add_refused(part.name, part.arguments)
            self.stuck = error.problem if error.code == STUCK else ""
            return ToolResponsePart(part.id, rendered)
        if self._pauses[-1] is None or error.code != "limit_reached":
            self.history.add(Seen(part.name, part.arguments, rendered, failed=True))
            if notice := self._notice():
                rendered["notice"] = notice
        return ToolResponsePart(part.id, rendered)


_ENDED = ToolError("not_made", "the task was stopped before this call", Action.STOP)


def _told(error: ToolError) -> timedelta | None:
    if error.code not in _TOLD_TO_WAIT or error.retry_after is None:
        return None
    wait = timedelta(seconds=error.retry_after)
    return wait if wait <= LONGEST_PAUSE else None


def _unusable(
    tool: Tool[..., Any] | None, part: ToolCallPart, named: Mapping[str, Any]
) -> ToolError:
    if tool is None:
        return ToolError(
            "unknown_tool",
            "there is no tool with this name",
            Action.USE_OTHER_TOOL,
            expected=f"one of {', '.join(sorted(named))}",
        )
    return ToolError("bad_arguments", "the arguments aren't a JSON object", Action.FIX_ARGUMENTS)
