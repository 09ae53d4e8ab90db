"""Bring an environment to what ``uv.lock`` says, and say first what that will cost.

``install.py STAMP UV [uv sync options]``: the environment is the stamp's folder, and the stamp is
written last, so that an interrupted set-up is repeated and a finished one isn't. Without a
network it works from uv's cache. Standard library only.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

ASSUMED_MB_PER_SECOND = 5


def main() -> None:
    """Install, timed."""
    stamp, uv, *options = sys.argv[1:]
    environment = Path(stamp).parent
    sync = [uv, "sync", "--frozen", "--inexact", "--python", sys.executable, *options]
    variables = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(environment),
        "UV_PYTHON_DOWNLOADS": "never",
        "VIRTUAL_ENV": "",
    }
    announce(environment, planned(sync, variables))
    began = time.monotonic()
    if subprocess.run([*sync, "--quiet"], env=variables, check=False).returncode:
        print("Trying again without the network, from uv's cache", flush=True)
        subprocess.run([*sync, "--quiet", "--offline"], env=variables, check=True)
    Path(stamp).touch()
    print(f"Set up {environment}/ in {time.monotonic() - began:.0f} s", flush=True)


def planned(sync: list[str], variables: dict[str, str]) -> list[str]:
    """Return ``name==version`` of each package that the installation would add."""
    told = subprocess.run(
        [*sync, "--dry-run"], env=variables, check=False, capture_output=True, text=True
    )
    return re.findall(r"^ \+ (\S+==\S+)", told.stderr, re.MULTILINE)


def announce(environment: Path, packages: list[str]) -> None:
    """Print the cost, as an upper bound: uv's cache may hold some of it already."""
    if not packages:
        return
    locked = tomllib.loads(Path("uv.lock").read_text(encoding="utf-8"))["package"]
    sizes = {f"{package['name']}=={package.get('version')}": size(package) for package in locked}
    megabytes = sum(sizes.get(package, 0) for package in packages) / 1e6
    seconds = 5 + megabytes / ASSUMED_MB_PER_SECOND
    print(
        f"Setting up {environment}/: {len(packages)} packages, at most {megabytes:.0f} MB to "
        f"download, about {seconds:.0f} s at {ASSUMED_MB_PER_SECOND} MB/s. Once only.",
        flush=True,
    )


def size(package: dict[str, Any]) -> int:
    """Return the bytes of the largest wheel that may fit this machine, else of the source."""
    fits = [wheel["size"] for wheel in package.get("wheels", []) if may_fit(wheel["url"])]
    return max(fits, default=package.get("sdist", {}).get("size", 0))


def may_fit(address: str) -> bool:
    """Tell from a wheel's name whether it may run here (a bound, not pip's full rule)."""
    python, abi, system = address.removesuffix(".whl").rsplit("-", 3)[1:]
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if not (abi in ("abi3", "none") or (here in python.split(".") and abi == here)):
        return False
    family = "macosx" if sys.platform == "darwin" else "manylinux"
    return system == "any" or (family in system and platform.machine().lower() in system)


if __name__ == "__main__":
    main()
