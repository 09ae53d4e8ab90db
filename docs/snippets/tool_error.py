"""An error that tells a model what to do next, and what not to."""

from stanchion.values import Action, ToolError

error = ToolError(
    code="account_number_missing",
    problem="The refund needs the account number of the customer.",
    action=Action.ASK_USER,
    field="account_number",
    expected="8 digits",
    do_not="Do not guess an account number.",
)

print(f"{error.action}: {error.problem}")
# > ask_user: The refund needs the account number of the customer.
