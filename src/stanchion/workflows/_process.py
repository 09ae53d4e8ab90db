"""Which process makes a call, and whether that process is surely gone.

A process that was killed can't send what it was about to; one that is stopped, or that runs on
another machine or in another container, may. Only the same system can tell the one from the other,
so everything else counts as alive. Linux only; elsewhere nobody is known to be gone.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

__all__ = ["is_gone", "this_process"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START = 0, 19
"""Fields of a process's ``stat`` after its name."""


def this_process() -> str:
    """Return what identifies this process among all others; empty where nothing does."""
    return _identity(os.getpid())


def is_gone(process: str) -> bool:
    """Tell whether a process has surely ended; False for one that can't be seen from here."""
    system, _, there = process.rpartition("|")
    here, _, _ = this_process().rpartition("|")
    if not system or system != here:
        return False
    pid, _, start = there.partition("@")
    try:
        os.kill(int(pid), 0)
        fields = _stat(int(pid))
    except ProcessLookupError:
        return True
    except OSError:  # it belongs to somebody else, or isn't shown
        return False
    return fields[_STATE] in {"Z", "X"} or fields[_START] != start


@lru_cache(maxsize=1)
def _identity(pid: int) -> str:
    try:
        boot = _BOOT.read_text().strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        return f"{boot}|{namespace}|{pid}@{_stat(pid)[_START]}"
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
