"""A contract that is refused, one that isn't, and a call through the gateway alone."""

import asyncio
from typing import Annotated

from pydantic import Field

from stanchion import tool
from stanchion.errors import ContractError
from stanchion.tools import call

try:

    @tool(read=True, accepts_key=True)
    async def look_up(thing: str) -> str:
        """Look a thing up."""
        return thing

except ContractError as error:
    print(error)
# > tool look_up: accepts_key is a capability of writes and this is a read
# >   remedy: remove accepts_key, or say write=True if it changes something


@tool(read=True)
async def find_account(number: Annotated[str, Field(pattern=r"^\d{10}$")]) -> str:
    """Find the name of an account's holder."""
    return f"holder of {number}"


result = asyncio.run(call(find_account, {"number": "12"}))
if result.error:
    print(result.error.action, result.error.field, result.error.expected)
# > ask_user number the number exactly as the user gives it
