"""Certificates: what they claim, what they refuse, and when a node may decide alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from stanchion import Run, workflow
from stanchion.decide import Certificate, Node, options_of, void_because
from stanchion.errors import ConfigurationError
from stanchion.evaluate import Decided, ErrorBudget, certify
from stanchion.models import ScriptedModel
from stanchion.testing import simulate

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Intent(StrEnum):
    REFUND = "refund"
    OTHER = "other"


QUESTION = "What is wanted?"
MODEL = ScriptedModel([{"refund": 0.97, "other": 0.03}])
NODE = Node(options_of(Intent), QUESTION, "")


def cases(name: str, n: int, *, wrong: int = 0) -> list[Decided]:
    """Return cases whose surest decisions are right and whose last ones are wrong."""
    return [
        Decided(f"{name}-{i}", 1 - i / (2 * n), i < n - wrong, "de" if i % 3 else "en")
        for i in range(n)
    ]


def a_certificate(risk: float = 0.05, node: str = "n") -> Certificate:
    return certify(
        node=node,
        risk=risk,
        tuning=cases("t", 200),
        threshold=cases("c", 400),
        test=cases("f", 100),
    )


def test_a_certificate_says_threshold_coverage_test_and_worst_slice() -> None:
    found = a_certificate()
    assert found.threshold is not None
    assert (found.errors, found.missing) == (0, 0)
    assert found.coverage > 0.9
    assert found.checked is not None
    assert found.checked.errors == 0
    assert found.worst is not None
    assert found.worst.name in {"de", "en"}
    assert "not for each slice" in str(found)


def test_too_few_labels_are_said_to_be_too_few_and_how_many_are_missing() -> None:
    found = certify(node="n", risk=0.02, tuning=cases("t", 50), threshold=cases("c", 50))
    assert (found.threshold, found.missing) == (None, 64)
    assert "64 further labels" in str(found)


@pytest.mark.promise("DECIDE-2")
def test_a_case_in_two_sets_is_refused() -> None:
    both, others = cases("t", 60), cases("c", 60)
    attempts = [
        lambda: certify(node="n", risk=0.1, tuning=both, threshold=both),
        lambda: certify(node="n", risk=0.1, tuning=both, threshold=others, test=both[:1]),
        lambda: certify(node="n", risk=0.1, tuning=both, threshold=others, fitted={both[3].case}),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigurationError, match="is in both") as refused:
            attempt()
        assert "split" in refused.value.remedy


def test_a_case_that_occurs_a_hundred_times_counts_once() -> None:
    one = cases("c", 1)
    found = certify(node="n", risk=0.1, tuning=cases("t", 100), threshold=one * 500)
    assert (found.threshold, found.cases) == (None, 1)


def test_the_error_of_all_nodes_and_refits_together_is_the_budgets() -> None:
    budget = ErrorBudget(0.9, nodes=3)
    spent = sum(3 * (1 - budget.confidence_of(n)) for n in range(1, 5000))
    assert spent == pytest.approx(0.1, abs=1e-4)
    assert budget.confidence_of(2) > budget.confidence_of(1) > 0.9


def test_a_certificate_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = replace(a_certificate(), expires_at=NOW)
    found.save(tmp_path / "certificate.json")
    assert Certificate.load(tmp_path / "certificate.json") == found
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="isn't a certificate"):
        Certificate.load(tmp_path / "other.json")


@pytest.mark.promise("DECIDE-2")
@pytest.mark.parametrize(
    ("change", "risk", "versioned", "why"),
    [
        ({}, 0.05, True, ""),
        ({}, 0.02, True, "for a risk of 0.05"),
        ({"node": "another"}, 0.05, True, "isn't what was certified"),
        ({"expires_at": NOW}, 0.05, True, "expired on 2026-11-25"),
        ({"expires_at": NOW + timedelta(days=1)}, 0.05, False, ""),
        ({}, 0.05, False, "no date of expiry"),
        ({"threshold": None, "missing": 9}, 0.05, True, "9 further labels"),
    ],
)
def test_a_certificate_is_void_for_anything_else(
    change: dict[str, object], risk: float, versioned: bool, why: str
) -> None:
    found = replace(a_certificate(), **change)
    said = void_because(found, risk, "n", versioned=versioned, now=NOW)
    assert said == "" if not why else why in said


def test_a_node_is_another_when_anything_but_the_evidence_changes() -> None:
    same = replace(NODE, evidence="other text")
    others = [
        replace(NODE, question="Which?"),
        replace(NODE, examples=(("hm", Intent.OTHER),)),
        replace(NODE, index="v2"),
    ]
    assert same.identity("m-1") == NODE.identity("m-1")
    names = {NODE.identity("m-1"), NODE.identity("m-2"), *(n.identity("m-1") for n in others)}
    assert len(names) == 5


async def decided(certificate: Certificate | None, risk: float = 0.05) -> tuple[str, list[str]]:
    @workflow
    async def classify(run: Run, text: str) -> str:
        intent = await run.decide(
            Intent, QUESTION, evidence=text, risk=risk, certificate=certificate
        )
        return f"{intent.value} by the {intent.decided_by}"

    model = ScriptedModel([{"refund": 0.97, "other": 0.03}])
    done = await simulate(classify, "hm", models={"fast": model}, answers=["other"])
    assert done.output is not None
    return done.output, [question.reason for question in done.questions]


@pytest.mark.promise("DECIDE-2")
async def test_a_node_with_a_risk_decides_alone_only_by_a_certificate_of_its_own() -> None:
    version = (await _response_model()) or ""
    own = replace(a_certificate(node=NODE.identity(version)), expires_at=None)

    assert await decided(own) == ("refund by the model", [])
    without = await decided(None)
    assert without[0] == "other by the person"
    assert without[1] == ["there is no certificate for a risk of 0.05"]
    another = await decided(replace(own, node="0" * 64))
    assert another[0] == "other by the person"
    below = await decided(replace(own, threshold=0.99))
    assert below == ("other by the person", ["confidence 0.97 is below 0.99"])


async def _response_model() -> str:
    from stanchion.models import ModelRequest

    request = ModelRequest((), choices=("refund", "other"))
    return (await ScriptedModel([{"refund": 0.97, "other": 0.03}]).complete(request)).model
