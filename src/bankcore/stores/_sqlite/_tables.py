"""The tables of SQLite, and what SQLite says of itself."""

import sqlite3
from collections.abc import Iterable, Sequence

from bankcore import errors
from bankcore.ledger import StoreDescription
from bankcore.stores._sqlite._integrity import table_errors
from bankcore.stores._sqlite._versions import warnings_of
from bankcore.stores._tables import Tables


class SQLiteTables(Tables):
    """The contract on the tables, but for `transact`, in SQLite."""

    def _described(self, names: Iterable[str], location: str, durability: str) -> StoreDescription:
        ((version,),) = self._read("SELECT version FROM bankcore_schema", ())
        settings = {name: self._read(f"PRAGMA {name}", ())[0][0] for name in names}
        is_wal = settings["journal_mode"] == "wal"
        return StoreDescription(
            engine=f"SQLite {sqlite3.sqlite_version}",
            location=location,
            schema_version=version,
            durability=durability,
            settings=settings,
            warnings=warnings_of(sqlite3.sqlite_version_info) if is_wal else (),
        )

    def integrity_errors(self) -> Sequence[str]:
        """Return what is wrong with the file or between its tables, in sentences."""
        wrong: list[str] = []
        try:
            found = [str(row[0]) for row in self._read("PRAGMA integrity_check", ())]
            wrong += found if found != ["ok"] else ()
            wrong += table_errors(self._read)
        except errors.StoreCorruptedError as error:
            wrong.append(str(error))
        return tuple(wrong)
