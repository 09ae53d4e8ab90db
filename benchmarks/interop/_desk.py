"""The support desk's runs that are exported: alone, with a person, with an agent, failed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stanchion import Principal, Settings, Stanchion
from stanchion.models import Model, ModelRequest, ModelResponse, ScriptedModel
from stanchion.observe import Span, SpanReader
from stanchion.values import ToolCallPart, Usage

FOLDER = Path(__file__).parents[2] / "examples" / "support_desk"
ACCOUNT = "4400112201"
SESSION, USER, TENANT = "conversation-7", "sam", "bank"
TAGS = {"session": SESSION, "channel": "chat"}
USAGE = Usage(1200, 300, cache_read_tokens=1000, cache_write_tokens=150, reasoning_tokens=200)
BODY = "You took £80.00 twice, refund me"


@dataclass(frozen=True)
class Metered:
    """A scripted model that reports usage, so that what is exported has tokens and a cost."""

    script: ScriptedModel
    name: str = "openai:gpt-5-mini"
    real: bool = True

    async def complete(self, request: ModelRequest) -> ModelResponse:
        answer = await self.script.complete(request)
        return replace(
            answer,
            usage=USAGE,
            model="gpt-5-mini-2025-08-07",
            provider="openai",
            response_id="resp-1",
        )


async def run_desk(url: str, folder: Path) -> list[Span]:
    """Run the desk on a store; return the spans that ought to arrive, in order."""
    sys.path.insert(0, str(FOLDER))
    desk: Any = importlib.import_module("desk")
    bank: Any = importlib.import_module("bank").Bank(folder / "bank.db")
    bank.open_account(ACCOUNT, "Sam Doe")
    settings, ticket = Settings(poll_seconds=0.02), desk.Ticket(id="T1", body=BODY)
    async with Stanchion(url, models=models(desk), deps=bank, settings=settings) as app:
        runs = [
            await run_once(app, w, ticket) for w in (desk.handle_ticket, desk.handle_with_agent)
        ]
        reader = SpanReader(app.store)
        return [span for run in runs for span in [s async for s in reader.of_run(run)]]


async def run_once(app: Stanchion, workflow: Any, ticket: Any) -> str:
    """Run a workflow to its end, approving what it asks; return the run."""
    customer = Principal("sam", claims={"account": ACCOUNT})
    handle = await app.start(
        workflow, ticket, tenant=TENANT, user=USER, tags=TAGS, initiator=customer
    )
    while (await handle.status()).state in ("running", "waiting"):
        for question in await app.reviews.pending(run=handle.id):
            await handle.answer(question.id, "approve", by="eve", comment="looks right")
        await app.wait_for_change(handle.id)
    return handle.id


def models(desk: Any) -> Mapping[str, Model]:
    """Return models that read the ticket right."""
    scores = dict.fromkeys(desk.CALIBRATION.words, 0.001) | {"get": 0.9}
    look = ToolCallPart("call-1", "find_account", {"account_number": "0000000000"})
    return {
        "fast": ScriptedModel(lambda _: scores, version=desk.CALIBRATION.model),
        "quarantine": Metered(ScriptedModel(lambda _: {"amount": "80.00"})),
        "strong": Metered(
            ScriptedModel(
                lambda request: (
                    "The account isn't there."
                    if any(m.role == "tool" for m in request.messages)
                    else look
                )
            )
        ),
    }
