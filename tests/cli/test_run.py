"""``stanchion run``: what it prints, where, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SHOP, Terminal


def test_the_output_alone_is_on_stdout_and_the_progress_on_stderr(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:buy", "--input", '{"A-1": 20}')

    assert told.code == 0
    assert told.data == ["paid 20 for A-1"]
    assert "call look_up" in told.err
    assert "paid 20 for A-1" in told.err
    assert "completed" in told.err


def test_quietly_there_is_no_progress(terminal: Terminal) -> None:
    assert terminal("run", f"{SHOP}:buy", "--input", "{}", "--quiet").err == ""


def test_as_json_the_run_and_its_output_are_one_document(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:buy", "--input", '{"A-1": 20}', "--json")

    assert (told.code, told.err) == (0, "")
    assert told.data["output"] == ["paid 20 for A-1"]
    assert told.data["run"]["state"] == "completed"
    assert told.data["run"]["account"]["steps"] == 2


def test_text_from_outside_is_harmless_in_the_progress(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:buy", "--input", '{"A-1": 20}')

    assert "at once" in told.err
    assert "\x1b" not in told.err
    assert "\u202e" not in told.err


def test_a_failed_run_says_why_and_exits_with_1(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:fail", "--input", "this")

    assert (told.code, told.out) == (1, "")
    assert "ValueError: this can't be done" in told.err
    assert "stanchion runs show" in told.err


def test_a_run_that_needs_a_person_prints_the_question_and_exits_with_3(
    terminal: Terminal,
) -> None:
    told = terminal("run", f"{SHOP}:buy", "--input", '{"A-1": 900}')

    assert told.code == 3
    assert "May pay be called with exactly these arguments?" in told.out
    assert "amount 900 is over max_amount=50 of allow(pay)" in told.out
    question = terminal("review", "list", "--json").data[0]["id"]
    assert f"stanchion review approve {question[:8]}" in told.out


def test_a_waiting_run_as_json_has_its_id_and_its_question(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:chat", "--input", "hat", "--json")

    assert told.code == 3
    assert told.data["run"]["state"] == "waiting"
    assert [each["prompt"] for each in told.data["questions"]] == ["Which colour for hat?"]
    assert told.data["questions"][0]["run"] == told.data["run"]["id"]


def test_the_question_of_a_child_is_printed_too(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:parent", "--input", "hat", "--json")

    assert told.code == 3
    assert [each["prompt"] for each in told.data["questions"]] == ["Which colour for hat?"]
    assert told.data["questions"][0]["run"] != told.data["run"]["id"]


def test_a_timer_is_waited_for(terminal: Terminal) -> None:
    assert terminal("run", f"{SHOP}:nap", "--input", "rested").out == "rested\n"


def test_told_to_wait_it_waits_for_people_too(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:hurry", "--input", "it", "--wait")

    assert (told.code, told.out) == (0, "nobody said anything about it\n")


def test_the_same_key_is_the_same_run(terminal: Terminal) -> None:
    words = ("run", f"{SHOP}:branch", "--key", "k", "--json")

    first, second = (terminal(*words, "--input", text).data for text in ("one", "two"))

    assert first["run"]["id"] == second["run"]["id"]
    assert second["output"] == "one [0, 1]"


def test_everything_about_the_run_that_was_said_is_recorded(terminal: Terminal) -> None:
    terminal(
        *("run", f"{SHOP}:branch", "--input", "x", "--tenant", "acme", "--user", "ann"),
        *("--tag", "team=a", "--tag", "kind=b", "--initiator", "c-1", "--claim", "account=1=2"),
    )
    run = terminal("runs", "list", "--json").data[0]
    shown = terminal("runs", "show", run["id"], "--json").data

    assert (run["tenant"], run["user"], run["tags"]) == ("acme", "ann", {"team": "a", "kind": "b"})
    assert shown["initiator"] == {"id": "c-1", "kind": "initiator", "claims": {"account": "1=2"}}
    assert "c-1 (initiator) account=1=2" in terminal("runs", "show", run["id"]).out


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("--input", "hat"), ""),
        (("--input", '"hat"'), ""),
        (("--input", "@hat.txt"), ""),
        (("--input", "-"), "hat"),
    ],
)
def test_the_input_is_given_in_words_in_a_file_or_on_stdin(
    terminal: Terminal, folder: Path, words: tuple[str, ...], stdin: str
) -> None:
    (folder / "hat.txt").write_text("hat", encoding="utf-8")

    told = terminal("run", f"{SHOP}:branch", *words, stdin=stdin)

    assert told.out == "hat [0, 1]\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--input", "{not json"), "isn't JSON"),
        (("--input", '{"A-1": "much"}'), "A-1: Input should be a valid integer"),
        (("--input", "@nowhere.json"), "@nowhere.json can't be read"),
        (("--input", "{}", "--tag", "team"), "isn't of the form key=value"),
        (("--input", "{}", "--ask"), "questions need a terminal"),
        (("--input", "{}", "--app", f"{SHOP}:sure", "--store", "sqlite:///x.db"), "leave --store"),
    ],
)
def test_wrong_usage_starts_nothing_and_exits_with_2(
    terminal: Terminal, folder: Path, words: tuple[str, ...], complaint: str
) -> None:
    told = terminal("run", f"{SHOP}:buy", *words)

    assert told.code == 2
    assert complaint in " ".join(told.err.split())
    assert not (folder / "stanchion.db").exists()


def test_a_model_is_given_by_its_role(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:decide", "--input", "x", "--model", "fast=nonsense")

    assert told.code == 1
    assert "'nonsense' isn't a model" in told.err


def test_a_workflow_runs_in_the_app_that_is_named(terminal: Terminal) -> None:
    words = ("run", f"{SHOP}:decide", "--input", "money back")

    assert terminal(*words, "--app", f"{SHOP}:sure").out == "refund by model\n"
    assert terminal(*words, "--app", f"{SHOP}:unsure").code == 3


def test_a_workflow_runs_in_the_app_of_the_settings_if_it_serves_it(
    terminal: Terminal, folder: Path
) -> None:
    (folder / "stanchion.toml").write_text(f'app = "{SHOP}:sure"\n', encoding="utf-8")

    assert terminal("run", f"{SHOP}:decide", "--input", "x").out == "refund by model\n"
    assert terminal("run", f"{SHOP}:branch", "--input", "x").out == "x [0, 1]\n"


def test_the_ledger_is_the_one_that_is_named(terminal: Terminal, folder: Path) -> None:
    terminal("run", f"{SHOP}:branch", "--input", "x", "--store", "sqlite:///other.db")

    listed = terminal("runs", "list", "--store", "sqlite:///other.db", "--json").data

    assert len(listed) == 1
    assert not (folder / "stanchion.db").exists()


def test_the_commands_that_are_suggested_name_the_ledger_too(terminal: Terminal) -> None:
    store = "sqlite:///other.db"

    told = terminal("run", f"{SHOP}:chat", "--input", "x", "--store", store)

    assert f" red --store {store}" in told.out


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("nowhere:buy", "there is no module 'nowhere'"),
        (f"{SHOP}:sell", f"{SHOP}:sell isn't there"),
        (f"{SHOP}:HOSTILE", "is no app or workflow"),
        (f"{SHOP}:sure", "is an app, not a workflow"),
        ("broken.py:buy", "broken.py:3: ZeroDivisionError"),
        ("lacking.py:buy", "No module named 'surely_not_there'"),
    ],
)
def test_a_target_that_cant_be_used_is_an_error_that_says_what_is_there(
    terminal: Terminal, folder: Path, target: str, complaint: str
) -> None:
    (folder / "broken.py").write_text("a = 1\n\na / 0\n", encoding="utf-8")
    (folder / "lacking.py").write_text("import surely_not_there\n", encoding="utf-8")

    told = terminal("run", target, "--input", "{}")

    assert told.code == 1
    assert complaint in told.err


def test_a_module_with_one_workflow_needs_no_name_for_it(terminal: Terminal, folder: Path) -> None:
    (folder / "lonely.py").write_text(
        "from stanchion import Run, workflow\n\n\n"
        "@workflow\nasync def greet(run: Run, name: str) -> str:\n    return f'hello {name}'\n",
        encoding="utf-8",
    )

    assert terminal("run", "lonely.py", "--input", "ann").out == "hello ann\n"


def test_json_is_safe_to_look_at_whatever_it_holds(terminal: Terminal) -> None:
    told = terminal("run", f"{SHOP}:branch", "--input", "a\u202eb", "--json")

    assert json.loads(told.out)["output"].startswith("a\u202eb")
    assert told.out.isascii()
