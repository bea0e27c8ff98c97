"""
Cursors: where the next page begins, as an opaque text.

Decided here: their form. A cursor belongs to the resource and the query that it was given
for; it grants nothing, since every page is decided anew.
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

_Place = TypeVar("_Place", str, int)


def cursor_text(resource: str, place: str | int) -> str:
    """
    The cursor to *place* in *resource*.
    """
    data = json.dumps(place).encode()
    return urlsafe_b64encode(_sum(resource, data) + data).decode().rstrip("=")


def place_of(resource: str, text: str, kind: type[_Place]) -> _Place:
    """
    The place in *resource* that the cursor was made for.

    Raises:
        InvalidCursorError: If it is no cursor of this resource.
    """
    if len(text) <= _LENGTH_MAX and text.isascii():
        # What is no cursor may still be base64, or JSON.
        with suppress(ValueError):
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            place = json.loads(data[_SUM_LENGTH:])
            # Made again, so that no two texts are one cursor.
            if type(place) is kind and cursor_text(resource, place) == text:
                return place
    raise InvalidCursorError(shown(text))


def _sum(resource: str, data: bytes) -> bytes:
    tied = f"bankcore cursor 1\n{len(resource)}:{resource}".encode() + data
    return sha256(tied).digest()[:_SUM_LENGTH]
