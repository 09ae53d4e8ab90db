"""Types of the names that ``stanchion`` imports when first used."""

from stanchion.engine import RunHandle as RunHandle
from stanchion.engine import Settings as Settings
from stanchion.engine import Stanchion as Stanchion
from stanchion.errors import BudgetExceeded as BudgetExceeded
from stanchion.errors import Denied as Denied
from stanchion.errors import Expired as Expired
from stanchion.errors import ModelFailed as ModelFailed
from stanchion.errors import Refused as Refused
from stanchion.errors import StanchionError as StanchionError
from stanchion.errors import StepFailed as StepFailed
from stanchion.errors import ToolFailed as ToolFailed
from stanchion.ledger import Durability as Durability
from stanchion.review import Reviewer as Reviewer
from stanchion.review import approvers as approvers
from stanchion.tools import Breaker as Breaker
from stanchion.tools import CallContext as CallContext
from stanchion.tools import CantTell as CantTell
from stanchion.tools import DidNotHappen as DidNotHappen
from stanchion.tools import Happened as Happened
from stanchion.tools import NotPerformed as NotPerformed
from stanchion.tools import Rate as Rate
from stanchion.tools import tool as tool
from stanchion.trust import Untrusted as Untrusted
from stanchion.trust import allow as allow
from stanchion.values import Action as Action
from stanchion.values import Decision as Decision
from stanchion.values import Money as Money
from stanchion.values import Principal as Principal
from stanchion.values import ToolError as ToolError
from stanchion.workflows import AgentResult as AgentResult
from stanchion.workflows import Budget as Budget
from stanchion.workflows import Ceiling as Ceiling
from stanchion.workflows import Run as Run
from stanchion.workflows import workflow as workflow

__version__: str
__all__: list[str]
