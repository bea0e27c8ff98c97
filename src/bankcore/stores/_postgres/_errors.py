"""
PostgreSQL's errors as bankcore's.

Decided here: which SQLSTATE is which of bankcore's errors, and after which of them a unit is run
again. Only codes decide, never the words of a message.
"""

import re
from typing import Final

import psycopg

from bankcore.ledger._errors import (
    SchemaVersionError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.values._errors import StoreError

_Told = StoreUnavailableError | StoreCorruptedError | StoreMisuseError

#: After one of these nothing of the unit was written, and it may go well the next time: others
#: were in the way (serialization_failure, deadlock_detected).
AGAIN: Final = frozenset({"40001", "40P01"})
#: Somebody took an id first, and then the next attempt finds what was recorded under it.
TAKEN: Final = "23505"

#: The server is a standby, or has become one.
READ_ONLY: Final = "25006"
_NO_TABLES: Final = frozenset({"42P01", "3F000", "42703", "42883"})
# The first that fits counts.
_MEANINGS: Final[tuple[tuple[re.Pattern[str], type[_Told], str], ...]] = (
    (re.compile("|".join(AGAIN)), StoreUnavailableError, "others were in the way; {}"),
    (re.compile("55P03"), StoreUnavailableError, "others kept an account busy; try again"),
    (re.compile(READ_ONLY), StoreUnavailableError, "the server takes no writes; {}"),
    # Where a write does not find its rows, it divides by zero.
    (re.compile("22012"), StoreCorruptedError, "rows have changed under the lock on them"),
    (re.compile("XX00[12]"), StoreCorruptedError, "{}"),
    (re.compile("42501"), StoreMisuseError, "its role may not do that; {}"),
    (
        re.compile("2[23]..."),
        StoreMisuseError,
        "the rows to be written break a constraint of the tables; {}",
    ),
    (re.compile("25P02"), StoreMisuseError, "the transaction has failed; roll it back first"),
    (re.compile("25P01"), StoreMisuseError, "no transaction is open on the connection"),
)
# What says that the connection is at its end, that the server cannot tell what became of a
# statement, or that a prepared statement is gone or no longer fits, as after a migration.
_DOUBTFUL: Final = re.compile(r"08...|57P0.|40003|26000|0A000")


class TryAgain(Exception):  # noqa: N818  # never leaves the store
    """
    The unit was undone and is to be run again; *because* is the error if that does not help.

    *is_once* says that once is enough to know.
    """

    def __init__(self, because: StoreError, *, is_once: bool = False) -> None:
        super().__init__(because)
        self.because = because
        self.is_once = is_once


def is_broken(error: psycopg.Error) -> bool:
    """Return whether the connection has failed, and not a statement on it."""
    if error.sqlstate is None or _DOUBTFUL.fullmatch(error.sqlstate):
        return True
    # A server that ends the session, for whatever reason, may have done what was sent before.
    return (error.diag.severity_nonlocalized or error.diag.severity) in {"FATAL", "PANIC"}


def sentence(error: psycopg.Error) -> str:
    """Return the first line of what PostgreSQL says; a message has no secret in it."""
    first, *_ = (error.diag.message_primary or str(error) or type(error).__name__).splitlines()
    return f"PostgreSQL says: {first.strip().removesuffix('.')}"


def translated(error: psycopg.Error, newest: int) -> StoreError:
    """Return bankcore's error for *error*, after which certainly nothing was written."""
    code, told = error.sqlstate or "", sentence(error)
    if code in _NO_TABLES:
        return SchemaVersionError(0, newest)
    for codes, kind, reason in _MEANINGS:
        if codes.fullmatch(code):
            return kind(reason.format(told))
    return StoreUnavailableError(told)
