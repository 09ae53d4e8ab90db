"""The same lost answer, three contracts: a key, a reconciler, neither."""

import asyncio

from stanchion import CallContext, DidNotHappen, Happened, Run, allow, tool, workflow
from stanchion.testing import simulate


class Bank:
    """Pays, and loses its first answer. Knows the keys it has paid under."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.requests = 0

    def pay(self, key: str) -> str:
        """Pay once per key."""
        self.requests += 1
        if key not in self.paid:
            self.paid.append(key)
        if self.requests == 1:
            raise ConnectionResetError
        return "receipt"


@tool(write=True, accepts_key=True)
async def pay_with_key(call: CallContext[Bank]) -> str:
    """Pay; the bank recognises a repeated key."""
    call.check_deadline()
    return call.deps.pay(call.key)


async def find_payment(call: CallContext[Bank]) -> Happened[str] | DidNotHappen:
    """Ask the bank whether it has paid."""
    return Happened("receipt") if call.key in call.deps.paid else DidNotHappen()


@tool(write=True, reconcile=find_payment)
async def pay_and_ask(call: CallContext[Bank]) -> str:
    """Pay; the bank can be asked afterwards."""
    return call.deps.pay(call.key)


@tool(write=True)
async def pay_blindly(call: CallContext[Bank]) -> str:
    """Pay; nothing can tell afterwards."""
    return call.deps.pay(call.key)


TOOLS = {each.name: each for each in (pay_with_key, pay_and_ask, pay_blindly)}


@workflow(tools=list(TOOLS.values()), untrusted_may=[allow(each) for each in TOOLS.values()])
async def pay(run: Run[Bank], name: str) -> str:
    """Pay with one of the tools."""
    return await run.call(TOOLS[name])


for name in TOOLS:
    bank = Bank()
    done = asyncio.run(simulate(pay, name, deps=bank, answers=[("happened", "receipt")]))
    asked = done.questions[0].reason if done.questions else "nobody asked"
    print(f"{name}: sent {bank.requests}, paid {len(bank.paid)}; {asked}")
# > pay_with_key: sent 2, paid 1; nobody asked
# > pay_and_ask: sent 1, paid 1; nobody asked
# > pay_blindly: sent 1, paid 1; pay_blindly may have happened, and nothing can tell
