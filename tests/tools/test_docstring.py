"""What a model reads of a docstring."""

from __future__ import annotations

from stanchion.tools import tool


@tool(read=True)
async def weather(place: str, days: int = 1, unit: str = "C") -> str:
    """Forecast the weather.

    Only for land. Example: tomorrow in Rome.

    Args:
        place: A town,
            with its country: Rome, Italy.
        days (int): How far ahead.

    Returns:
        A sentence for people.

    Raises:
        NotPerformed: never shown.

    Costs nothing.
    """
    return f"{place} {days} {unit}"


def test_the_description_leaves_out_sections_that_are_not_for_models() -> None:
    assert weather.contract.description == (
        "Forecast the weather.\n\nOnly for land. Example: tomorrow in Rome.\n\nCosts nothing."
    )


def test_parameters_are_described_by_the_args_section_over_several_lines() -> None:
    properties = weather.contract.parameters["properties"]
    assert properties["place"]["description"] == "A town, with its country: Rome, Italy."
    assert properties["days"]["description"] == "How far ahead."


def test_a_parameter_without_a_description_is_a_note_and_no_refusal() -> None:
    (note,) = weather.contract.notes
    assert "unit" in note
    assert "Args:" in note
