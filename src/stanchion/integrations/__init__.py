"""Integrations: Stanchion inside of what speaks another protocol.

Owns the faces that other programs call. They start runs and read their outcomes; whatever is
called goes through the same gateway, ledger and reviews as a workflow's own calls.
"""

from stanchion.integrations._served import Answer, ServedTools
from stanchion.integrations._tool_server import ToolServer

__all__ = ["Answer", "ServedTools", "ToolServer"]
