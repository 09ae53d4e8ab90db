"""The support desk exported to the stand-ins, and the page with the real servers' figures."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.interop.__main__ import KNOWN, PAGE, judged, measure, reasons
from benchmarks.interop._fields import FIELDS
from benchmarks.interop._readers import DESTINATIONS
from benchmarks.interop._stand_in import langfuse, langsmith, serving
from stanchion.errors import DestinationFailed
from stanchion.observe import Exporter, destination_for
from stanchion.testing import FakeClock
from tests.observe.traced import app, run_all


async def test_every_field_is_shown_by_the_stand_ins_unless_a_reason_says_why_not() -> None:
    found = await measure(["OTLP", "Langfuse", "LangSmith"])

    for name, (lost, where) in found.items():
        assert lost == []
        assert judged(name, where) == []


def test_a_field_that_is_hidden_needs_a_reason_and_a_reason_needs_such_a_field() -> None:
    everything = dict.fromkeys(FIELDS, "")

    assert judged("OTLP", everything) == []
    assert judged("OTLP", {**everything, "session": "chat small"}) == [
        "session isn't shown as it ought to be, first in 'chat small'"
    ]
    known = {field for name, field in KNOWN if name == "MLflow"}
    assert len(judged("MLflow", everything)) == len(known) > 0


def test_the_page_is_of_these_fields_these_destinations_and_these_reasons() -> None:
    page = PAGE.read_text(encoding="utf-8")

    rows = [line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if "|" in line]
    assert rows[0] == "field"
    assert rows[2:] == list(FIELDS)
    assert " | ".join(DESTINATIONS) in page
    assert page.endswith(reasons())


@pytest.mark.parametrize("kind", ["langfuse", "langsmith"])
async def test_wrong_credentials_are_refused_and_said_to_be_wrong(kind: str) -> None:
    stand_in = langfuse if kind == "langfuse" else langsmith
    keys = {"public_key": "x", "secret_key": "y"} if kind == "langfuse" else {"api_key": "x"}
    async with app() as running:
        await run_all(running)
        with serving(stand_in()) as server:
            to = destination_for(kind, {**keys, "url": server.url}, environment={})
            exporter = Exporter(
                running.store, to, clock=FakeClock(automatic=True), patience=timedelta(seconds=1)
            )
            with pytest.raises(DestinationFailed, match="401"):
                await exporter.catch_up()
            await exporter.close()
            assert server.seen == {}


async def test_spans_without_their_parents_are_refused_by_langsmith_and_whole_runs_are_not() -> (
    None
):
    async with app() as running:
        await run_all(running)
        with serving(langsmith()) as server:
            base = {"api_key": "lsv2", "url": server.url}
            whole = destination_for("langsmith", base, environment={})
            exporter = Exporter(running.store, whole, clock=FakeClock(automatic=True))
            feed = await exporter.catch_up()
            await exporter.close()

    assert feed.dead == 0
    assert len(server.seen) == feed.sent
