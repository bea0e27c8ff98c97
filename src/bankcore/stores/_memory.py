"""
The store in memory: a real store, whose contents end with the process.

Decided here: how the contract is kept with one lock and one dictionary. Everything
that is kept is in that one dictionary, under keys of text and numbers, so that a
write is a single `dict.update`: whatever exception arrives, on whatever line, all
of a unit is there or none of it.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from operator import attrgetter
from typing import Any

import attrs

from bankcore.access import DENIALS_MAX, Denial, Token
from bankcore.access._errors import TokenNotFoundError
from bankcore.accounts import Account, Hold
from bankcore.commands import Reverse
from bankcore.ledger import (
    GENESIS,
    Cursor,
    Page,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
    linked,
    require_limit,
    touched_accounts,
)
from bankcore.ledger._errors import (
    AccountNotFoundError,
    InvalidCursorError,
    StoreMisuseError,
    TransactionNotFoundError,
)
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import shown


class MemoryStore:
    """
    An `AccountStore` in memory, for tests, courses and state that may be lost.

    Safe to use from several threads. After `os.fork` each process has its own.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # ("account", id) -> Account; ("record", id) -> Transaction | Refusal;
        # ("history", account id, version) -> Transaction; ("journal", place) -> record;
        # ("chain", account id, version) -> hash; ("head", account id) -> the last of them;
        # ("reversal", original id) -> the id of the reversal;
        # ("length",) -> how many records the journal has; ("count",) -> how many accounts.
        self._kept: dict[tuple[str | int, ...], Any] = {("length",): 0, ("count",): 0}
        self._sorted_ids: list[str] = []
        self._denials: deque[Denial] = deque(maxlen=DENIALS_MAX)
        self._tokens: dict[str, Token] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore with {self._kept[('length',)]} records>"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        with self._lock:
            kept = self._kept
            recorded = {
                transaction_id: kept["record", transaction_id.value]
                for transaction_id in (*reads.transaction_ids, *reads.originals)
                if ("record", transaction_id.value) in kept
            }
            account_ids = dict.fromkeys(reads.account_ids)
            for original_id in reads.originals:
                account_ids.update(dict.fromkeys(touched_accounts(recorded.get(original_id))))
            accounts = {
                account_id: kept["account", account_id.value]
                for account_id in account_ids
                if ("account", account_id.value) in kept
            }
            reversals = {
                original_id: kept["reversal", original_id.value]
                for original_id in reads.originals
                if ("reversal", original_id.value) in kept
            }
            written = decide(Snapshot(recorded, accounts, reversals))
            if written.records:
                # One call into C, from one dict into another whose keys are text and
                # numbers: no Python code runs in the middle of it.
                kept.update(self._change(written))
            return written

    def _change(self, written: WriteSet) -> dict[tuple[str | int, ...], Any]:
        change: dict[tuple[str | int, ...], Any] = {}
        length = self._kept["length",]
        for account in written.accounts:
            change["account", account.id.value] = account
        opened = sum(key not in self._kept for key in change)
        change["count",] = self._kept["count",] + opened
        heads = {
            account.id.value: self._kept["head", account.id.value]
            for account in written.accounts
            if ("head", account.id.value) in self._kept
        }
        hashes = linked(written.records, heads)
        change.update((("head", name), head) for name, head in heads.items())
        for place, (record, own) in enumerate(
            zip(written.records, hashes, strict=True), start=length + 1
        ):
            key = ("record", record.id.value)
            if key in self._kept or key in change:
                raise StoreMisuseError(f"transaction {record.id} has a record already")
            change[key] = change["journal", place] = record
            if isinstance(record, Transaction):
                if isinstance(record.command, Reverse):
                    change["reversal", record.command.original_id.value] = record.id
                for posting, chain_hash in zip(record.postings, own, strict=True):
                    version = (posting.account_id.value, posting.version)
                    change["history", *version] = record
                    change["chain", *version] = chain_hash
        change["length",] = length + len(written.records)
        return change

    def account(self, account_id: AccountId) -> Account:
        account: Account | None = self._kept.get(("account", account_id.value))
        if account is None:
            raise AccountNotFoundError(account_id)
        return account

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        require_limit(limit)
        with self._lock:
            # An account is never removed, so their number tells whether the last sorting holds.
            if len(self._sorted_ids) != self._kept["count",]:
                self._sorted_ids = sorted(str(key[1]) for key in self._kept if key[0] == "account")
            first = 0 if after is None else bisect_right(self._sorted_ids, after.value)
            ids = self._sorted_ids[first : first + limit]
            return tuple(self._kept["account", account_id] for account_id in ids)

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        record: Transaction | Refusal | None = self._kept.get(("record", transaction_id.value))
        if record is None:
            raise TransactionNotFoundError(transaction_id)
        return record

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        require_limit(limit)
        with self._lock:
            length = self._kept["length",]
            place = 0 if after is None else _place(after)
            last = min(place + limit, length)
            if last <= place:
                return Page((), after)
            records = tuple(self._kept["journal", n] for n in range(place + 1, last + 1))
            return Page(records, Cursor(str(last)))

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        require_limit(limit)
        version = self.account(account_id).version
        return tuple(
            self._kept["history", account_id.value, n]
            for n in range(max(after, 0) + 1, min(max(after, 0) + limit, version) + 1)
        )

    def chain_head(self, account_id: AccountId) -> tuple[int, bytes]:
        with self._lock:
            version = self.account(account_id).version
            return version, self._kept.get(("head", account_id.value), GENESIS)

    def chain_hashes(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[bytes]:
        require_limit(limit)
        version = self.account(account_id).version
        return tuple(
            self._kept["chain", account_id.value, n]
            for n in range(max(after, 0) + 1, min(max(after, 0) + limit, version) + 1)
        )

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        # Times never fall along the versions, so the last one in time is found by halving.
        low, high = 0, self.account(account_id).version
        while low < high:
            middle = (low + high + 1) // 2
            if self._kept["history", account_id.value, middle].booked_at <= instant:
                low = middle
            else:
                high = middle - 1
        if low == 0:
            return None
        found: Transaction = self._kept["history", account_id.value, low]
        return found.posting(account_id)

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        require_limit(limit)
        with self._lock:
            due = [
                (hold.expires_at, account.id.value, hold.id.value, account.id, hold)
                for key, account in self._kept.items()
                if key[0] == "account"
                for hold in account.holds
                if hold.expires_at is not None and hold.expires_at < before
            ]
        return tuple((account_id, hold) for *_, account_id, hold in nsmallest(limit, due))

    def accounts_of(
        self, holder: PrincipalId, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        require_limit(limit)
        first = "" if after is None else after.value
        with self._lock:
            found = (
                account
                for key, account in self._kept.items()
                if key[0] == "account" and account.id.value > first
                if any(each.principal == holder for each in account.holders)
            )
            return tuple(nsmallest(limit, found, key=attrgetter("id.value")))

    # -- What is kept apart --

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
                raise StoreMisuseError(f"there is a token {token.id} already")
            self._tokens[token.id] = token

    def token(self, token_id: str) -> Token:
        token = self._tokens.get(token_id)
        if token is None:
            raise TokenNotFoundError(shown(token_id))
        return token

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        require_limit(limit)
        with self._lock:
            ids = sorted(token_id for token_id in self._tokens if token_id > after)
            return tuple(self._tokens[token_id] for token_id in ids[:limit])

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        with self._lock:
            token = self.token(token_id)
            if token.revoked_at is None:
                self._tokens[token_id] = attrs.evolve(token, revoked_at=revoked_at)


def _place(cursor: Cursor) -> int:
    token = cursor.token
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidCursorError(shown(token))
    return int(token)
