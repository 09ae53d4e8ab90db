"""Processes of the harness: forked from one that has everything imported and no threads."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable

__all__ = ["fork", "kill", "outlive_nobody", "seen"]

_PATIENCE_SECONDS = 0.5


def fork(work: Callable[[], None]) -> int:
    """Run ``work`` in a new process and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends everything
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def seen(pid: int) -> tuple[str, int] | None:
    """Return ("killed" or "stopped", signal) or ("exited", code) if it has just happened."""
    done, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    if not done:
        return None
    if os.WIFSTOPPED(status):
        return "stopped", os.WSTOPSIG(status)
    if os.WIFSIGNALED(status):
        return "killed", os.WTERMSIG(status)
    return "exited", os.WEXITSTATUS(status)


def kill(pid: int) -> None:
    """Kill a child and wait for its end."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def outlive_nobody() -> None:
    """Return when the parent is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 (nobody announces it)
        await asyncio.sleep(_PATIENCE_SECONDS)
