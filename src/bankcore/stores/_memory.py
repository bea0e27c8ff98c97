"""
The store in memory: a real store, whose contents end with the process.

Decided here: accounts and journal are in one dictionary, so that a write is a single
`dict.update`: whatever exception arrives, on whatever line, all of a unit is there or nothing.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import Any, Self

import attrs

from bankcore import errors
from bankcore.access import DENIALS_MAX, Denial, Token
from bankcore.access._tokens import require_token_after, require_token_id, token_not_found
from bankcore.accounts import Account, Hold
from bankcore.commands import Reverse
from bankcore.ledger import (
    GENESIS,
    ChainedPage,
    Cursor,
    Page,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    TransactionIndex,
    TransactionQuery,
    WriteSet,
    content_of,
    next_head,
    require_limit,
    touched_accounts,
)
from bankcore.stores._rows import name_of, position_of, version_of
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import to_instant


class MemoryStore:
    """
    An `AccountStore` in memory, for tests, courses and state that may be lost.

    Safe to use from several threads. After `os.fork` each process has its own.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # ("account", id) -> Account; ("record", id) -> Transaction | Refusal;
        # ("history", account id, version) -> Transaction; ("journal", position) -> record;
        # ("chain", account id, version) -> hash; ("head", account id) -> the last of them;
        # ("reversal", original id) -> the commands that reversed it;
        # ("length",) -> how many records the journal has; ("count",) -> how many accounts.
        self._kept: dict[tuple[str | int, ...], Any] = {("length",): 0, ("count",): 0}
        self._sorted_ids: list[str] = []
        self._index = TransactionIndex()
        self._denials: deque[Denial] = deque(maxlen=DENIALS_MAX)
        self._tokens: dict[str, Token] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: it is here so that a test can take this store in the place of another."""

    def __repr__(self) -> str:
        return f"<MemoryStore with {self._kept[('length',)]} records>"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        with self._lock:
            recorded = self._found("record", (*reads.transaction_ids, *reads.originals))
            account_ids = reads.account_ids
            for original_id in reads.originals:
                account_ids += touched_accounts(recorded.get(original_id))
            accounts = self._found("account", account_ids)
            reversals = self._found("reversal", reads.originals)
            written = decide(Snapshot(recorded, accounts, reversals))
            if written.records:
                # One call into C, from one dict into another whose keys are text and
                # numbers: no Python code runs in the middle of it.
                self._kept.update(self._change(written))
            return written

    def _found(self, kind: str, ids: Iterable[AccountId | TransactionId]) -> dict[Any, Any]:
        kept = self._kept
        return {each: kept[kind, each.value] for each in ids if (kind, each.value) in kept}

    def _change(self, written: WriteSet) -> dict[tuple[str | int, ...], Any]:
        kept = self._kept
        change: dict[tuple[str | int, ...], Any] = {
            ("account", account.id.value): account for account in written.accounts
        }
        change["count",] = kept["count",] + sum(key not in kept for key in change)
        length = kept["length",]
        for position, record in enumerate(written.records, start=length + 1):
            key = ("record", record.id.value)
            if key in kept or key in change:
                raise errors.StoreMisuseError(f"transaction {record.id} has a record already")
            change[key] = change["journal", position] = record
            if isinstance(record, Refusal):
                continue
            if isinstance(record.command, Reverse):
                key = ("reversal", record.command.original_id.value)
                change[key] = (*(change.get(key) or kept.get(key, ())), record.command)
            content = content_of(record)
            for posting in record.postings:
                name, version = posting.account_id.value, posting.version
                head = change.get(("head", name)) or kept.get(("head", name), GENESIS)
                change["head", name] = change["chain", name, version] = next_head(head, content)
                change["history", name, version] = record
        change["length",] = length + len(written.records)
        return change

    def account(self, account_id: AccountId | str) -> Account:
        account_id = to_account_id(account_id)
        account: Account | None = self._kept.get(("account", account_id.value))
        if account is None:
            raise errors.AccountNotFoundError(account_id)
        return account

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        with self._lock:
            return tuple(islice(self._accounts_after(after), require_limit(limit)))

    def _accounts_after(self, after: AccountId | str | None) -> Iterator[Account]:
        # An account is never removed, so their number tells whether the last sorting holds.
        if len(self._sorted_ids) != self._kept["count",]:
            self._sorted_ids = sorted(str(key[1]) for key in self._kept if key[0] == "account")
        first = 0 if after is None else bisect_right(self._sorted_ids, name_of(after))
        return (self._kept["account", each] for each in islice(self._sorted_ids, first, None))

    def outcome(self, transaction_id: TransactionId | str) -> Transaction | Refusal:
        transaction_id = to_transaction_id(transaction_id)
        record: Transaction | Refusal | None = self._kept.get(("record", transaction_id.value))
        if record is None:
            raise errors.TransactionNotFoundError(transaction_id)
        return record

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        require_limit(limit)
        with self._lock:
            first = 0 if after is None else position_of(after)
            last = min(first + limit, self._kept["length",])
            if last <= first:
                return Page((), after)
            records = tuple(self._kept["journal", n] for n in range(first + 1, last + 1))
            return Page(records, Cursor(str(last)))

    def history(
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        account_id = to_account_id(account_id)
        first, name = version_of(after), account_id.value
        last = min(first + require_limit(limit), self.account(account_id).version)
        return tuple(self._kept["history", name, n] for n in range(first + 1, last + 1))

    def chain_head(self, account_id: AccountId | str) -> tuple[int, bytes]:
        account_id = to_account_id(account_id)
        with self._lock:
            version = self.account(account_id).version
            return version, self._kept.get(("head", account_id.value), GENESIS)

    def chained_journal(self, *, after: Cursor | None = None, limit: int = 1000) -> ChainedPage:
        page = self.journal(after=after, limit=limit)
        hashes = tuple(
            tuple(self._kept.get(("chain", *key), b"") for key in _versions_of(record))
            for record in page.records
        )
        return ChainedPage(page.records, page.next, hashes)

    def posting_at(self, account_id: AccountId | str, instant: datetime) -> Posting | None:
        account_id, instant = to_account_id(account_id), to_instant(instant, "instant")
        # Times never fall along the versions.
        versions = range(1, self.account(account_id).version + 1)
        version = bisect_right(
            versions, instant, key=lambda n: self._kept["history", account_id.value, n].booked_at
        )
        if version == 0:
            return None
        found: Transaction = self._kept["history", account_id.value, version]
        return found.posting(account_id)

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        before = to_instant(before, "before")
        require_limit(limit)
        with self._lock:
            due = [
                (hold.expires_at, account.id.value, hold.id.value, account.id, hold)
                for account in self._accounts_after(None)
                for hold in account.holds
                if hold.expires_at is not None and hold.expires_at < before
            ]
        return tuple((account_id, hold) for *_, account_id, hold in nsmallest(limit, due))

    def accounts_of(
        self, holder: PrincipalId | str, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        holder = to_principal_id(holder, "holder")
        with self._lock:
            found = (
                account
                for account in self._accounts_after(after)
                if any(each.principal == holder for each in account.holders)
            )
            return tuple(islice(found, require_limit(limit)))

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        require_limit(limit)
        with self._lock:
            for account_id in query.account_ids or ():
                self.account(account_id)
            index, kept = self._index, self._kept
            # Whoever never asks pays nothing for it.
            while index.length < kept["length",]:
                index.add(kept["journal", index.length + 1])
            return index.find(query, limit, lambda number: kept["journal", number])

    def accounts_with(
        self, metadata: Metadata, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        with self._lock:
            found = (
                account
                for account in self._accounts_after(after)
                if metadata.items() <= account.metadata.items()
            )
            return tuple(islice(found, require_limit(limit)))

    # -- Denials and tokens --

    def record_denial(self, denial: Denial) -> None:
        with self._lock:
            self._denials.append(denial)

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        require_limit(limit)
        with self._lock:
            return tuple(islice(reversed(self._denials), limit))

    def add_token(self, token: Token) -> None:
        with self._lock:
            if token.id in self._tokens:
                raise errors.StoreMisuseError(f"there is a token {token.id} already")
            self._tokens[token.id] = token

    def token(self, token_id: str) -> Token:
        token = self._tokens.get(require_token_id(token_id))
        if token is None:
            raise token_not_found(token_id)
        return token

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        require_limit(limit)
        with self._lock:
            first = require_token_after(after)
            ids = sorted(token_id for token_id in self._tokens if token_id > first)
            return tuple(self._tokens[token_id] for token_id in ids[:limit])

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        revoked_at = to_instant(revoked_at, "revoked_at")
        with self._lock:
            token = self.token(token_id)
            if token.revoked_at is None:
                self._tokens[token_id] = attrs.evolve(token, revoked_at=revoked_at)


def _versions_of(record: Transaction | Refusal) -> Iterator[tuple[str, int]]:
    """Yield the accounts that *record* touched, each with its version."""
    for posting in record.postings if isinstance(record, Transaction) else ():
        yield posting.account_id.value, posting.version
