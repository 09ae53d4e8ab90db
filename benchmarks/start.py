"""Start-up: how long an import and the first line of help take, in fresh processes.

Wall-clock time of whole processes, the interpreter's own start included and shown beside. The
modules that the help loads are listed by the interpreter itself (``-X importtime``).
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._report import Report, scale

PROVIDERS = (
    "anthropic",
    "boto3",
    "cohere",
    "google.genai",
    "groq",
    "huggingface_hub",
    "mistralai",
    "openai",
    "pydantic_ai",
    "xllamacpp",
)
STANCHION = str(Path(sys.executable).with_name("stanchion"))
IMPORT_EVERYTHING = "import stanchion; [getattr(stanchion, n) for n in stanchion.__all__]"


def main() -> None:
    """Measure and report."""
    rounds = 15 if scale() == "full" else 5
    report = Report("start")
    commands = {
        "python": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import stanchion"],
        "import_every_name": [sys.executable, "-c", IMPORT_EVERYTHING],
        "help": [STANCHION, "--help"],
    }
    medians: dict[str, float] = {}
    for name, command in commands.items():
        seconds = timed(command, rounds)
        medians[name] = statistics.median(seconds)
        report.figure(f"{name}_median_seconds", medians[name])
        report.figure(f"{name}_min_seconds", min(seconds))
    loaded = providers_loaded([sys.executable, "-X", "importtime", STANCHION, "--help"])
    report.figure("rounds", rounds)
    report.figure("provider_modules", loaded)
    report.target("import stanchion, seconds (median)", medians["import"], "<=", 0.25)
    report.target("stanchion --help, seconds (median)", medians["help"], "<=", 0.4)
    report.target("provider SDKs imported by --help", len(loaded), "==", 0)
    report.finish()


def timed(command: Sequence[str], rounds: int) -> list[float]:
    """Return the seconds of each run, after one that warms the file cache."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def providers_loaded(command: Sequence[str]) -> list[str]:
    """Return the provider packages among the modules that a command imports."""
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    modules = set(re.findall(r"^import time:.*\| +(\S+)$", told, re.MULTILINE))
    if "stanchion" not in modules:
        sys.exit(f"the interpreter's list of imports can't be read:\n{told[-500:]}")
    return sorted(modules & set(PROVIDERS))


if __name__ == "__main__":
    main()
