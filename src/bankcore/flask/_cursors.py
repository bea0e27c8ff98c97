"""
Cursors: the position at which the next page begins, as an opaque text.

Decided here: the form of a cursor. It belongs to the resource and the query that it was given for,
and grants nothing: each page is decided by the policy.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from hashlib import sha256
from typing import Final, TypeVar

from bankcore.ledger._errors import InvalidCursorError
from bankcore.values._errors import shown

_LENGTH_MAX: Final = 400
_SUM_LENGTH: Final = 8

_Position = TypeVar("_Position", str, int)


def to_cursor(resource: str, position: str | int) -> str:
    """Return the cursor to *position* in *resource*."""
    data = json.dumps(position).encode()
    tied = f"bankcore cursor 1\n{len(resource)}:{resource}".encode() + data
    return urlsafe_b64encode(sha256(tied).digest()[:_SUM_LENGTH] + data).decode().rstrip("=")


def from_cursor(resource: str, text: str, kind: type[_Position]) -> _Position:
    """Return the position in *resource* for which the cursor *text* was made."""
    if len(text) <= _LENGTH_MAX and text.isascii():
        # Neither base64 nor JSON may be valid.
        with suppress(ValueError):
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            position = json.loads(data[_SUM_LENGTH:])
            # Made again, so that only one text is this cursor.
            if type(position) is kind and to_cursor(resource, position) == text:
                return position
    raise InvalidCursorError(shown(text)).about("cursor")
