"""Datasets: what is read is what was written, versions are digests, splits don't leak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanchion.errors import ConfigurationError
from stanchion.evaluate import Case, Dataset, leaks, load_dataset

texts = st.sampled_from(["a", "b", "c", "d", "e"])
cases = st.lists(st.tuples(texts, st.sampled_from(["", "x", "y", "z"])), max_size=12)


def made(pairs: list[tuple[str, str]]) -> Dataset:
    """Return a dataset of inputs with their groups."""
    return Dataset(tuple(Case(text, id=f"{n}", group=g) for n, (text, g) in enumerate(pairs)))


def test_a_dataset_is_the_same_from_its_file(tmp_path: Path) -> None:
    wanted = Dataset(
        (
            Case({"text": "line\u2028separator\n", "n": 1.5}, expected=["ä"], group="anna"),
            Case(None, id="empty", facts={"lang": "de"}),
        )
    )
    wanted.save(tmp_path / "cases.jsonl")

    found = load_dataset(tmp_path / "cases.jsonl")

    assert found == wanted
    assert found.digest == wanted.digest


def test_a_csv_has_columns_of_these_names_and_the_others_become_facts(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text('\ufeffinput,expected,group,lang\n"a, ""b""\nc",x,anna,de\n', encoding="utf-8")

    (case,) = load_dataset(path).cases

    assert (case.input, case.expected, case.group) == ('a, "b"\nc', "x", "anna")
    assert case.facts == {"lang": "de"}


def test_the_version_is_the_content_and_not_its_order() -> None:
    one, other = Case("a", expected=1), Case("b")

    assert Dataset((one, other)).digest == Dataset((other, one)).digest
    assert Dataset((one,)).digest != Dataset((Case("a", expected=2),)).digest


def test_a_case_without_an_id_is_named_by_its_input_and_a_repetition_is_refused() -> None:
    (case,) = Dataset((Case({"a": 1}),)).cases

    assert case.id == case.digest[:12]
    with pytest.raises(ConfigurationError, match="1 cases have the same id or input"):
        Dataset((Case("a"), Case("a")))


@pytest.mark.promise("EVAL-4")
@given(cases)
def test_no_part_of_a_split_has_seen_anything_of_another(pairs: list[tuple[str, str]]) -> None:
    whole = made(pairs)

    parts = whole.split(tune=0.3, calibrate=0.3, test=0.4)

    assert sorted(c.id for part in parts.values() for c in part.cases) == sorted(
        c.id for c in whole.cases
    )
    for name, part in parts.items():
        others = [c for other, each in parts.items() if other != name for c in each.cases]
        assert leaks(others, part.cases) == ()


@given(cases, texts)
def test_a_case_stays_in_its_part_when_others_come(pairs: list[tuple[str, str]], text: str) -> None:
    alone = [(text, f"group of {text}") for text, _ in pairs]
    before = made(alone).split(train=0.5, test=0.5)
    after = made([*alone, (f"new {text}", "")]).split(train=0.5, test=0.5)

    for name, part in before.items():
        assert {c.id for c in part.cases} <= {c.id for c in after[name].cases}


def test_a_split_has_about_the_shares_that_were_asked_for() -> None:
    parts = made([(f"{n}", "") for n in range(2000)]).split(train=0.8, test=0.2)

    assert len(parts["test"].cases) == pytest.approx(400, abs=60)


def test_a_leak_is_named_by_its_input_and_by_its_group() -> None:
    train = [Case("a", id="1"), Case("b", id="2", group="anna")]
    test = [Case("a", id="3"), Case("c", id="4", group="anna"), Case("d", id="5")]

    assert [case.id for case in leaks(train, test)] == ["3", "4"]


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_shares_that_are_no_split_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="aren't a split"):
        made([("a", "")]).split(**shares)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no cases"),
        ("[1]", "line 1 of .* isn't a case: not an object"),
        ('{"input": 1}\n{"expected": 2}', "line 2 of .* isn't a case: no input"),
        ('{"input": NaN}', "line 1 of .* isn't a case"),
        (json.dumps({"input": "\ud800"}), "line 1 of .* isn't a case"),
    ],
)
def test_a_line_that_is_no_case_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=told):
        load_dataset(tmp_path / "bad.jsonl")
