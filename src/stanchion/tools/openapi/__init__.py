"""Tools from an OpenAPI document.

Owns reading documents, requests and answers. The operator alone says what an operation does and
whom to believe; the document says only what may be sent. Needs nothing beyond httpx;
YAML needs PyYAML, an extra.
"""

from stanchion.tools.openapi._import import openapi_tools

__all__ = ["openapi_tools"]
