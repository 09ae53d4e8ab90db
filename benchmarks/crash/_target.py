"""The world outside: a process that performs effects and writes each request to its log.

It is never killed. It honours keys where its contract says so, for good or for a while, answers
whether it knows an effect, and can be told to take long. A line is in the log before an effect
counts as performed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.crash._processes import outlive_nobody
from benchmarks.crash._world import BRIEF, GUARDED, LOOK, OUTAGE_SECONDS, TOOLS_OUTSIDE

__all__ = ["serve_target"]

_SHORTLY_SECONDS = 0.05


@dataclass
class Target:
    """What was received and performed."""

    log: int
    """A file descriptor, opened to append."""
    receipts: dict[str, str] = field(default_factory=dict[str, str])
    """By item, the last one."""
    by_key: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    """Receipts and times of the keys received."""
    asked: defaultdict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )
    """Keys that somebody asked about."""
    performed: int = 0
    back_at: float | None = None
    """When what the guarded tool needs is there again."""

    def perform(self, request: dict[str, Any]) -> str | None:
        """Perform an effect, or recognise its key; None says that it failed."""
        tool, item, key = request["tool"], request["item"], request["key"]
        if tool == GUARDED and self._is_out():
            self._note(request, "", performed=False)
            return None
        receipt = self._known(tool, key)
        fresh = receipt is None
        if receipt is None:
            self.performed += tool != LOOK
            receipt = f"{item}#{self.performed}.{os.urandom(4).hex()}"
        self._note(request, receipt, performed=fresh)
        if fresh:
            self.receipts[item] = receipt
            self.by_key[key] = (receipt, time.monotonic())
        return receipt

    def _note(self, request: dict[str, Any], receipt: str, *, performed: bool) -> None:
        line = {**request, "receipt": receipt, "performed": performed, "at": time.time()}
        os.write(self.log, json.dumps(line).encode() + b"\n")

    def _is_out(self) -> bool:
        now = time.monotonic()
        if self.back_at is None:
            self.back_at = now + OUTAGE_SECONDS
        return now < self.back_at

    def _known(self, tool: str, key: str) -> str | None:
        contract = TOOLS_OUTSIDE.get(tool)
        if contract is None or not contract.key or key not in self.by_key:
            return None
        receipt, since = self.by_key[key]
        kept = contract.key == "key" or time.monotonic() - since < BRIEF.total_seconds()
        return receipt if kept else None

    async def answer(self, request: dict[str, Any]) -> str | None:
        """Answer one request."""
        match request.pop("do"):
            case "perform":
                await self._transit(request["key"], request.pop("transit_seconds"))
                pause = request.pop("answer_seconds")
                receipt = self.perform(request)
                await asyncio.sleep(pause)
                return receipt
            case "find key":
                self.asked[request["key"]].set()
                known = self.by_key.get(request["key"])
                return None if known is None else known[0]
            case _:
                return self.receipts.get(request["item"])

    async def _transit(self, key: str, longest: float) -> None:
        """Hold a request back until just after somebody asked what became of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self.asked[key].wait()
                await asyncio.sleep(_SHORTLY_SECONDS)


def serve_target(socket: Path, log: Path) -> None:
    """Serve until the parent is gone."""
    asyncio.run(_serve(socket, log))


async def _serve(socket: Path, log: Path) -> None:
    target = Target(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := await reader.readline():
                answer = await target.answer(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # whoever asked was killed meanwhile
        finally:
            writer.close()

    async with await asyncio.start_unix_server(handle, socket):
        await outlive_nobody()
