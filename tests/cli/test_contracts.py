"""``stanchion tools``: contracts listed, shown, called by hand and judged."""

from __future__ import annotations

from tests.cli.conftest import SHOP, Terminal


def test_the_tools_of_a_module_are_listed_with_what_they_declare(terminal: Terminal) -> None:
    told = terminal("tools", "list", SHOP)
    data = terminal("tools", "list", SHOP, "--json").data

    assert told.code == 0
    assert "accepts_key" in told.out
    assert [(each["name"], each["effect"]) for each in data] == [
        ("look_up", "read"),
        ("pay", "write"),
        ("pay_blindly", "write"),
    ]


def test_a_tool_is_shown_as_a_model_sees_it_and_as_the_runtime_does(terminal: Terminal) -> None:
    told = terminal("tools", "show", f"{SHOP}:pay")
    data = terminal("tools", "show", f"{SHOP}:pay", "--json").data

    seen, declared = told.out.split("Declared for the runtime:")
    assert "The order's number." in seen
    assert "accepts_key" not in seen
    assert "accepts_key" in declared
    assert set(data["model_sees"]) == {"name", "description", "parameters"}
    assert data["declared"]["targets"] == ["number"]


def test_a_read_is_called_by_hand_and_its_result_made_harmless(terminal: Terminal) -> None:
    told = terminal("tools", "call", f"{SHOP}:look_up", "--arguments", '{"number": "A-1"}')

    assert told.code == 0
    assert '"number":"A-1"' in told.out
    assert "\x1b" not in told.out


def test_a_write_is_made_only_when_somebody_says_so(terminal: Terminal) -> None:
    words = ("tools", "call", f"{SHOP}:pay", "--arguments", '{"number": "A-1", "amount": 3}')

    refused = terminal(*words, stdin="n\n")
    asked = terminal(*words, "--json", stdin="y\n")
    told = terminal(*words, "--yes", "--json")

    assert (refused.code, refused.out.strip()) == (1, "")
    assert "changes something outside" in refused.err
    assert asked.data == told.data == {"result": "paid 3 for A-1"}


def test_an_error_is_shown_as_a_model_reads_it(terminal: Terminal) -> None:
    told = terminal("tools", "call", f"{SHOP}:look_up")
    data = terminal("tools", "call", f"{SHOP}:look_up", "--json").data

    assert told.code == 1
    assert "a model reads this" in told.err
    assert data["error"]["action"] == "ask_user"


def test_contracts_are_judged_with_what_to_mend_and_an_exit_code(terminal: Terminal) -> None:
    told = terminal("tools", "lint", SHOP)
    strict = terminal("tools", "lint", SHOP, "--at-least", "100", "--json")

    assert told.code == 0
    assert "pay_blindly: " in told.out
    assert "it says on whom or what the tool acts" in told.out
    assert strict.code == 1
    assert {"rule", "points", "at", "problem", "mend"} == set(strict.data[0]["findings"][0])
    assert strict.data[0]["score"] < 100


def test_a_module_without_that_tool_says_which_there_are(terminal: Terminal) -> None:
    told = terminal("tools", "show", f"{SHOP}:nothing")
    several = terminal("tools", "show", SHOP)

    assert (told.code, several.code) == (1, 1)
    assert f"{SHOP}:pay" in told.err
    assert "has 3 tools" in several.err
