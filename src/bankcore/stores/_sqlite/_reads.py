"""
The reading half of the store contract, on the SQLite tables.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

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
from bankcore.ledger._errors import (
    AccountNotFoundError,
    StoreCorruptedError,
    TransactionNotFoundError,
)
from bankcore.stores._sqlite._integrity import table_errors
from bankcore.stores._sqlite._rows import (
    ACCOUNTS,
    HOLD_COLUMNS,
    RECORDS,
    accounts_in,
    hash_of,
    hold_from,
    place_of,
    records_in,
    require_ahead,
)
from bankcore.stores._sqlite._versions import warnings_of
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._instants import to_microseconds

# No account has had more transactions; with a page added it is still an integer of SQLite.
_VERSION_MAX: Final = 2**62


class SQLiteReads:
    """
    The reading half of the contract, on whatever connection `_read` asks.
    """

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        raise NotImplementedError

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
        rows = self._read(f"{ACCOUNTS} WHERE a.id = ? ORDER BY h.key", (account_id.value,))
        for *_, account in accounts_in(rows):
            return account
        raise AccountNotFoundError(account_id)

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        require_limit(limit)
        first = "" if after is None else after.value
        rows = self._read(
            f"{ACCOUNTS} WHERE a.key IN (SELECT key FROM bankcore_account WHERE id > ?"
            " ORDER BY id LIMIT ?) ORDER BY a.id, h.key",
            (first, limit),
        )
        found = tuple(account for *_, account in accounts_in(rows))
        if found:
            require_ahead("the ids of accounts", found[-1].id.value, first)
        return found

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        rows = self._read(
            f"{RECORDS} WHERE j.transaction_id = ? ORDER BY p.line", (transaction_id.value,)
        )
        for record in records_in(rows):
            return record
        raise TransactionNotFoundError(transaction_id)

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        require_limit(limit)
        place = 0 if after is None else place_of(after)
        rows = self._read(
            f"{RECORDS} WHERE j.place > ? AND j.place <= ("
            " SELECT max(place) FROM (SELECT place FROM bankcore_journal WHERE place > ?"
            " ORDER BY place LIMIT ?)) ORDER BY j.place, p.line",
            (place, place, limit),
        )
        if not rows:
            return Page((), after)
        require_ahead("the places of the journal", rows[-1][0], place)
        return Page(tuple(records_in(rows)), Cursor(str(rows[-1][0])))

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        require_limit(limit)
        first = min(max(after, 0), _VERSION_MAX)
        rows = self._read(
            f"{RECORDS} WHERE j.place IN (SELECT p.place FROM bankcore_posting p"
            " JOIN bankcore_account a ON a.key = p.account_key"
            " WHERE a.id = ? AND p.version > ? AND p.version <= ?) ORDER BY j.place, p.line",
            (account_id.value, first, first + limit),
        )
        if not rows:
            self.account(account_id)
        found = tuple(records_in(rows))
        with codec.reading(f"the history of account {account_id}"):
            history = sorted(
                (record for record in found if isinstance(record, Transaction)),
                key=lambda transaction: transaction.posting(account_id).version,
            )
        if history:
            last = history[-1].posting(account_id).version
            require_ahead(f"the versions of account {account_id}", last, first)
        return history

    def chain_head(self, account_id: AccountId) -> tuple[int, bytes]:
        rows = self._read(
            "SELECT version, chain_hash FROM bankcore_account WHERE id = ?", (account_id.value,)
        )
        for version, head in rows:
            return version, hash_of(account_id.value, head)
        raise AccountNotFoundError(account_id)

    def chain_hashes(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[bytes]:
        require_limit(limit)
        first = min(max(after, 0), _VERSION_MAX)
        rows = self._read(
            "SELECT p.chain_hash FROM bankcore_posting p"
            " JOIN bankcore_account a ON a.key = p.account_key"
            " WHERE a.id = ? AND p.version > ? AND p.version <= ? ORDER BY p.version",
            (account_id.value, first, first + limit),
        )
        if not rows:
            self.account(account_id)
        return [hash_of(account_id.value, chain_hash) for (chain_hash,) in rows]

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        # Times never fall along the versions, so the last one in time is found by halving:
        # that needs no index by time, which every write would have to keep.
        low, high = 0, self.account(account_id).version
        wanted = to_microseconds(instant)
        with codec.reading(f"the history of account {account_id}"):
            while low < high:
                middle = (low + high + 1) // 2
                ((booked_at,),) = self._read(
                    "SELECT j.recorded_at FROM bankcore_account a"
                    " JOIN bankcore_posting p ON p.account_key = a.key"
                    " JOIN bankcore_journal j ON j.place = p.place"
                    " WHERE a.id = ? AND p.version = ?",
                    (account_id.value, middle),
                )
                if booked_at <= wanted:
                    low = middle
                else:
                    high = middle - 1
            if low == 0:
                return None
            (transaction,) = self.history(account_id, after=low - 1, limit=1)
            posting = transaction.posting(account_id)
            if posting.version != low:
                raise ValueError(f"version {posting.version} is where {low} should be")
            return posting

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        require_limit(limit)
        rows = self._read(
            f"SELECT a.id, a.currency, a.exponent, {HOLD_COLUMNS} FROM bankcore_hold h"
            " JOIN bankcore_account a ON a.key = h.account_key WHERE h.expires_at < ?"
            " ORDER BY h.expires_at, a.id, h.id LIMIT ?",
            (to_microseconds(before), limit),
        )
        with codec.reading("a hold"):
            return tuple(
                (AccountId(name), hold_from(row, codec.currency_of(code, exponent)))
                for name, code, exponent, *row in rows
            )

    def integrity_errors(self) -> Sequence[str]:
        """
        What is wrong with the file or between its tables; nothing where it is sound.
        """
        errors: list[str] = []
        try:
            found = [str(row[0]) for row in self._read("PRAGMA integrity_check", ())]
            errors += found if found != ["ok"] else ()
            errors += table_errors(self._read)
        except StoreCorruptedError as error:
            errors.append(str(error))
        return tuple(errors)

    def accounts_of(
        self, holder: PrincipalId, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        require_limit(limit)
        rows = self._read(
            f"{ACCOUNTS} WHERE a.key IN (SELECT w.account_key FROM bankcore_holder w"
            " JOIN bankcore_account b ON b.key = w.account_key"
            " WHERE w.principal = ? AND b.id > ? ORDER BY b.id LIMIT ?) ORDER BY a.id, h.key",
            (holder.value, "" if after is None else after.value, limit),
        )
        return tuple(account for *_, account in accounts_in(rows))
