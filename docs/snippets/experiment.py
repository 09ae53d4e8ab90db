"""Three messages, each a run; the second evaluation finds them done, and judges them anew."""

import asyncio

from stanchion import Run, Stanchion, workflow
from stanchion.evaluate import Case, Dataset, Experiment, estimate, evaluate, exact, slices
from stanchion.models import ModelRequest, ScriptedModel


@workflow
async def route(run: Run, message: str) -> str:
    """Say which desk a message belongs to."""
    done = await run.agent(goal="Name the desk.", tools=[], input=message)
    return done.output or ""


def answer(request: ModelRequest) -> str:
    """Send everything in German to the wrong desk."""
    return "front" if "bitte" in str(request.messages[-1]) else "refunds"


dataset = Dataset(
    (
        Case("money back please", "refunds", facts={"language": "en"}),
        Case("refund my order", "refunds", facts={"language": "en"}),
        Case("Geld zurück, bitte", "refunds", facts={"language": "de"}),
    )
)


async def main() -> None:
    """Evaluate, look at it, and evaluate again."""
    experiment = Experiment(route, dataset, {"exact": exact()})
    async with Stanchion("sqlite://:memory:", models={"strong": ScriptedModel(answer)}) as app:
        found = await evaluate(app, experiment)
        print("all", estimate(found.results, "exact"))
        for part in slices(found.results, "exact", by="language"):
            print(part.name, part)
        again = await evaluate(app, experiment)
        print(again.progress.reused, "of", again.progress.done, "were there already")


asyncio.run(main())
# > all 0.667 [0.094, 0.992]
# > de 0.000 [0.000, 0.988]
# > en 1.000 [0.112, 1.000]
# > 3 of 3 were there already
