"""What spans show of payloads: text for their attributes. Pure, once the payloads are read.

A payload that was erased shows as erased; a trace never fails for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stanchion.ledger import canonical
from stanchion.values import Message, Part

__all__ = ["ERASED", "Contents", "instructions_text", "messages_text", "shown"]

ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Contents:
    """The payloads and messages that some steps refer to."""

    payloads: Mapping[bytes, bytes]
    """Canonical JSON by digest."""
    messages: Mapping[bytes, Message]

    def value(self, digest: bytes | None, data: bytes | None = None) -> Any:
        """Return a payload's value, None without one."""
        if data is None and digest is not None:
            data = self.payloads.get(digest)
            if data is None:
                return ERASED
        return None if data is None else json.loads(data)

    def said(self, digests: Iterable[bytes]) -> list[Message]:
        """Return messages in order, those that are there."""
        return [self.messages[digest] for digest in digests if digest in self.messages]


def shown(value: Any) -> tuple[str, str]:
    """Return a value as text and that text's media type."""
    if isinstance(value, str):
        return value, "text/plain"
    return canonical(value).decode(), "application/json"


def messages_text(messages: Sequence[Message], finish: str = "") -> str:
    """Return messages as the JSON of ``gen_ai.input.messages`` and ``gen_ai.output.messages``."""
    ended = {"finish_reason": finish} if finish else {}
    plain = [
        {"role": message.role, "parts": [asdict(part) for part in message.parts], **ended}
        for message in messages
    ]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def instructions_text(parts: Sequence[Part]) -> str:
    """Return parts as the JSON of ``gen_ai.system_instructions``."""
    plain = [asdict(part) for part in parts]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
