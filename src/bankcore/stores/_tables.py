"""
The contract on the tables, but for `transact`: the same for every engine that understands SQL.

Decided here: which statement answers which question, and how denials and tokens are kept.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

from bankcore import errors
from bankcore.access import DENIALS_MAX, Denial, Token
from bankcore.access._tokens import require_token_after, require_token_id, token_not_found
from bankcore.accounts import Account, Hold
from bankcore.ledger import (
    ChainedPage,
    Cursor,
    Page,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    StoreDescription,
    Transaction,
    TransactionQuery,
    WriteSet,
    require_limit,
)
from bankcore.ledger import _codec as codec
from bankcore.stores import _rows
from bankcore.stores import _statements as sql
from bankcore.stores._finding import Key, Search, Versions, listed, with_pairs
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import TICK, from_microseconds, to_instant, to_microseconds

# No account has had more transactions; with a page added it is still an integer of SQLite.
_VERSION_MAX: Final = 2**62
# How many transactions are read at once when some are looked for.
_FOUND_AT_ONCE: Final = 500
_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)


class Tables:
    """The reading half of the contract, on the connection that `_read` uses."""

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        raise NotImplementedError

    def describe(self) -> StoreDescription:
        raise NotImplementedError

    def _accounts(self, where: str, *parameters: object) -> tuple[Account, ...]:
        statement = f"{sql.ACCOUNTS} WHERE {where} ORDER BY account.id, hold.key"
        rows = map(_rows.AccountRow._make, self._read(statement, parameters))
        return tuple(account for _, account in _rows.accounts_from(rows))

    def _records(
        self, journal: str, postings: str, *parameters: object
    ) -> tuple[list[_rows.JournalRow], _rows.Lines]:
        """Return the rows of records, and of their postings, that fulfil the conditions."""
        # Two statements, as a row of both would repeat the command for every posting. A record
        # never changes, and is there with its postings, so both are of one moment.
        rows = self._read(f"{sql.JOURNAL} WHERE {journal} ORDER BY journal.place", parameters)
        lines = self._read(
            f"{sql.POSTINGS} WHERE {postings} ORDER BY posting.place, posting.line", parameters
        )
        return rows, _rows.by_place(lines)

    def account(self, account_id: AccountId | str) -> Account:
        account_id = to_account_id(account_id)
        for account in self._accounts("account.id = ?", account_id.value):
            return account
        raise errors.AccountNotFoundError(account_id)

    def outline(self, account_id: AccountId | str) -> Account:
        account_id = to_account_id(account_id)
        rows = map(_rows.AccountRow._make, self._read(sql.OUTLINE, (account_id.value,)))
        for _, account in _rows.accounts_from(rows):
            return account
        raise errors.AccountNotFoundError(account_id)

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        first = "" if after is None else _rows.name_of(after)
        # In one statement: another account may be opened at any moment.
        found = self._accounts(
            f"account.id > ? AND account.id <= ({sql.LAST_ID})",
            first,
            first,
            require_limit(limit),
            sql.size_of(limit),
        )
        if found:
            _rows.require_order("the ids of accounts", found[-1].id.value, first)
        return found

    def accounts_of(
        self, holder: PrincipalId | str, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        holder = to_principal_id(holder, "holder")
        name, first = holder.value, "" if after is None else _rows.name_of(after)
        return self._accounts(
            "account.key IN (SELECT account_key FROM bankcore_holder WHERE principal = ?)"
            f" AND account.id > ? AND account.id <= ({sql.LAST_ID_OF_HOLDER})",
            name,
            first,
            name,
            first,
            require_limit(limit),
            sql.size_of(limit),
        )

    # -- Finding --

    # The condition that a command may have a text in it, in small or capital letters. Of letters
    # beyond ASCII Python knows that better, so that every command which has any may have it.
    _has_text = (
        "(instr(lower(journal.command), ?) > 0"
        " OR length(journal.command) < length(CAST(journal.command AS BLOB)))"
    )

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        at_once = min(require_limit(limit), _FOUND_AT_ONCE)
        after = None if query.after is None else self._key_of(query.after)
        while True:
            accounts = None
            if query.account_ids is not None:
                accounts = [self._versions_of(each, query, after) for each in query.account_ids]
            keys = Search(self._read, self._has_text, query, accounts).keys(after, at_once)
            found = tuple(filter(query.fits, self._at(keys)))
            if found or len(keys) < at_once:
                return found[:limit]
            # Little of what the indexes give fits: the next look is at more of it.
            after, at_once = keys[-1], _FOUND_AT_ONCE

    def _key_of(self, transaction_id: TransactionId) -> Key:
        rows = self._read(
            "SELECT recorded_at, place FROM bankcore_journal"
            " WHERE transaction_id = ? AND refusal_code IS NULL",
            (transaction_id.value,),
        )
        for recorded_at, place in rows:
            return recorded_at, place
        raise errors.TransactionNotFoundError(transaction_id)

    def _versions_of(
        self, account_id: AccountId, query: TransactionQuery, after: Key | None
    ) -> Versions:
        """Return between which versions of the account the query looks on from *after*."""
        rows = self._read(
            "SELECT key, version FROM bankcore_account WHERE id = ?", (account_id.value,)
        )
        for key, last in rows:
            first, up_to = 0, last
            if query.start is not None:
                first = self._version_before(account_id, query.start)
            if query.end is not None:
                up_to = self._version_before(account_id, query.end)
            if after is not None:
                first, up_to = self._beyond(account_id, key, query, after, first, up_to)
            return Versions(key, last, first, up_to)
        raise errors.AccountNotFoundError(account_id)

    def _beyond(  # what `_versions_of` knows
        self,
        account_id: AccountId,
        key: int,
        query: TransactionQuery,
        after: Key,
        first: int,
        up_to: int,
    ) -> tuple[int, int]:
        rows = self._read(
            "SELECT version FROM bankcore_posting WHERE place = ? AND account_key = ?",
            (after[1], key),
        )
        at = from_microseconds(after[0])
        if query.newest_first:
            lies_before = rows[0][0] - 1 if rows else self._version_at(account_id, at)
            return first, min(up_to, lies_before)
        lies_after = rows[0][0] if rows else self._version_before(account_id, at)
        return max(first, lies_after), up_to

    def _version_before(self, account_id: AccountId, instant: datetime) -> int:
        """Return the account's last version that was booked before the instant, or 0."""
        return 0 if instant <= _FIRST_INSTANT else self._version_at(account_id, instant - TICK)

    def _version_at(self, account_id: AccountId, instant: datetime) -> int:
        """Return the account's last version that was booked by the instant, or 0."""
        posting = self.posting_at(account_id, instant)
        return 0 if posting is None else posting.version

    def _at(self, keys: Sequence[Key]) -> list[Transaction]:
        """Return the transactions of these *keys*, in their order."""
        if not keys:
            return []
        places = [place for _, place in keys]
        marks, asked = listed(places)
        rows, lines = self._records(
            f"journal.place IN ({marks})", f"posting.place IN ({marks})", *asked
        )
        found = {
            row[0]: record
            for row, record in zip(rows, _rows.records_from(rows, lines), strict=True)
        }
        return [record for each in places if isinstance(record := found[each], Transaction)]

    def accounts_with(
        self, metadata: Metadata, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        first = "" if after is None else _rows.name_of(after)
        where, pairs = with_pairs(metadata)
        where = f"{where} AND account.id > ?"
        last = sql.last_of("account.id", sql.ACCOUNT_SIZE, "bankcore_account AS account", where)
        return self._accounts(
            f"{where} AND account.id <= ({last})",
            *(*pairs, first, *pairs, first),
            require_limit(limit),
            sql.size_of(limit),
        )

    # -- Records --

    def outcome(self, transaction_id: TransactionId | str) -> Transaction | Refusal:
        transaction_id = to_transaction_id(transaction_id)
        found = self._records(
            "journal.transaction_id = ?",
            "posting.place = (SELECT place FROM bankcore_journal WHERE transaction_id = ?)",
            transaction_id.value,
        )
        for record in _rows.records_from(*found):
            return record
        raise errors.TransactionNotFoundError(transaction_id)

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        rows, lines, last = self._journal(after, limit)
        return Page(tuple(_rows.records_from(rows, lines)), last)

    def chained_journal(self, *, after: Cursor | None = None, limit: int = 1000) -> ChainedPage:
        rows, lines, last = self._journal(after, limit)
        records = tuple(_rows.records_from(rows, lines))
        _rows.require_own_texts(rows, records)
        return ChainedPage(records, last, _rows.hashes_from(rows, lines))

    def _journal(
        self, after: Cursor | None, limit: int
    ) -> tuple[list[_rows.JournalRow], _rows.Lines, Cursor | None]:
        require_limit(limit)
        first = 0 if after is None else _rows.position_of(after)
        ((last,),) = self._read(sql.LAST_PLACE, (first, limit, sql.size_of(limit)))
        if last is None:
            return [], {}, after
        _rows.require_order("the places of the journal", last, first)
        rows, lines = self._records(
            "journal.place > ? AND journal.place <= ?",
            "posting.place > ? AND posting.place <= ?",
            first,
            last,
        )
        return rows, lines, Cursor(str(last))

    def history(
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        account_id = to_account_id(account_id)
        name, first = account_id.value, min(_rows.version_of(after), _VERSION_MAX)
        page = (name, first, require_limit(limit), sql.size_of(limit))
        ((last,),) = self._read(sql.LAST_VERSION, page)
        if last is None:
            self.account(account_id)
            return ()
        what = f"the versions of account {account_id}"
        _rows.require_order(what, last, first)
        found = self._records(
            f"journal.place IN ({sql.PLACES})",
            f"posting.place IN ({sql.PLACES})",
            name,
            first,
            last,
        )
        with codec.reading(f"the history of account {account_id}"):
            return sorted(
                (each for each in _rows.records_from(*found) if isinstance(each, Transaction)),
                key=lambda transaction: transaction.posting(account_id).version,
            )

    def chain_head(self, account_id: AccountId | str) -> tuple[int, bytes]:
        account_id = to_account_id(account_id)
        rows = self._read(
            "SELECT version, chain_hash FROM bankcore_account WHERE id = ?", (account_id.value,)
        )
        for version, head in rows:
            return version, _rows.require_hash(account_id.value, head)
        raise errors.AccountNotFoundError(account_id)

    def posting_at(self, account_id: AccountId | str, instant: datetime) -> Posting | None:
        account_id, instant = to_account_id(account_id), to_instant(instant, "instant")
        found = self._read(sql.POSTING_AT, (account_id.value, to_microseconds(instant)))
        for version, *row in found:
            if version == 0:
                return None
            with codec.reading(f"the history of account {account_id}"):
                posting = _rows.posting_from(row)
                if (posting.account_id, posting.version) != (account_id, version):
                    raise ValueError(
                        f"version {posting.version} of {posting.account_id} is where {version}"
                        " should be"
                    )
                return posting
        raise errors.AccountNotFoundError(account_id)

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        rows = self._read(
            f"{sql.HOLDS} WHERE hold.expires_at < ?"
            " ORDER BY hold.expires_at, account.id, hold.id LIMIT ?",
            (to_microseconds(to_instant(before, "before")), require_limit(limit)),
        )
        return _rows.holds_from(map(_rows.HoldRow._make, rows))


class OwnTables(Tables):
    """A store on connections of its own: what it keeps beside the ledger, in units of its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        raise NotImplementedError

    def _write_apart(self, *statements: tuple[str, Sequence[object]]) -> int:
        """Run *statements* in a unit of their own; return how many rows the first one changed."""
        raise NotImplementedError

    def record_denial(self, denial: Denial) -> None:
        self._write_apart(
            (sql.INSERT_DENIAL, _rows.denial_row(denial)), (sql.DELETE_OLD_DENIALS, (DENIALS_MAX,))
        )

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        rows = self._read(f"{sql.DENIALS} ORDER BY key DESC LIMIT ?", (require_limit(limit),))
        return tuple(map(_rows.denial_from, map(_rows.DenialRow._make, rows)))

    def add_token(self, token: Token) -> None:
        self._write_apart((sql.INSERT_TOKEN, _rows.token_row(token)))

    def token(self, token_id: str) -> Token:
        for token in self._tokens("WHERE id = ?", require_token_id(token_id)):
            return token
        raise token_not_found(token_id)

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        first = require_token_after(after)
        return self._tokens("WHERE id > ? ORDER BY id LIMIT ?", first, require_limit(limit))

    def _tokens(self, where: str, *parameters: object) -> tuple[Token, ...]:
        rows = self._read(f"{sql.TOKENS} {where}", parameters)
        return tuple(map(_rows.token_from, map(_rows.TokenRow._make, rows)))

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        at = to_microseconds(to_instant(revoked_at, "revoked_at"))
        if not self._write_apart((sql.REVOKE, (at, require_token_id(token_id)))):
            raise token_not_found(token_id)
