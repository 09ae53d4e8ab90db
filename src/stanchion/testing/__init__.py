"""Public fakes and drivers for tests of workflows: the ones that Stanchion's own tests use.

A clock moved by hand, scripted models, a run driven to its end in memory, a crash at every commit,
recorded runs replayed as regression tests, a destination of spans. Nothing here reaches the network
or the disk.
"""

from stanchion.models import ScriptedModel, forbid_real_calls
from stanchion.testing._clock import FakeClock
from stanchion.testing._collector import FakeCollector
from stanchion.testing._crash import Crash, CrashingStore, SimulatedCrash, crash_at_every_commit
from stanchion.testing._recording import Recording, export_run, import_run, replay_recording
from stanchion.testing._simulate import Answers, Simulated, simulate

__all__ = [
    "Answers",
    "Crash",
    "CrashingStore",
    "FakeClock",
    "FakeCollector",
    "Recording",
    "ScriptedModel",
    "Simulated",
    "SimulatedCrash",
    "crash_at_every_commit",
    "export_run",
    "forbid_real_calls",
    "import_run",
    "replay_recording",
    "simulate",
]
