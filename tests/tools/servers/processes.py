"""Servers in processes of their own."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def served(module: str, *arguments: str) -> Generator[str]:
    """Start ``python -m tests.tools.servers.MODULE`` and yield its address."""
    command = [sys.executable, "-m", f"tests.tools.servers.{module}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
