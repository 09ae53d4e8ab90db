"""The real servers: each installed once into an environment of its own, then started and ended.

Their hundreds of packages contradict each other's and ours, so that they aren't in ``uv.lock``;
what is asked for here is pinned by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

__all__ = ["MLFLOW", "PHOENIX", "WEAVE", "environment", "running"]

PHOENIX = ("phoenix", ["arize-phoenix==20.26.1"])
MLFLOW = ("mlflow", ["mlflow>=3.17,<3.19"])
_WEAVES_SERVER = (
    "opentelemetry-proto pydantic-settings emoji numpy ddtrace clickhouse-connect boto3"
)
WEAVE = ("weave", ["weave==0.52.43", *_WEAVES_SERVER.split(), "openai", "litellm", "cachetools"])
"""The name of the environment, and what is in it."""

HOME = Path(".venv-bench")
UP_WITHIN = 180.0


def environment(server: tuple[str, Sequence[str]]) -> Path:
    """Return the environment's programs, installing them if they aren't there."""
    name, wanted = server
    programs, stamp = HOME / name / "bin", HOME / name / ".ready"
    if not stamp.exists():
        uv = next(Path(".uv").glob("uv-*"))
        print(f"Setting up {HOME / name}/: about 500 MB, some minutes. Once only.", flush=True)
        subprocess.run([uv, "venv", "--quiet", "--allow-existing", HOME / name], check=True)
        python = ["--python", programs / "python"]
        subprocess.run([uv, "pip", "install", "--quiet", *python, *wanted], check=True)
        stamp.touch()
    return programs


@contextmanager
def running(
    command: Sequence[str | Path], up: str, folder: Path, variables: Mapping[str, str]
) -> Generator[None]:
    """Run a server until the block ends; wait until the address ``up`` answers."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, up, log)
            yield
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _wait(process: subprocess.Popen[bytes], up: str, log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(up, timeout=2).status_code < 500:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    sys.exit(f"the server isn't up; its last words:\n{log.read_text()[-2000:]}")
