"""Engines and the app: who calls ``advance``, and the face that applications use.

In-process asyncio by default. Knows runs by id; nothing of agents, tools or models beyond handing
them on.
"""

from stanchion.engine._app import ModelSpec, RunHandle, Stanchion
from stanchion.engine._engine import Engine
from stanchion.engine._notifier import Notifier
from stanchion.engine._settings import SettingOrigin, Settings, load_settings

__all__ = [
    "Engine",
    "ModelSpec",
    "Notifier",
    "RunHandle",
    "SettingOrigin",
    "Settings",
    "Stanchion",
    "load_settings",
]
