"""The demo: a support desk over a real bank database, on a real small model, judged by the bank.

Four acts and an answer key. Holds no support-desk logic: that is ``examples/support_desk``.
"""

from stanchion.demo._screen import Screen, keys_for
from stanchion.demo._show import run_demo

__all__ = ["Screen", "keys_for", "run_demo"]
