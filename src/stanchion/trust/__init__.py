"""Trust: what may steer an effect, and within which bounds.

Owns the operator's rules, their verdicts, and where a value came from. Holds no tool execution.
"""

from stanchion.trust._allow import Allow, ToolContract, allow
from stanchion.trust._origins import Origin, find_origins
from stanchion.trust._verdict import Verdict, judge_bounds

__all__ = [
    "Allow",
    "Origin",
    "ToolContract",
    "Verdict",
    "allow",
    "find_origins",
    "judge_bounds",
]
