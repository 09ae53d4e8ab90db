"""Previews of large results, and reading them part by part."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stanchion.context import (
    NoSuchPath,
    at_path,
    estimate,
    find_identifiers,
    find_words,
    handle_of,
    preview,
    slice_of,
)

ITEMS: Any = [{"id": n, "code": f"X-{n:04}", "text": "words " * 20} for n in range(500)]


@pytest.mark.promise("CONTEXT-5")
@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("line\n" * 10_000, {"type": "text", "characters": 50_000, "lines": 10_001}),
        (ITEMS, {"type": "list", "items": 500, "of": "object (id, code, text)"}),
        ({"rows": ITEMS}, {"type": "object", "members": 1, "fields": {"rows": "list of 500"}}),
    ],
)
def test_a_preview_says_type_size_and_shape_in_its_budget(
    value: Any, shape: dict[str, Any]
) -> None:
    shown = preview(value, "result-1", 150)

    assert shape.items() <= shown.items()
    assert estimate(json.dumps(shown)) <= 150 * 1.5


@pytest.mark.promise("CONTEXT-5")
def test_a_handle_is_the_same_in_a_run_and_another_one_in_another() -> None:
    assert handle_of("a", b"digest") == handle_of("a", b"digest")
    assert handle_of("a", b"digest") != handle_of("b", b"digest")


@pytest.mark.promise("CONTEXT-5")
def test_a_slice_says_where_the_next_one_begins() -> None:
    assert slice_of("abcdef", 2, 3) == {"text": "cde", "from": 2, "of": 6, "next": 5}
    assert slice_of("abcdef", 5, 3) == {"text": "f", "from": 5, "of": 6}


def test_the_place_where_the_rare_words_stand_together_is_found_first() -> None:
    text = "the code of the day. " * 2_000 + "The code of Zanzibar is QX-88." + " the end" * 900

    found: Any = find_words(text, "the code of Zanzibar", most=3)

    assert "QX-88" in found[0]["text"]
    assert len(found) == 3


def test_words_that_are_not_there_find_nothing() -> None:
    assert find_words("a text", "") == []
    assert find_words("a text", "missing (.*") == []


def test_letters_whose_lower_case_is_longer_shift_no_place() -> None:
    found: Any = find_words("İ" * 500 + " code QX-88", "code")

    assert "QX-88" in found[0]["text"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("[3].code", "X-0003"),
        ("$[3].id", 3),
        ("[*].id", [item["id"] for item in ITEMS]),
        ("", ITEMS),
    ],
)
def test_a_path_leads_to_what_stands_there(path: str, found: Any) -> None:
    assert at_path(ITEMS, path) == found


@pytest.mark.parametrize("path", ["[9999]", "code", "[3].nothing", "[x]", "..", "[3"])
def test_a_path_that_leads_nowhere_says_how_far_it_led(path: str) -> None:
    with pytest.raises(NoSuchPath):
        at_path(ITEMS, path)


def test_identifiers_are_found_letter_for_letter_with_what_they_are() -> None:
    text = (
        "Booking code for Zanzibar: QX-8841-B. Write to ada.l@example.org, see "
        "https://example.org/a?b=1 or /var/log/app-3.log; order 4711, sha 9f86d081884c7d65."
    )

    found = {each.text: each.hint for each in find_identifiers({"note": text, "iban": "DE8937"})}

    assert {"QX-8841-B", "ada.l@example.org", "4711", "9f86d081884c7d65", "DE8937"} <= set(found)
    assert found["QX-8841-B"] == "Booking code for Zanzibar"
    assert found["DE8937"] == "iban"
