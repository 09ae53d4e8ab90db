"""Estimates of tokens, and their correction by what providers report."""

from __future__ import annotations

import pytest

from stanchion.context import Calibration, estimate


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("The invoice was paid on time, as agreed.", 8, 14),
        ("4711-0815-2024-11-25", 8, 20),
        ("これは日本語の文章です", 8, 14),
        ("x" * 1_000_000, 200_000, 300_000),
    ],
)
def test_an_estimate_is_near_what_tokenizers_count(text: str, least: int, most: int) -> None:
    assert least <= estimate(text) <= most


def test_a_provider_that_counts_more_is_believed_at_once_and_one_that_counts_less_slowly() -> None:
    calibration = Calibration()

    calibration.learn(1_000, 1_500)
    at_once = calibration.ratio
    calibration.learn(1_000, 1_000)
    slowly = calibration.ratio

    assert at_once == 1.5
    assert 1.4 < slowly < 1.5


@pytest.mark.parametrize(("estimated", "reported"), [(0, 10), (10, 0), (1_000, 1), (1, 1_000)])
def test_no_report_makes_the_estimates_absurd(estimated: int, reported: int) -> None:
    calibration = Calibration()

    calibration.learn(estimated, reported)

    assert 0.5 <= calibration.ratio <= 4
