"""Records as JSON for ``--json``: every fact that is shown, under its own name, nothing rounded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from stanchion.cli._evidence import Detail
from stanchion.ledger import Entry, RunRecord, Settlement
from stanchion.values import Message, Step
from stanchion.workflows import spent_by

__all__ = ["account_of", "detail_of", "entry_of", "message_of", "prompt_of", "run_of", "step_of"]


def run_of(record: RunRecord) -> dict[str, Any]:
    """Return a run's projection."""
    return {
        "id": record.id,
        "workflow": record.workflow,
        "version": record.version,
        "state": record.state.value,
        "reason": record.reason,
        "tenant": record.tenant,
        "user": record.user,
        "key": record.key,
        "tags": dict(record.tags),
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "root": record.root,
        "parent": record.parent,
        "predecessor": record.predecessor,
        "successor": record.successor,
        "forked_from": record.forked_from,
        "forked_at": record.forked_at,
        "worker": record.worker,
        "epoch": record.epoch,
        "seq": record.seq,
        "account": account_of(record.account),
    }


def account_of(account: Settlement) -> dict[str, Any]:
    """Return what was used, with the cost as an exact amount."""
    return {
        **{name: value for name, value in asdict(account).items() if name != "cost_nanos"},
        "cost_usd": f"{Decimal(account.cost_nanos).scaleb(-9):f}",
    }


def step_of(step: Step) -> dict[str, Any]:
    """Return a step with all below it."""
    seconds = None if step.ended_at is None else (step.ended_at - step.started_at).total_seconds()
    return {
        "seq": step.seq,
        "lane": step.lane,
        "ordinal": step.ordinal,
        "kind": step.kind,
        "name": step.name,
        "status": step.status,
        "started_at": step.started_at.isoformat(),
        "ended_at": _written(step.ended_at),
        "seconds": seconds,
        "request": step.request,
        "result": step.result,
        "facts": dict(step.facts),
        "spent": account_of(spent_by(step)),
        "children": [step_of(child) for child in step.children],
    }


def entry_of(entry: Entry) -> dict[str, Any]:
    """Return one entry of the ledger."""
    return {
        "run": entry.run,
        "seq": entry.seq,
        "lane": entry.place.lane,
        "ordinal": entry.place.ordinal,
        "phase": entry.phase.value,
        "kind": entry.kind,
        "name": entry.name,
        "request": None if entry.request is None else entry.request.hex(),
        "result": None if entry.result is None else entry.result.hex(),
        "facts": dict(entry.facts),
        "epoch": entry.epoch,
        "recorded_at": entry.recorded_at.isoformat(),
    }


def detail_of(detail: Detail) -> dict[str, Any]:
    """Return one entry with everything that it refers to."""
    return {
        **entry_of(detail.entry),
        **{f"{name}_value": value for name, value in detail.values.items()},
        "prompt": prompt_of(detail.prompt),
        "response": None if detail.response is None else message_of(detail.response),
    }


def prompt_of(prompt: Mapping[str, Sequence[Message]]) -> dict[str, Any]:
    """Return a prompt by section."""
    return {
        name: [message_of(message) for message in messages] for name, messages in prompt.items()
    }


def message_of(message: Message) -> dict[str, Any]:
    """Return one message."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(message)))
    return plain


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
