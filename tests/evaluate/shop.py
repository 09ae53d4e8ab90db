"""A small workflow to evaluate: it asks a model, and looks up prices when asked to."""

from __future__ import annotations

from stanchion import Run, tool, workflow
from stanchion.models import ModelRequest, ScriptedModel
from stanchion.values import TextPart

__all__ = ["PRICES", "answer", "obliging", "price", "quote"]

PRICES = {"tea": 3, "jam": 5}


@tool(read=True)
async def price(item: str) -> int:
    """Look up what an item costs."""
    return PRICES[item]


@workflow
async def answer(run: Run, text: str) -> str:
    """Have a model answer."""
    done = await run.agent(goal="answer", tools=[], input=text)
    return done.output or ""


@workflow(tools=[price])
async def quote(run: Run, items: list[str]) -> dict[str, int]:
    """Look up prices, one after the other."""
    return {item: await run.call(price, item) for item in items}


def obliging() -> ScriptedModel:
    """Return a model that answers with what it was told, upper-cased; it refuses to shout."""

    def said(request: ModelRequest) -> str:
        parts = request.messages[-1].parts
        text = "".join(part.content for part in parts if isinstance(part, TextPart))
        return text.upper()

    return ScriptedModel(said)
