"""The reading half of the store contract, on the SQLite tables."""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from bankcore import errors
from bankcore.accounts import Account, Hold
from bankcore.ledger import (
    Cursor,
    Page,
    Posting,
    Refusal,
    StoreDescription,
    Transaction,
    require_limit,
)
from bankcore.ledger import _codec as codec
from bankcore.stores import _rows
from bankcore.stores._sqlite._integrity import table_errors
from bankcore.stores._sqlite._statements import ACCOUNTS, HOLDS, RECORDS
from bankcore.stores._sqlite._versions import warnings_of
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._instants import to_microseconds

# No account has had more transactions; with a page added it is still an integer of SQLite.
_VERSION_MAX: Final = 2**62


class SQLiteReads:
    """The reading half of the contract, on the connection that `_read` uses."""

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        raise NotImplementedError

    def _accounts(self, where: str, *parameters: object) -> tuple[Account, ...]:
        sql = f"{ACCOUNTS} WHERE {where} ORDER BY account.id, hold.key"
        rows = map(_rows.AccountRow._make, self._read(sql, parameters))
        return tuple(account for _, account in _rows.accounts_from(rows))

    def _records(self, where: str, *parameters: object) -> list[Transaction | Refusal]:
        sql = f"{RECORDS} WHERE {where} ORDER BY journal.place, posting.line"
        return _rows.records_from(map(_rows.RecordRow._make, self._read(sql, parameters)))

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

    def account(self, account_id: AccountId) -> Account:
        for account in self._accounts("account.id = ?", account_id.value):
            return account
        raise errors.AccountNotFoundError(account_id)

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        first = "" if after is None else after.value
        found = self._accounts(
            "account.key IN (SELECT key FROM bankcore_account WHERE id > ? ORDER BY id LIMIT ?)",
            first,
            require_limit(limit),
        )
        if found:
            _rows.require_order("the ids of accounts", found[-1].id.value, first)
        return found

    def accounts_of(
        self, holder: PrincipalId, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return self._accounts(
            "account.key IN (SELECT holder.account_key FROM bankcore_holder AS holder"
            " JOIN bankcore_account AS held ON held.key = holder.account_key"
            " WHERE holder.principal = ? AND held.id > ? ORDER BY held.id LIMIT ?)",
            holder.value,
            "" if after is None else after.value,
            require_limit(limit),
        )

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        for record in self._records("journal.transaction_id = ?", transaction_id.value):
            return record
        raise errors.TransactionNotFoundError(transaction_id)

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        require_limit(limit)
        first = 0 if after is None else _rows.position_of(after)
        rows = self._read(
            f"{RECORDS} WHERE journal.place > ? AND journal.place <= ("
            " SELECT max(place) FROM (SELECT place FROM bankcore_journal WHERE place > ?"
            " ORDER BY place LIMIT ?)) ORDER BY journal.place, posting.line",
            (first, first, limit),
        )
        if not rows:
            return Page((), after)
        last = _rows.RecordRow._make(rows[-1]).place
        _rows.require_order("the places of the journal", last, first)
        return Page(tuple(_rows.records_from(map(_rows.RecordRow._make, rows))), Cursor(str(last)))

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        first = min(max(after, 0), _VERSION_MAX)
        found = self._records(
            "journal.place IN (SELECT posting.place FROM bankcore_posting AS posting"
            " JOIN bankcore_account AS account ON account.key = posting.account_key"
            " WHERE account.id = ? AND posting.version > ? AND posting.version <= ?)",
            account_id.value,
            first,
            first + require_limit(limit),
        )
        if not found:
            self.account(account_id)
        with codec.reading(f"the history of account {account_id}"):
            history = sorted(
                (record for record in found if isinstance(record, Transaction)),
                key=lambda transaction: transaction.posting(account_id).version,
            )
        if history:
            last = history[-1].posting(account_id).version
            _rows.require_order(f"the versions of account {account_id}", last, first)
        return history

    def chain_head(self, account_id: AccountId) -> tuple[int, bytes]:
        rows = self._read(
            "SELECT version, chain_hash FROM bankcore_account WHERE id = ?", (account_id.value,)
        )
        for version, head in rows:
            return version, _rows.require_hash(account_id.value, head)
        raise errors.AccountNotFoundError(account_id)

    def chain_hashes(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[bytes]:
        first = min(max(after, 0), _VERSION_MAX)
        rows = self._read(
            "SELECT posting.chain_hash FROM bankcore_posting AS posting"
            " JOIN bankcore_account AS account ON account.key = posting.account_key"
            " WHERE account.id = ? AND posting.version > ? AND posting.version <= ?"
            " ORDER BY posting.version",
            (account_id.value, first, first + require_limit(limit)),
        )
        if not rows:
            self.account(account_id)
        return [_rows.require_hash(account_id.value, chain_hash) for (chain_hash,) in rows]

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        versions = range(1, self.account(account_id).version + 1)

        def booked_at(version: int) -> int:
            ((found,),) = self._read(
                "SELECT journal.recorded_at FROM bankcore_account AS account"
                " JOIN bankcore_posting AS posting ON posting.account_key = account.key"
                " JOIN bankcore_journal AS journal ON journal.place = posting.place"
                " WHERE account.id = ? AND posting.version = ?",
                (account_id.value, version),
            )
            return int(found)

        with codec.reading(f"the history of account {account_id}"):
            # Times never fall along the versions, so that no index by time is needed, which every
            # write would have to keep.
            version = bisect_right(versions, to_microseconds(instant), key=booked_at)
            if version == 0:
                return None
            (transaction,) = self.history(account_id, after=version - 1, limit=1)
            posting = transaction.posting(account_id)
            if posting.version != version:
                raise ValueError(f"version {posting.version} is where {version} should be")
            return posting

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        rows = self._read(
            f"{HOLDS} WHERE hold.expires_at < ?"
            " ORDER BY hold.expires_at, account.id, hold.id LIMIT ?",
            (to_microseconds(before), require_limit(limit)),
        )
        return _rows.holds_from(map(_rows.HoldRow._make, rows))

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
