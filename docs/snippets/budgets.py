"""A run that reaches its ceiling waits, and goes on from there once it is raised."""

import asyncio

from stanchion import Budget, Run, workflow
from stanchion.models import ScriptedModel
from stanchion.testing import simulate


@workflow(budget=Budget(usd="0.25", tokens=60_000, model_calls=2))
async def summarise(run: Run, texts: list[str]) -> list[str | None]:
    """Summarise each text."""
    return [await run.extract(str, source=text, role="fast") for text in texts]


def models() -> dict[str, ScriptedModel]:
    """Return a model that has three answers."""
    return {"fast": ScriptedModel(['"one"', '"two"', '"three"'])}


waiting = asyncio.run(simulate(summarise, ["a", "b", "c"], models=models()))
print(waiting.state, waiting.questions[0].kind, waiting.questions[0].subject["spent"])
# > waiting ceiling 2 model calls

done = asyncio.run(simulate(summarise, ["a", "b", "c"], models=models(), answers=[("raise", 5)]))
print(done.output, done.record.account.model_calls)
# > ['one', 'two', 'three'] 3
