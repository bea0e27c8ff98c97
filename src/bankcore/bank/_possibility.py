"""The possibility: an answer to "could this be done now?"."""

from collections.abc import Iterator
from typing import Any

import attrs

from bankcore.accounts._errors import CloseBlockedError
from bankcore.values._errors import BankError
from bankcore.values._json import FLAG, TEXT, Told, list_schema, object_schema


@attrs.frozen
class Possibility(Told):
    """
    True if something can be done now, else False; iterating gives what stands in the way.

    Attributes:
        error: The error that would be raised; None where it can be done.
        blockers: All that stands in the way, as sentences.
    """

    error: BankError | None

    _json_schema = object_schema({"possible": FLAG, "blockers": list_schema(TEXT)})

    def to_dict(self) -> dict[str, Any]:
        """Return the answer for JSON, without the error."""
        return {"possible": bool(self), "blockers": list(self.blockers)}

    @property
    def blockers(self) -> tuple[str, ...]:
        found: list[str] = []
        for error in () if self.error is None else (self.error, *self.error.others):
            found += error.blockers if isinstance(error, CloseBlockedError) else (str(error),)
        return tuple(found)

    def __bool__(self) -> bool:
        return self.error is None

    def __iter__(self) -> Iterator[str]:
        return iter(self.blockers)
