"""Whether a process is surely gone, which only its own system can tell."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stanchion.workflows._process import is_gone, this_process

SAYS_WHO = """
import sys
from stanchion.workflows._process import this_process
print(this_process(), flush=True)
sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS_WHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_process_that_runs_or_is_stopped_isnt_gone_and_a_killed_one_is(
    other: subprocess.Popen[str],
) -> None:
    name = name_of(other)
    assert name != this_process()
    assert not is_gone(name)
    assert not is_gone(this_process())

    other.send_signal(signal.SIGSTOP)
    assert not is_gone(name)

    other.kill()
    other.wait()
    assert is_gone(name)


def test_another_process_under_the_same_number_isnt_the_one_that_was_meant() -> None:
    system, _, start = this_process().rpartition("@")

    assert is_gone(f"{system}@{int(start) - 1}")


@pytest.mark.parametrize("name", ["", "somewhere", "another-boot|4026531836|1@1"])
def test_a_process_that_cant_be_seen_from_here_isnt_known_to_be_gone(name: str) -> None:
    assert not is_gone(name)
