"""Context: what a model is sent, so that it fits and never lacks the goal.

Owns the window, what is pinned, summaries, previews of large results and access to them. Decides
purely: it holds no transport, asks no model and reads no store.
"""

from stanchion.context._access import MOST, NoSuchPath, at_path, find_words, slice_of, text_of
from stanchion.context._blocks import block
from stanchion.context._draft import (
    SCHEMA,
    Material,
    Rejected,
    ask_for,
    material_of,
    read_draft,
)
from stanchion.context._extract import extract_summary
from stanchion.context._identifiers import Identifier, find_identifiers
from stanchion.context._pinned import Pinned, check_pinned
from stanchion.context._preview import handle_of, preview
from stanchion.context._summary import Summary, fit, gather, render
from stanchion.context._tokens import PER_MESSAGE, Calibration, estimate, spelled, spelled_tool
from stanchion.context._turn import Act, Turn
from stanchion.context._window import Assembled, Shares, Size, Window, user_message

__all__ = [
    "MOST",
    "PER_MESSAGE",
    "SCHEMA",
    "Act",
    "Assembled",
    "Calibration",
    "Identifier",
    "Material",
    "NoSuchPath",
    "Pinned",
    "Rejected",
    "Shares",
    "Size",
    "Summary",
    "Turn",
    "Window",
    "ask_for",
    "at_path",
    "block",
    "check_pinned",
    "estimate",
    "extract_summary",
    "find_identifiers",
    "find_words",
    "fit",
    "gather",
    "handle_of",
    "material_of",
    "preview",
    "read_draft",
    "render",
    "slice_of",
    "spelled",
    "spelled_tool",
    "text_of",
    "user_message",
]
