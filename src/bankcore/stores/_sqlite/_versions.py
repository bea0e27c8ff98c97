"""The versions of SQLite that have a bug in WAL, and the warning about it."""

import sqlite3
import warnings
from typing import Final

_FIRST_BAD: Final = (3, 7, 0)
_FIRST_GOOD: Final = (3, 51, 3)
# The first good versions of older lines.
_REPAIRED: Final = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}


class SQLiteWALWarning(UserWarning):
    """
    This SQLite has a rare bug in WAL, which does not occur while only bankcore writes to the file.

    Given once in a process, and not with ``journal_mode="truncate"``. To silence it:
    ``warnings.filterwarnings("ignore", category=SQLiteWALWarning)``.
    """


_told = False


def has_wal_bug(version: tuple[int, int, int]) -> bool:
    """Return True if SQLite of *version* can lose a commit when others write and checkpoint."""
    repaired = _REPAIRED.get(version[:2])
    return _FIRST_BAD <= version < _FIRST_GOOD and (repaired is None or version < repaired)


def warnings_of(version: tuple[int, int, int]) -> tuple[str, ...]:
    """Return what to know about SQLite of this *version* with WAL, in sentences."""
    if not has_wal_bug(version):
        return ()
    name = ".".join(map(str, version))
    advice = (
        "let no other program write to the file or checkpoint it while bankcore does, or use"
        " SQLite 3.51.3 or journal_mode='truncate'"
    )
    return (f"SQLite {name} has a rare bug in its WAL: {advice}",)


def warn_once(stacklevel: int) -> None:
    global _told  # noqa: PLW0603  # once in a process is what a module's variable is
    for sentence in () if _told else warnings_of(sqlite3.sqlite_version_info):
        _told = True
        warnings.warn(sentence, SQLiteWALWarning, stacklevel=stacklevel + 1)
