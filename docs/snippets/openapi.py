"""Operations of a document become tools; the operator says what they do."""

from datetime import timedelta
from typing import Any

from stanchion.tools import Declaration
from stanchion.tools.openapi import openapi_tools

account = {"name": "account", "in": "path", "required": True, "schema": {"type": "string"}}
amount = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
json_amount = {"required": True, "content": {"application/json": {"schema": amount}}}
document: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/accounts/{account}": {
            "parameters": [account],
            "get": {"operationId": "getAccount", "summary": "Look an account up."},
            "delete": {"operationId": "closeAccount", "summary": "Close an account."},
        },
        "/accounts/{account}/refunds": {
            "parameters": [account],
            "post": {
                "operationId": "refund",
                "summary": "Pay money back.",
                "requestBody": json_amount,
            },
        },
    },
}

tools = openapi_tools(
    document,
    server="bank",
    base_url="https://bank.example/api",
    exclude={"closeAccount"},
    operations={
        "refund": Declaration(accepts_key=timedelta(hours=24), targets={"account"}),
    },
)

for tool in tools:
    print(tool.name, tool.contract.effect, tool.contract.accepts_key, tool.contract.arguments.names)
# > bank__getAccount read False ('account',)
# > bank__refund write True ('account', 'amount')
