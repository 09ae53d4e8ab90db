"""Fit the desk's calibration on labelled messages with the local model: ``python fit.py``.

Half of the messages of each intent fit the weights; the other half says how sure the model was
where it was wrong, which is what the desk's threshold must be above.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from desk import Intent

from stanchion.decide import Calibration, Node, fit_calibration, options_of
from stanchion.models import Model, ModelRequest, resolve

HERE = Path(__file__).parent
INSTRUCTION = "You read messages to a bank's support desk. Say what the customer wants to do."
WORDS = (
    "get know change cancel close block stop chat talk ask check refund see pay buy find thank "
    "make have send delete order switch return"
)


async def scores_of(
    model: Model, calibration: Calibration, text: str
) -> tuple[str, dict[str, float]]:
    """Return the model's version and how likely each word is as its answer."""
    sections = Node(options_of(Intent), "", text, calibration=calibration).sections()
    messages = tuple(message for section in sections.values() for message in section)
    request = ModelRequest(messages, choices=calibration.words, timeout=900)
    response = await model.complete(request)
    return response.model, dict(response.choices)


async def main() -> None:
    """Score every message, fit, and print what the half that was kept back says."""
    lines = (HERE / "calibration.jsonl").read_text(encoding="utf-8").splitlines()
    data = [json.loads(line) for line in lines]
    shown = tuple((case["text"], case["says"]) for case in data if "says" in case)
    cases = [case for case in data if "says" not in case]
    options = tuple(sorted({case["intent"] for case in cases}))
    model = resolve("local:smollm2")
    unfitted = Calibration("", INSTRUCTION, shown, tuple(WORDS.split()), options, (), 0)
    by_intent: dict[str, list[dict[str, float]]] = defaultdict(list)
    version = ""
    for number, case in enumerate(cases, 1):
        version, scores = await scores_of(model, unfitted, case["text"])
        by_intent[case["intent"]].append(scores)
        print(f"\r{number}/{len(cases)}", end="", flush=True)
    fitting = [(s, i) for i, several in by_intent.items() for s in several[::2]]
    kept = [(s, i) for i, several in by_intent.items() for s in several[1::2]]
    fitted = fit_calibration(unfitted, fitting)
    ranked = [(fitted.probabilities(scores)[0], intent) for scores, intent in kept]
    wrong = [share for (best, share), intent in ranked if best != intent]
    print(
        f"\nkept back: {len(kept) - len(wrong)} of {len(kept)} right; surest mistake: "
        f"{max(wrong, default=0):.2f}"
    )
    final = fit_calibration(unfitted, [*fitting, *kept])
    replace(final, model=version).save(HERE / "calibration.json")


if __name__ == "__main__":
    asyncio.run(main())
