"""Types of the names that ``stanchion`` imports when first used."""

from stanchion.engine import RunHandle as RunHandle, Settings as Settings, Stanchion as Stanchion
from stanchion.errors import Denied as Denied, Expired as Expired, ModelFailed as ModelFailed, Refused as Refused, StanchionError as StanchionError, StepFailed as StepFailed, ToolFailed as ToolFailed
from stanchion.ledger import Durability as Durability
from stanchion.tools import CallContext as CallContext, CantTell as CantTell, DidNotHappen as DidNotHappen, Happened as Happened, NotPerformed as NotPerformed, tool as tool
from stanchion.trust import allow as allow
from stanchion.values import Action as Action, Decision as Decision, Money as Money, Principal as Principal, ToolError as ToolError
from stanchion.workflows import AgentResult as AgentResult, Run as Run, workflow as workflow

__version__: str
