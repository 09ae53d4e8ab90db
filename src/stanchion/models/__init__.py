"""Temporary."""
from stanchion.models._model import *  # noqa
from stanchion.models._guard import *  # noqa
from stanchion.values import *  # noqa
import inspect, json
def price(model, response): return None
def resolve(spec): return spec
class ScriptedModel:
    real = False
    def __init__(self, script, *, name="scripted", version="scripted-1"):
        self.script = script if callable(script) else iter(list(script)); self.name=name; self.version=version; self.requests=[]
    async def complete(self, request):
        self.requests.append(request)
        a = self.script(request) if callable(self.script) else next(self.script)
        if inspect.isawaitable(a): a = await a
        if isinstance(a, Exception): raise a
        if isinstance(a, ModelResponse): return a
        if isinstance(a, dict) and "choice" in a:
            pr=a.get("probabilities") or {a["choice"]:1.0}
            return ModelResponse(Message("assistant",(TextPart(a["choice"]),)), choices=tuple(sorted(pr.items(), key=lambda x:-x[1])), model=self.version)
        if isinstance(a, ToolCallPart): a=(a,)
        if isinstance(a, (list,tuple)): return ModelResponse(Message("assistant",tuple(a)), finish_reason=FinishReason.TOOL_CALLS, model=self.version)
        if isinstance(a, Message): return ModelResponse(a, model=self.version)
        text = a if isinstance(a,str) else (a.model_dump_json() if hasattr(a,"model_dump_json") else json.dumps(a))
        return ModelResponse(Message("assistant",(TextPart(text),)), model=self.version, choices=((text,1.0),) if request.choices else ())
