"""Trust: what may steer an effect, and within which bounds.

Owns the operator's rules, their verdicts, where a value came from, and which values a model may act
on. Holds no tool execution.
"""

from stanchion.trust._actionable import actionable
from stanchion.trust._allow import Allow, HasContract, ToolContract, allow
from stanchion.trust._index import GROUNDED, Ground, ValueIndex
from stanchion.trust._leaves import Leaf, leaves_of
from stanchion.trust._marks import Untrusted, divide, is_marked, veil
from stanchion.trust._origins import Origin, find_origins
from stanchion.trust._request import Asked, asking
from stanchion.trust._verdict import Verdict, judge_bounds

__all__ = [
    "GROUNDED",
    "Allow",
    "Asked",
    "Ground",
    "HasContract",
    "Leaf",
    "Origin",
    "ToolContract",
    "Untrusted",
    "ValueIndex",
    "Verdict",
    "actionable",
    "allow",
    "asking",
    "divide",
    "find_origins",
    "is_marked",
    "judge_bounds",
    "leaves_of",
    "veil",
]
