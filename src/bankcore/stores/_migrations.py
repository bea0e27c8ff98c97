"""
The versions of a schema, for any engine.

Decided here: which version a database has, which ones lead to the next, which tables are
bankcore's, and how an application is told that it gave no connection. How the statements run is
the engine's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from bankcore.ledger._errors import SchemaVersionError, StoreCorruptedError, StoreMisuseError
from bankcore.values._errors import shown

#: The beginning of the names of bankcore's tables, indexes and triggers.
PREFIX: Final = "bankcore_"

#: For each version of the schema, the statements that lead there from the one before.
Steps = Mapping[int, Sequence[str]]


class Pooled(Protocol):
    """SQLAlchemy's ``connection.connection``, which has the driver's own."""

    @property
    def driver_connection(self) -> Any: ...  # noqa: ANN401  # as SQLAlchemy declares it


def driver_of(connection: object) -> object:
    """Return the driver's own connection, where *connection* is SQLAlchemy's `Pooled`."""
    return getattr(connection, "driver_connection", connection)


def no_connection(wanted: str, given: object) -> StoreMisuseError:
    """
    Return the error that says what was *given* in the place of a connection of the driver's.

    Its class is named with its module: many a library has a ``Connection``.
    """
    kind = type(given)
    if given is None:
        # What Django has in place of a connection that was not used yet.
        told = "None; have it opened first, by ensure_connection() in Django"
    elif kind.__module__ == "builtins":
        told = shown(given)
    else:
        told = f"a {kind.__module__}.{kind.__qualname__}"
    return StoreMisuseError(
        f"it needs a {wanted}, or SQLAlchemy's connection.connection, got {told}"
    )


def include_object(
    _object: object, name: str | None, type_: str, _reflected: object, _compare_to: object
) -> bool:
    """
    Return False for what is bankcore's, which Alembic must not touch, and True for all else.

    Give it to ``context.configure(include_object=...)``, so that ``--autogenerate`` does not drop
    tables that no model of yours describes.

        >>> include_object(None, "bankcore_account", "table", True, None)
        False
        >>> include_object(None, "invoice", "table", True, None)
        True
    """
    return type_ not in {"table", "index"} or not (name or "").startswith(PREFIX)


def one_version(rows: Sequence[Sequence[Any]]) -> int:
    """Return the version in the *rows* of ``bankcore_schema``, or raise `StoreCorruptedError`."""
    if len(rows) != 1:
        raise StoreCorruptedError(f"it has {len(rows)} schema versions, not one")
    ((version,),) = rows
    if type(version) is not int or version < 1:
        raise StoreCorruptedError(
            f"it has the schema version {version!r}, not a number above zero"
        )
    return version


def require_newest(found: int, steps: Steps) -> None:
    require_no_newer(found, steps)
    if found < max(steps):
        raise SchemaVersionError(found, max(steps))


def require_no_newer(found: int, steps: Steps) -> None:
    if found > max(steps):
        raise SchemaVersionError(found, max(steps))


def known_version(version: int | None, steps: Steps) -> int:
    """Return *version*, or the newest without one; raise `StoreMisuseError` if it is none."""
    if version is None:
        return max(steps)
    if type(version) is not int or version not in steps:
        raise StoreMisuseError(
            f"there is no version {version!r} of the schema, only 1 to {max(steps)}"
        )
    return version


def statements_to(wanted: int, found: int, steps: Steps) -> Iterator[str]:
    """Yield the statements that lead from version *found* to *wanted*, or raise."""
    require_no_newer(found, steps)
    if found > wanted:
        raise StoreMisuseError(
            f"the tables have schema version {found}, and there is no way back to {wanted}"
        )
    for version in range(found + 1, wanted + 1):
        yield from steps[version]
        if version > 1:  # the first makes the table with its row
            yield f"UPDATE bankcore_schema SET version = {version}"
