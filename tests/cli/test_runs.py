"""``stanchion runs``: list, show, follow, and orders to runs."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SHOP, Terminal


def start(terminal: Terminal, workflow: str, text: str = "hat", *words: str) -> str:
    """Start a run and return its id."""
    told = terminal("run", f"{SHOP}:{workflow}", "--input", text, "--json", *words)
    run: str = told.data["run"]["id"]
    return run


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "list"),
        ("runs", "show", "x"),
        ("runs", "tail", "x"),
        ("runs", "cancel", "x"),
        ("review", "list"),
        ("review", "approve", "x"),
        ("ledger", "verify"),
        ("ledger", "stats"),
        ("doctor",),
    ],
)
def test_looking_at_a_ledger_that_isnt_there_makes_none(
    terminal: Terminal, folder: Path, words: tuple[str, ...]
) -> None:
    told = terminal(*words)

    assert told.code == 1
    assert "there is no ledger at" in told.err + told.out
    assert list(folder.iterdir()) == []


def test_runs_are_listed_newest_first_with_state_steps_and_tokens(terminal: Terminal) -> None:
    first = start(terminal, "branch")
    second = start(terminal, "decide", "x", "--app", f"{SHOP}:sure")

    told = terminal("runs", "list")
    newest, oldest = told.out.splitlines()[1:]

    assert newest.split()[:3] == [second[:8], "decide", "completed"]
    assert oldest.split()[:3] == [first[:8], "branch", "completed"]
    used = listed(terminal)[0]["account"]
    assert used["input_tokens"] > 0
    assert newest.split()[-1] == str(used["input_tokens"] + used["output_tokens"])


def listed(terminal: Terminal, *words: str) -> list[dict[str, dict[str, int]]]:
    runs: list[dict[str, dict[str, int]]] = terminal("runs", "list", "--json", *words).data
    return runs


def test_the_list_is_narrowed_by_state_workflow_tenant_tag_and_number(terminal: Terminal) -> None:
    done = start(terminal, "branch", "x", "--tenant", "acme", "--tag", "kind=a")
    waiting = start(terminal, "chat", "x", "--tag", "kind=b")

    def ids(*words: str) -> list[object]:
        return [run["id"] for run in listed(terminal, *words)]

    assert ids() == [waiting, done]
    assert ids("--state", "waiting") == [waiting]
    assert ids("--state", "waiting", "--state", "completed") == [waiting, done]
    assert ids("--workflow", "branch") == [done]
    assert ids("--tenant", "acme") == [done]
    assert ids("--tag", "kind=b") == [waiting]
    assert ids("--limit", "1") == [waiting]
    assert ids("--workflow", "nothing") == []
    assert "no runs like that" in terminal("runs", "list", "--workflow", "nothing").out


def test_a_run_is_named_by_a_unique_beginning_of_its_id(terminal: Terminal) -> None:
    run = start(terminal, "branch")

    assert terminal("runs", "show", run[:5], "--json").data["run"]["id"] == run


def test_a_beginning_that_a_child_shares_names_the_parent(terminal: Terminal) -> None:
    run = start(terminal, "parent")

    assert len(listed(terminal)) == 2
    assert terminal("runs", "show", run[:8], "--json").data["run"]["id"] == run


def test_a_beginning_that_several_runs_share_is_refused_with_their_ids(terminal: Terminal) -> None:
    runs = {start(terminal, "branch"), start(terminal, "branch")}

    told = terminal("runs", "show", "")

    assert told.code == 1
    assert "2 runs begin with ''" in told.err
    assert all(run in told.err for run in runs)


def test_a_run_that_isnt_there_is_an_error(terminal: Terminal) -> None:
    start(terminal, "branch")

    told = terminal("runs", "show", "nothing")

    assert told.code == 1
    assert "no run begins with 'nothing'" in told.err


def test_a_run_is_shown_with_its_facts_and_its_steps(terminal: Terminal) -> None:
    run = start(terminal, "decide", "money back", "--app", f"{SHOP}:sure")

    told = terminal("runs", "show", run)

    assert run in told.out
    assert "decide version 1" in told.out
    assert "money back" in told.out
    assert "refund by model" in told.out
    decide = next(line for line in told.out.splitlines() if "decide Wish" in line)
    model = next(line for line in told.out.splitlines() if "model fast" in line)
    assert "0.90" in decide
    assert "└─ ✓ model fast" in model
    assert model.rstrip().endswith("refund")


def test_the_branches_of_a_fork_have_headings(terminal: Terminal) -> None:
    run = start(terminal, "branch")

    steps = terminal("runs", "show", run).out.split("outcome\n")[1].splitlines()

    assert [line.split("  ")[0].strip() or line.strip() for line in steps if "fork" in line] == [
        "fork 0, branch 0",
        "fork 0, branch 1",
    ]
    assert len(steps) == 6


def test_a_long_tree_is_cut_in_the_middle_and_says_so(terminal: Terminal) -> None:
    run = start(terminal, "branch")

    told = terminal("runs", "show", run, "--limit", "2")

    assert "4 more lines: --limit 0 shows them" in told.out
    assert "fork 0, branch 0" in told.out
    assert "fork 0, branch 1" not in told.out


def test_a_run_as_json_has_its_steps_as_a_tree_with_what_they_used(terminal: Terminal) -> None:
    run = start(terminal, "decide", "money back", "--app", f"{SHOP}:sure")

    data = terminal("runs", "show", run, "--json").data

    assert (data["input"], data["output"]) == ("money back", "refund by model")
    (step,) = data["steps"]
    assert (step["kind"], step["status"]) == ("decide", "ok")
    assert step["facts"]["confidence"] == pytest.approx(0.9)
    assert [child["kind"] for child in step["children"]] == ["model"]
    assert step["spent"]["model_calls"] == 1
    assert step["spent"]["input_tokens"] == data["run"]["account"]["input_tokens"]


def test_a_step_shows_the_whole_prompt_and_the_response(terminal: Terminal) -> None:
    long = "please " * 900 + "thanks"
    run = start(terminal, "decide", long, "--app", f"{SHOP}:sure")
    model = terminal("runs", "show", run, "--json").data["steps"][0]["children"][0]

    told = terminal("runs", "show", run, "--step", str(model["seq"]))

    text = " ".join(told.out.split())
    assert "prompt, system: system What does the customer want?" in text
    assert f"prompt, turns: user {long} response refund" in text


def test_a_step_as_json_has_prompt_and_response_and_payloads(terminal: Terminal) -> None:
    run = start(terminal, "decide", "money back", "--app", f"{SHOP}:sure")
    model = terminal("runs", "show", run, "--json").data["steps"][0]["children"][0]

    (entry,) = terminal("runs", "show", run, "--step", str(model["seq"]), "--json").data["entries"]

    assert entry["prompt"]["turns"][0]["parts"][0]["content"] == "money back"
    assert entry["response"]["parts"][0]["content"] == "refund"
    assert entry["request_value"]["role"] == "fast"


def test_in_full_every_entry_is_shown(terminal: Terminal) -> None:
    run = start(terminal, "buy", '{"A-1": 20}')

    told = terminal("runs", "show", run, "--full")
    data = terminal("runs", "show", run, "--full", "--json").data

    assert "intent call pay" in told.out
    assert '"amount": 20' in told.out
    assert "manifest" in told.out
    assert [entry["seq"] for entry in data["entries"]] == list(range(1, data["run"]["seq"] + 1))


def test_what_comes_from_outside_is_harmless_and_says_what_was_left_out(
    terminal: Terminal,
) -> None:
    run = start(terminal, "branch", "a\x1b[2Jb\u202ec")

    told = terminal("runs", "show", run, "--full")

    assert "\x1b" not in told.out
    assert "\u202e" not in told.out
    assert "left out: 1 characters that can't be seen" in told.out


def test_a_step_that_isnt_there_is_an_error(terminal: Terminal) -> None:
    run = start(terminal, "branch")

    told = terminal("runs", "show", run, "--step", "99")

    assert told.code == 1
    assert "the run has no entry 99" in told.err


def test_an_ended_run_is_followed_to_its_end(terminal: Terminal) -> None:
    run = start(terminal, "branch")

    told = terminal("runs", "tail", run)
    lines = [json.loads(line) for line in terminal("runs", "tail", run, "--json").out.splitlines()]

    assert told.code == 0
    assert "started" in told.out
    assert "completed" in told.out
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))


def test_an_order_without_an_app_is_only_sent_and_says_who_carries_it_out(
    terminal: Terminal,
) -> None:
    run = start(terminal, "chat")

    told = terminal("runs", "cancel", run[:6], "--by", "ann")

    assert told.code == 0
    assert f"cancel: run {run}" in told.out
    assert "stanchion serve" in told.out
    assert terminal("runs", "show", run, "--json").data["run"]["state"] == "waiting"


def test_an_order_with_an_app_is_carried_out_here(terminal: Terminal) -> None:
    run = start(terminal, "chat")

    told = terminal("runs", "cancel", run, "--app", f"{SHOP}:chat", "--json")

    assert told.code == 1
    assert told.data["run"]["state"] == "cancelled"


def test_a_sent_order_is_carried_out_by_whoever_serves_the_run_next(terminal: Terminal) -> None:
    run = start(terminal, "chat")
    terminal("runs", "cancel", run)

    told = terminal("runs", "tail", run, "--app", f"{SHOP}:chat", "--json")

    assert told.data["run"]["state"] == "cancelled"


def test_a_failed_run_is_resumed_after_its_cause_is_mended(
    terminal: Terminal, folder: Path
) -> None:
    run = start(terminal, "fail")
    (folder / "mended").touch()

    told = terminal("runs", "resume", run, "--app", f"{SHOP}:fail", "--by", "ann")

    assert (told.code, told.out) == (0, "hat is done\n")
    assert "resumed by ann" in told.err


def test_a_failed_run_fails_again_while_its_cause_isnt_mended(terminal: Terminal) -> None:
    run = start(terminal, "fail")

    assert terminal("runs", "resume", run, "--app", f"{SHOP}:fail").code == 1


def test_a_fork_keeps_the_record_up_to_a_step_and_goes_on_by_itself(
    terminal: Terminal, folder: Path
) -> None:
    run = start(terminal, "fail")
    (folder / "mended").touch()
    (now,) = terminal("runs", "show", run, "--json").data["steps"]

    told = terminal("runs", "fork", run, "--at", str(now["seq"]), "--app", f"{SHOP}:fail", "--json")

    assert (told.code, told.data["output"]) == (0, "hat is done")
    assert told.data["run"]["forked_from"] == run
    assert told.data["run"]["id"] != run
    assert terminal("runs", "show", run, "--json").data["run"]["state"] == "failed"
