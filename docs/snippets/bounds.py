"""What a bound covers, and what it doesn't."""

from decimal import Decimal

from stanchion import Principal, allow, tool
from stanchion.errors import ContractError
from stanchion.trust import judge_bounds


@tool(write=True, accepts_key=True, targets={"account"})
async def refund(account: str, amount: Decimal) -> str:
    """Pay money back to an account."""
    return f"{amount} to {account}"


rules = [allow(refund, max_amount="50.00", target="initiator.account")]
sam = Principal("sam", claims={"account": "4400112201"})

for account, amount in (("4400112201", "20"), ("4400112201", "80"), ("6660000666", "20")):
    call = {"account": account, "amount": Decimal(amount)}
    verdict = judge_bounds(rules, refund.contract, call, sam)
    print("alone" if verdict.allowed else "a person", "-", verdict.explanation)

try:
    allow(refund, max_account=3)
except ContractError as error:
    print(error.message)
# > alone - covered by allow(refund, target=initiator.account, max_amount=50.00)
# > a person - amount 80 is over max_amount=50.00 of allow(refund)
# > a person - account isn't the initiator's own account, target=initiator.account of allow(refund)
# > allow(refund): account isn't a number, so max_account can't bound it
