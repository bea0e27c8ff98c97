"""The versions of SQLite that have a bug in WAL, and what a store's description says of it."""

from typing import Final

_FIRST_BAD: Final = (3, 7, 0)
_FIRST_GOOD: Final = (3, 51, 3)
# The first good versions of older lines.
_REPAIRED: Final = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}


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
        " SQLite 3.51.3 or the journal mode truncate"
    )
    return (f"SQLite {name} has a rare bug in its WAL: {advice}",)
