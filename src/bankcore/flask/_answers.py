"""The answer: members as a line of JSON, for Flask."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from flask import Response

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def answer(
    members: Mapping[str, Any],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] = _NOTHING,
    content_type: str = "application/json",
) -> Response:
    """Return the response whose body is *members* as a line of JSON."""
    return Response(f"{_encode(members)}\n", status, dict(headers), content_type=content_type)
