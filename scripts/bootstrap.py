"""Put the pinned uv at ``.uv/uv-VERSION``, with nothing but a bare Python.

By pip in an environment of its own, which honours the machine's mirrors and certificates. Where
Python came without ensurepip (Debian splits it off), the wheel that ``uv.lock`` names, checked
against its digest there. Standard library only, and nothing outside ``.uv/`` is touched.
"""

from __future__ import annotations

import hashlib
import io
import platform
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

HOME = Path(".uv")


def main() -> None:
    """Install the version named on the command line."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the first code to run on an unknown machine
        found = platform.python_version()
        sys.exit(f"Stanchion needs Python 3.11 or newer; this is {found}. make PYTHON=python3.12")
    version = sys.argv[1]
    print(f"Fetching uv {version}, the installer (about 25 MB), into .uv/", flush=True)
    program = with_pip(version) or from_lock(version)
    link = HOME / f"uv-{version}"
    link.unlink(missing_ok=True)
    link.symlink_to(program.relative_to(HOME))


def with_pip(version: str) -> Path | None:
    """Install uv by pip; return its program, or None where this Python can't make environments."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(HOME)], capture_output=True, check=False
    )
    if made.returncode:
        return None
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", f"uv=={version}"], check=True)
    return HOME / "bin" / "uv"


def from_lock(version: str) -> Path:
    """Take the program out of uv's own wheel, at the address that the lock gives."""
    wheel = pick(locked_wheels(version))
    with urllib.request.urlopen(wheel["url"], timeout=120) as response:  # noqa: S310 - from the lock
        content = response.read()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != wheel["hash"]:
        sys.exit(f"{wheel['url']} isn't what uv.lock says it is; try again")
    program = HOME / "bin" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        program.write_bytes(archive.read(f"uv-{version}.data/scripts/uv"))
    program.chmod(0o755)
    return program


def locked_wheels(version: str) -> list[dict[str, Any]]:
    """Return the wheels of uv in ``uv.lock``."""
    import tomllib  # here: the version check above must be reached on any Python

    packages = tomllib.loads(Path("uv.lock").read_text(encoding="utf-8"))["package"]
    return next(p["wheels"] for p in packages if (p["name"], p.get("version")) == ("uv", version))


def pick(wheels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the wheel for this machine."""
    machine = platform.machine().lower()
    system = "macosx" if sys.platform == "darwin" else "manylinux"
    for wheel in wheels:
        if system in wheel["url"] and machine in wheel["url"]:
            return wheel
    return sys.exit(
        f"no uv for {sys.platform} {machine} in uv.lock; install python3-venv and retry"
    )


if __name__ == "__main__":
    main()
