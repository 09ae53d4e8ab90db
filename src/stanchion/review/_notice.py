"""What people are told about an open question outside of it, and when: asked, reminded, escalated.

A notice says that there is a question, not what it is about: no argument and no evidence leaves
through it. It is signed as Standard Webhooks 1.0 say (https://www.standardwebhooks.com), so that a
receiver can check that it is ours and not a replay.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from stanchion.errors import ConfigurationError
from stanchion.review._defang import defang
from stanchion.review._who import Reviewers, roles_now
from stanchion.values import Json, Question

__all__ = ["due_notices", "headers_of", "key_of", "notice_of"]

MAX_PROMPT = 300
"""Characters of the prompt, which a workflow may have put together from anything."""
_MIN_KEY = 24
"""Bytes of a signing key, as the specification asks."""


def due_notices(question: Question, now: datetime) -> tuple[str, ...]:
    """Return what has become due since a question was asked, oldest first; the newest says it all.

    Each is a stable name: ``asked``, ``reminder-3600``, ``escalation-14400`` (seconds).
    """
    if question.asked_at is None:
        return ()
    times = [(0.0, "asked")]
    times += [(after, f"reminder-{after:g}") for after in question.who.reminds]
    times += [(after, f"escalation-{after:g}") for after, _ in question.who.escalates]
    age = now - question.asked_at
    return tuple(name for after, name in sorted(times) if timedelta(seconds=after) <= age)


def notice_of(
    question: Question, workflow: str, notice: str, reviewers: Reviewers, now: datetime
) -> bytes:
    """Return a notice as JSON: where the question is, who may answer it and until when."""
    roles = roles_now(question, now)
    data: dict[str, Json] = {
        "question": question.id,
        "run": question.run,
        "workflow": workflow,
        "kind": question.kind.value,
        "prompt": defang(question.prompt, limit=MAX_PROMPT, one_line=True),
        "roles": list(roles),
        "people": list(reviewers.able(question, now)) if roles else [],
        "asked_at": None if question.asked_at is None else question.asked_at.isoformat(),
        "expires_at": None if question.expires_at is None else question.expires_at.isoformat(),
    }
    event = {"type": f"question.{notice.partition('-')[0]}", "timestamp": now.isoformat()}
    return json.dumps({**event, "data": data}, ensure_ascii=False).encode()


def key_of(secret: str) -> bytes:
    """Return the signing key of a ``whsec_`` secret. Raises ConfigurationError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _MIN_KEY:
        raise ConfigurationError(
            "the secret of the notices can't be used",
            remedy="give whsec_ and the base64 of 24 to 64 random bytes: "
            'python -c "import base64,secrets;'
            "print('whsec_'+base64.b64encode(secrets.token_bytes(32)).decode())\"",
        )
    return key


def headers_of(key: bytes, id: str, body: bytes, now: datetime) -> Mapping[str, str]:  # noqa: A002
    """Return the headers that identify and sign a notice; the id is the same on every attempt."""
    stamp = str(int(now.timestamp()))
    signed = b".".join([id.encode(), stamp.encode(), body])
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
