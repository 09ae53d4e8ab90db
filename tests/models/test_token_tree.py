"""The probabilities of choices, worked out from a model made of a table."""

import math
from collections.abc import Mapping

import pytest

from stanchion.models._token_tree import TokenTree

Path = tuple[int, ...]

# A model over the tokens 0 to 9: what it gives after each beginning; the rest is spread elsewhere.
TABLE: dict[Path, dict[int, float]] = {
    (): {1: 0.5, 2: 0.25, 3: 0.05, 4: 1e-9},
    (1,): {5: 0.1, 6: 0.8},
    (1, 6): {7: 0.5, 9: 0.5},
    (2,): {5: 0.9, 6: 0.05},
    (3,): {5: 1.0},
    (4,): {5: 1.0, 6: 0.0001},
}


def reading(path: Path, *, top: int) -> list[Mapping[int, float]]:
    """What a forced reading of a path reports: the taken token and the likeliest others."""
    found: list[Mapping[int, float]] = []
    for depth, token in enumerate(path):
        row = TABLE[path[:depth]]
        likeliest = sorted(row, key=lambda t: -row[t])[:top]
        found.append({t: math.log(row[t]) for t in (*likeliest, token)})
    return found


def settled(paths: dict[str, Path], *, top: int = 1) -> tuple[dict[str, float], list[Path]]:
    """Answer every question of a tree; return its probabilities and what it asked."""
    tree, asked = TokenTree(paths), list[Path]()
    while (path := tree.next_path()) is not None:
        asked.append(path)
        tree.learn(path, reading(path, top=top))
    return dict(tree.probabilities()), asked


def test_a_choice_weighs_the_product_of_its_tokens() -> None:
    found, _ = settled({"a": (1, 5), "b": (2, 5), "c": (3,)})

    total = 0.5 * 0.1 + 0.25 * 0.9 + 0.05
    assert found == pytest.approx({"a": 0.05 / total, "b": 0.225 / total, "c": 0.05 / total})


def test_choices_with_one_beginning_are_told_apart_at_the_branch() -> None:
    found, _ = settled({"a": (1, 5), "b": (1, 6)})

    assert found == pytest.approx({"a": 1 / 9, "b": 8 / 9})


def test_a_choice_that_begins_another_counts_only_the_answers_that_stop_short_of_it() -> None:
    found, _ = settled({"card": (1,), "card_lost": (1, 6), "card_lost_abroad": (1, 6, 7)})

    assert found == pytest.approx({"card": 0.2, "card_lost": 0.4, "card_lost_abroad": 0.4})


def test_siblings_among_the_runners_up_need_no_reading_of_their_own() -> None:
    _, asked = settled({"a": (1,), "b": (2,), "c": (3,)}, top=4)

    assert len(asked) == 1


def test_what_cant_matter_any_more_isnt_read() -> None:
    found, asked = settled({"a": (1, 6), "b": (2, 5), "hopeless": (4, 6)}, top=4)

    assert (4, 6) not in asked
    assert found["hopeless"] < 1e-6
    assert sum(found.values()) == pytest.approx(1)


def test_the_likeliest_comes_first() -> None:
    tree = TokenTree({"a": (3,), "b": (1,), "c": (2,)})
    tree.learn((1,), reading((1,), top=4))

    assert [name for name, _ in tree.probabilities()] == ["b", "c", "a"]
