"""The terminal's face: commands that parse, call the library and render.

Each command is about 20 lines and each picture a file of its own. Holds no SQL and no policy: what
may be done, and what it means, is decided below. A command group is imported when it is used, so
that ``stanchion --help`` answers at once.
"""

from stanchion.cli._main import main

__all__ = ["main"]
