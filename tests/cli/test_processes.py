"""What only a process of its own shows: Ctrl-C, signals, a real terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.cli.conftest import SHOP, Terminal

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
PATIENCE_SECONDS = 60
PROGRAM = "import sys; from stanchion.cli import main; sys.exit(main())"


@contextmanager
def program(*words: str, terminal: int | None = None) -> Generator[subprocess.Popen[str]]:
    """Start the program, at a terminal if one is given; kill it if it outlives all patience."""
    stream = subprocess.PIPE if terminal is None else terminal
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": PATH, "TERM": "dumb", "PYTHONUNBUFFERED": "1"},
        text=True,
        stdin=terminal,
        stdout=stream,
        stderr=stream,
    )
    watchdog = threading.Timer(PATIENCE_SECONDS, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def until(stream: IO[str] | None, words: str) -> str:
    """Read lines until one has these words, and return them all."""
    assert stream is not None
    read = ""
    for line in stream:
        read += line
        if words in line:
            return read
    pytest.fail(f"{words!r} was never said, but: {read}")


def ask(terminal: Terminal) -> str:
    """Start a run that asks for a colour, answer it, and return the run's id."""
    question = terminal("run", f"{SHOP}:chat", "--input", "x", "--json").data["questions"][0]
    terminal("review", "answer", question["id"], "red")
    run: str = question["run"]
    return run


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_serving_moves_runs_until_it_is_stopped_and_loses_nothing(
    terminal: Terminal, sent: signal.Signals, code: int
) -> None:
    run = ask(terminal)

    with program("serve", f"{SHOP}:chat", "--json") as serving:
        told = json.loads(until(serving.stdout, '"kind": "ask"').splitlines()[-1])
        serving.send_signal(sent)
        _, err = serving.communicate()

    assert (told["run"], told["phase"]) == (run, "wait")
    assert serving.returncode == code
    assert "stopping" in err
    assert "Traceback" not in err
    assert ("nothing is lost; go on with: stanchion serve" in err) is (code == 130)
    assert len(terminal("review", "list", "--json").data) == 1


def test_an_interrupted_run_says_how_to_go_on_and_goes_on(terminal: Terminal) -> None:
    with program("run", f"{SHOP}:linger", "--input", "x") as running:
        until(running.stderr, "waits until")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
    run = terminal("runs", "list", "--json").data[0]

    assert (running.returncode, out) == (130, "")
    assert f"go on with: stanchion runs resume {run['id']} --app {SHOP}:linger" in err
    assert "Traceback" not in err
    assert (run["state"], run["worker"]) == ("waiting", "")


@pytest.mark.parametrize(("key", "code"), [("a", 0), ("\x03", 130)])
def test_a_question_is_answered_at_the_terminal_with_one_key(
    terminal: Terminal, key: str, code: int
) -> None:
    screen, other_side = pty.openpty()
    words = ("run", f"{SHOP}:buy", "--input", '{"A-1": 900}', "--ask", "--by", "ann")

    with program(*words, terminal=other_side) as asking:
        os.close(other_side)
        seen = "".join(take_until(screen, "leave it open"))
        with typing(screen, key):
            seen += "".join(take_until(screen, None))
        ended = asking.wait()
    os.close(screen)

    assert ended == code
    assert "May pay be called with exactly these arguments?" in seen
    assert "[a] approve: exactly this call is made, once" in seen
    assert ("completed" in seen) is (key == "a")
    assert terminal("review", "list", "--json").data == [] or key != "a"


def take_until(screen: int, words: str | None) -> Iterator[str]:
    """Yield what appears on a screen until it has these words, or goes dark."""
    seen = ""
    with suppress(OSError):  # the other side was closed
        while words is None or words not in seen:
            piece = os.read(screen, 4096).decode(errors="replace")
            seen += piece
            yield piece


@contextmanager
def typing(screen: int, key: str) -> Generator[None]:
    """Press a key until it is taken: what is typed before anybody asks is thrown away."""
    is_over = threading.Event()

    def press() -> None:
        with suppress(OSError):
            while not is_over.wait(0.05):
                os.write(screen, key.encode())

    typist = threading.Thread(target=press)
    typist.start()
    try:
        yield
    finally:
        is_over.set()
        typist.join()
