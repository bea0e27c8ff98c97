"""The possibility: an answer to "could this be done now?"."""

from collections.abc import Iterator

import attrs

from bankcore.accounts._errors import CloseBlockedError
from bankcore.values._errors import BankError


@attrs.frozen
class Possibility:
    """
    True if something can be done now, else False; iterating gives what stands in the way.

    Attributes:
        error: The error that would be raised; None where it can be done.
        blockers: All that stands in the way, as sentences.
    """

    error: BankError | None

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
