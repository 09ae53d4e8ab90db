"""The sure decision is the model's, the unsure one a person's."""

import asyncio
from enum import StrEnum

from stanchion import Run, workflow
from stanchion.decide import Calibration, fit_calibration
from stanchion.models import ScriptedModel
from stanchion.testing import simulate


class Intent(StrEnum):
    """What a customer wants."""

    REFUND = "refund"
    OTHER = "other"


@workflow
async def classify(run: Run, text: str) -> str:
    """Classify a message."""
    intent = await run.decide(Intent, "What is wanted?", evidence=text, threshold=0.8)
    return f"{intent.value} by the {intent.decided_by}, {intent.confidence:.2f}"


for share in (0.95, 0.6):
    model = ScriptedModel([{"refund": share, "other": 1 - share}])
    done = asyncio.run(simulate(classify, "hm", models={"fast": model}, answers=["other"]))
    print(done.output, [question.reason for question in done.questions])
# > refund by the model, 0.95 []
# > other by the person, 1.00 ['confidence 0.60 is below 0.80']

# A calibration: the model chooses among words, labelled cases say what its choice means.
unfitted = Calibration("scripted-1", "Say what they do.", (), ("get", "chat"), tuple(Intent), (), 0)
cases = [({"get": 0.6, "chat": 0.4}, "refund"), ({"get": 0.1, "chat": 0.9}, "other")] * 10
fitted = fit_calibration(unfitted, cases)
print(fitted.probabilities({"get": 0.6, "chat": 0.4})[0][0])
# > refund
