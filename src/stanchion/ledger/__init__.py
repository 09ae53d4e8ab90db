"""The ledger: one append-only record that recovery, tracing, audit, budgets and evaluation read.

An entry belongs to a run and stands at a place; values from outside are payloads, kept once under
their digest; a commit is one transaction. The room knows nothing of models or tools. Stores are
imported when one is opened, since their drivers take longer to import than everything else.
"""

# Lazy names aren't in the module until first used:
# pyright: reportUnsupportedDunderAll=false

from __future__ import annotations

import importlib
from typing import Any

from stanchion.ledger._codec import (
    MAX_PAYLOAD_BYTES,
    Codec,
    canonical,
    codec_for,
    digest,
    payload,
)
from stanchion.ledger._journal import (
    ACCEPTED,
    Journal,
    Recorded,
    is_replaced,
    lane_below,
    lane_of_branch,
)
from stanchion.ledger._prompts import (
    PromptLog,
    PromptRecord,
    Sections,
    add_to_log,
    pack_message,
    prompt_digests,
    read_message,
    read_prompt,
)
from stanchion.ledger._records import (
    Account,
    Charge,
    Commit,
    Decide,
    Document,
    DocumentFilter,
    Draft,
    Durability,
    Entry,
    EntryPhase,
    Found,
    Inbox,
    LateOutcome,
    Message,
    NewRun,
    Payload,
    Place,
    RunChange,
    RunFilter,
    RunRecord,
    Settlement,
    Shared,
    Wait,
    share_of,
)
from stanchion.ledger._store import Fenced, NoRoom, Store
from stanchion.ledger._trace_context import (
    TRACEPARENT,
    TraceContext,
    span_id,
    trace_context,
    traceparent,
)
from stanchion.ledger._words import query_words, words_of

__all__ = [
    "ACCEPTED",
    "MAX_PAYLOAD_BYTES",
    "TRACEPARENT",
    "Account",
    "Charge",
    "Codec",
    "Commit",
    "Decide",
    "Document",
    "DocumentFilter",
    "Draft",
    "Durability",
    "Entry",
    "EntryPhase",
    "Fenced",
    "Found",
    "Inbox",
    "Journal",
    "LateOutcome",
    "Message",
    "NewRun",
    "NoRoom",
    "Payload",
    "Place",
    "PromptLog",
    "PromptRecord",
    "Recorded",
    "RunChange",
    "RunFilter",
    "RunRecord",
    "Sections",
    "Settlement",
    "Shared",
    "Store",
    "TraceContext",
    "VerifyReport",
    "Wait",
    "add_to_log",
    "canonical",
    "codec_for",
    "digest",
    "is_replaced",
    "lane_below",
    "lane_of_branch",
    "open_store",
    "pack_message",
    "payload",
    "prompt_digests",
    "query_words",
    "read_message",
    "read_prompt",
    "share_of",
    "span_id",
    "trace_context",
    "traceparent",
    "verify",
    "words_of",
]

_LAZY = {
    "VerifyReport": "stanchion.ledger._verify",
    "open_store": "stanchion.ledger._open",
    "verify": "stanchion.ledger._verify",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
