"""
Metadata: short texts by key, for an application's own numbers and names.

Decided here: how many pairs there are, and what a key and a value may look like. Metadata are
immutable, hashable and in the order of their keys, so that the same ones have one text.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import attrs

from bankcore.values._errors import InvalidMetadataError, shown
from bankcore.values._text import LINE_PATTERN, to_line

#: The most pairs.
METADATA_MAX: Final = 10
_KEY_PATTERN: Final = "[a-z0-9_.-]{1,40}"
#: The longest value, in characters.
METADATA_VALUE_LENGTH_MAX: Final = 200

#: The form of metadata, as JSON Schema has it.
METADATA_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": METADATA_MAX,
    "propertyNames": {"pattern": f"^{_KEY_PATTERN}$"},
    "additionalProperties": {
        "type": "string",
        "maxLength": METADATA_VALUE_LENGTH_MAX,
        "pattern": LINE_PATTERN,
    },
    "examples": [{"order": "1017"}],
}

_is_key = re.compile(_KEY_PATTERN).fullmatch


def _checked(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        reason = "must be a mapping of keys to texts, such as {'order': '1017'}"
        raise InvalidMetadataError(shown(given), reason).about("metadata")
    found: dict[str, str] = {}
    # One more than may be there is read: what is endless is not read on.
    for key in islice(given, METADATA_MAX + 1):
        if not isinstance(key, str) or _is_key(key) is None:
            reason = "must have keys of 1 to 40 characters of a-z, 0-9, '_', '.' and '-'"
            raise InvalidMetadataError(shown(key), reason).about("metadata")
        value: object = given[key]
        line = to_line(value, METADATA_VALUE_LENGTH_MAX) if isinstance(value, str) else None
        if line is None:
            reason = (
                f"must have for {str.__str__(key)!r} one line of at most"
                f" {METADATA_VALUE_LENGTH_MAX} characters, with no control characters"
            )
            raise InvalidMetadataError(shown(value), reason).about("metadata")
        found[str.__str__(key)] = line
    if len(found) > METADATA_MAX:
        reason = f"must have at most {METADATA_MAX} pairs"
        raise InvalidMetadataError(f"{METADATA_MAX + 1} or more", reason).about("metadata")
    return dict(sorted(found.items()))


@attrs.frozen(eq=False, repr=False)
class Metadata(Mapping[str, str]):
    """
    An immutable mapping of at most 10 keys to texts, in the order of the keys.

        >>> Metadata({"shop": "berlin", "order": "1017"})
        Metadata({'order': '1017', 'shop': 'berlin'})
        >>> _["order"]
        '1017'

    A key is 1 to 40 characters of ``a-z 0-9 _ . -``, a value one line of at most 200 characters,
    kept in Unicode's composed form (NFC).

    Raises:
        InvalidMetadataError: If *values* are anything else.
    """

    _values: dict[str, str] = attrs.field(factory=dict, converter=_checked)

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return f"Metadata({self._values!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # A copy of none is `NO_METADATA` again.
        return to_metadata, (dict(self._values),)


#: The one object for none. What has none is told by it, which takes no call.
NO_METADATA: Final = Metadata()


def to_metadata(given: Mapping[str, str] | None) -> Metadata:
    """Return *given* as `Metadata`; `NO_METADATA` for None and for an empty mapping."""
    if given is NO_METADATA or given is None:
        return NO_METADATA
    return (given if type(given) is Metadata else Metadata(given)) or NO_METADATA
