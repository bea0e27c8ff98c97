"""
The reads of a bank: accounts, transactions, statements, checkpoints.

Decided here: which question each read asks the policy where the bank acts for a principal, and
that every denial is recorded apart, where the store can. A read is judged on the account as it was
read; where that takes several reads, again after the last, so that nobody reads on after a right
is gone. Also what is read before a denial, so that it takes as long whether or not the account or
the record is there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from functools import cache, partial
from itertools import chain, islice
from operator import attrgetter
from typing import Final, cast

import attrs

from bankcore.access import (
    DENIAL_ACCOUNTS_MAX,
    Action,
    Denial,
    DenialLog,
    Involved,
    Part,
    Principal,
)
from bankcore.access._denials import DenialRecorder
from bankcore.access._errors import AccessDeniedError, AccountNotVisibleError
from bankcore.access._guard import Guard, stand_in
from bankcore.accounts import Account, Hold, Restriction
from bankcore.accounts._fields import to_version
from bankcore.bank._decide import Request
from bankcore.ledger import (
    AccountStore,
    AuditReport,
    Checkpoint,
    Finding,
    HolderIndex,
    Outlining,
    Posting,
    Probing,
    ReadSet,
    Refusal,
    Snapshot,
    Statement,
    StatementLine,
    Transaction,
    TransactionIndex,
    TransactionQuery,
    WriteSet,
    checkpoint_of,
    require_limit,
    verify,
)
from bankcore.ledger._errors import AccountNotFoundError, TransactionNotFoundError
from bankcore.ledger._find import query_of
from bankcore.ledger._pages import (
    PAGE_LENGTH,
    every_account,
    every_record,
    every_transaction,
    read_all,
)
from bankcore.ledger._statement import line_of
from bankcore.money import Money
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._errors import BankError, InvalidRequestError, InvalidTimeError, shown
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import TICK, month_span, to_instant, to_instant_or_midnight
from bankcore.values._metadata import to_metadata

_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)

# An id that should not exist; read only so that a denial takes as long for an account that is
# there as for one that is not.
_NOBODY: Final = AccountId("_" * 64)
_NOTHING: Final = TransactionId("_" * 64)

#: The most pairs of a principal and an account that are remembered at once.
_SEEN_MAX: Final = 10_000

# The errors by which a principal is told no.
DENIALS: Final = (AccessDeniedError, TransactionNotFoundError)


@attrs.define
class _Seen:
    """
    The accounts that principals have seen, so that they need not be looked up before each call.

    No right is remembered: of an account that was seen, it is no secret any more that it exists.
    """

    pairs: set[tuple[str, str]] = attrs.field(factory=set)
    #: An account and a record that exist, unless the application's transaction was rolled back.
    account_id: AccountId | None = None
    transaction_id: TransactionId | None = None

    def add(self, principal: str, account_id: AccountId) -> None:
        if len(self.pairs) >= _SEEN_MAX:
            self.pairs.clear()
        self.pairs.add((principal, account_id.value))


class BankReads:
    """The reading half of `Bank`, with an optional guard."""

    def __init__(self, store: AccountStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._denials = DenialRecorder(store) if isinstance(store, DenialLog) else None
        self._guard: Guard | None = None
        self._seen = _Seen()
        self._outliner = store if isinstance(store, Outlining) else None
        self._request_id: str | None = None

    @property
    def principal(self) -> Principal | None:
        """The principal for whom the bank is acting; None for trusted code."""
        return None if self._guard is None else self._guard.principal

    def _probe(self) -> None:
        """Raise a `StoreError` unless the store can write now."""
        if isinstance(self._store, Probing):
            self._store.probe()
        else:
            self._store.transact(ReadSet((), ()), lambda _: WriteSet())

    def _now(self) -> datetime:
        return to_instant(self._clock(), "clock")

    def account(self, account_id: AccountId | str) -> Account:
        """
        Return the account as it is now, without what has expired by now.

        Raises:
            AccountNotFoundError: If there is none of this id.
        """
        self._require_role(Action.READ_ACCOUNT)
        wanted = to_account_id(account_id)
        self._require_not_hidden(Action.READ_ACCOUNT, wanted)
        account = self._found(wanted)
        if account is not None:
            account = self._as_now(account)
        self._require(Action.READ_ACCOUNT, wanted, account)
        if account is None:
            raise AccountNotFoundError(wanted)
        return account

    def accounts(
        self,
        *,
        metadata: Mapping[str, str] | None = None,
        holder: PrincipalId | str | None = None,
        after: AccountId | str | None = None,
    ) -> Iterator[Account]:
        """
        Return an iterator over every account in the order of its id, read page by page.

        With *metadata*, those that were opened with these pairs; with *holder*, those on which
        this principal has rights; with *after*, those that come after that id.

        For a principal, those that it may read. An owner's are found by holder, and those with
        *metadata* or a *holder* by these, without reading all others, if the store can do that.
        """
        self._require_role(Action.LIST_ACCOUNTS)
        first = None if after is None else to_account_id(after, "after")
        pairs = to_metadata(metadata)
        who = None if holder is None else to_principal_id(holder, "holder")
        found = map(self._as_now, self._accounts_by(pairs, who, first))
        return found if self._guard is None else filter(self._guard.sees, found)

    def _accounts_by(
        self, metadata: Metadata, holder: PrincipalId | None, after: AccountId | None
    ) -> Iterator[Account]:
        """Yield the accounts with these, by an index of the store where one serves."""
        store, guard, page = self._store, self._guard, None
        # An owner's own are looked through, whatever is asked for.
        by_holder = guard.principal.id if guard is not None and guard.is_owner_alone else holder
        if by_holder is not None and isinstance(store, HolderIndex):
            page = partial(store.accounts_of, by_holder)
        elif metadata and by_holder is None and isinstance(store, Finding):
            page = partial(store.accounts_with, metadata)
        found = (
            every_account(store, after=after)
            if page is None
            else read_all(page, after, attrgetter("id"))
        )
        for account in found:
            is_held = holder is None or any(each.principal == holder for each in account.holders)
            if is_held and metadata.items() <= account.metadata.items():
                yield account

    def _as_now(self, account: Account) -> Account:
        # Only what can end needs the time.
        if account.holds or account.restriction is not Restriction.NONE:
            return account.as_at(self._now())
        return account

    def holds(self, account_id: AccountId | str) -> tuple[Hold, ...]:
        """
        Return the account's open holds in the order in which they were placed.

        Raises:
            AccountNotFoundError: If there is no such account.
        """
        return self.account(account_id).holds

    def transaction(self, transaction_id: TransactionId | str) -> Transaction:
        """
        Return the transaction recorded under the id.

        Raises:
            TransactionNotFoundError: If nothing is recorded under it.
            DeclinedError: If what is recorded is a refusal: the error of that refusal.
        """
        self._require_role(Action.READ_TRANSACTION)
        wanted = to_transaction_id(transaction_id)
        record = self._record(wanted)
        if record is None or (
            self._guard is not None
            and self._guard.record_denial(record, self._outline, self._record) is not None
        ):
            self._equalise_record(is_there=record is not None)
            raise self._denied(TransactionNotFoundError(wanted), Action.READ_TRANSACTION, ())
        if isinstance(record, Transaction):
            return self._receipt(record)
        error = record.to_error()
        error.replayed = True
        raise error

    def transactions(  # each of them narrows the search
        self,
        *,
        account_id: AccountId | str | None = None,
        start: datetime | date | None = None,
        end: datetime | date | None = None,
        kinds: Iterable[str] = (),
        at_least: Money | None = None,
        at_most: Money | None = None,
        metadata: Mapping[str, str] | None = None,
        text: str | None = None,
        newest_first: bool = False,
        after: TransactionId | str | None = None,
        limit: int = 100,
    ) -> tuple[Transaction, ...]:
        """
        Return the transactions of which all of this is true, in the order of their times.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> receipt = bank.open_account("alice", initial_balance=Money("5", "EUR"))
            >>> receipt = bank.deposit("alice", Money("7", "EUR"), metadata={"order": "1017"})
            >>> [each.command.kind for each in bank.transactions(metadata={"order": "1017"})]
            ['deposit']

        For a principal, those that it may read; none is found by what it may not see of it.

        Args:
            account_id: It touched this account.
            start: It was booked at this instant or later; a date means its midnight in UTC.
            end: It was booked before this instant.
            kinds: The kind of its command is among these, such as ``["deposit", "transfer"]``.
            at_least: It moved so much or more, in or out: on the account, or on any.
            at_most: It moved so much or less there.
            metadata: Its command has these pairs.
            text: Its description has this text in it, in small or capital letters.
            newest_first: Whether the latest come first.
            after: The last transaction of the page before.
            limit: The most transactions of a page, from 1 to 10,000; fewer are the last ones.

        Raises:
            AccountNotFoundError: If there is no such account.
            TransactionNotFoundError: If *after* is no transaction.
            InvalidRequestError: If an argument is not valid; it is named.
        """
        self._require_role(Action.READ_TRANSACTION)
        wanted = None if account_id is None else to_account_id(account_id)
        query = query_of(
            account_id=wanted,
            start=start,
            end=end,
            kinds=kinds,
            at_least=at_least,
            at_most=at_most,
            metadata=metadata,
            text=text,
            newest_first=newest_first,
            after=after,
        )
        require_limit(limit)
        if wanted is None:
            return self._readable(query, limit)
        with self._reading(wanted):
            return self._readable(query, limit)

    def _readable(self, query: TransactionQuery, limit: int) -> tuple[Transaction, ...]:
        """Return a page of the transactions that fit *query*, as far as they may be seen."""
        guard = self._guard
        if guard is None:
            return tuple(islice(self._found_by(query, limit), limit))
        # Each is looked up once for a page.
        outline, record = cache(self._outline), cache(self._record)
        asked = query.account_ids or ()
        if query.after is not None:
            before = record(query.after)
            if before is None or guard.record_denial(before, outline, record) is not None:
                self._equalise_record(is_there=before is not None)
                error = TransactionNotFoundError(query.after)
                raise self._denied(error, Action.READ_TRANSACTION, ())
        if query.account_ids is None and guard.is_owner_alone:
            # Nothing is read of what others own: neither an answer nor its time tells of it.
            own = frozenset(each.id for each in self.accounts())
            query = attrs.evolve(query, account_ids=own)
        receipts = (
            guard.receipt(each, outline, asked)
            for each in self._found_by(query, limit)
            if guard.record_denial(each, outline, record) is None
        )
        return tuple(islice(filter(query.fits, receipts), limit))

    def _found_by(self, query: TransactionQuery, limit: int) -> Iterator[Transaction]:
        """Yield what the store finds, page by page; without an index, from all that there is."""
        store = self._store
        if isinstance(store, Finding):
            while page := store.transactions(query, limit=limit):
                yield from page
                query = attrs.evolve(query, after=page[-1].id)
                # Where few of them may be seen, many are looked at.
                limit = max(limit, min(limit * 10, PAGE_LENGTH))
            return
        for account_id in query.account_ids or ():
            store.account(account_id)
        index, records = TransactionIndex(), list(every_record(store))
        for each in records:
            index.add(each)
        yield from index.find(query, len(records), lambda n: cast("Transaction", records[n - 1]))

    def history(
        self, account_id: AccountId | str, *, after_version: int | None = None
    ) -> Iterator[Transaction]:
        """
        Return an iterator over all transactions of the account, in the order of its versions.

        Those that moved no money are among them. With *after_version*, those that came later.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidVersionError: If *after_version* is not an ``int`` from 0.
        """
        after = _to_after_version(after_version)
        with self._reading(account_id) as wanted:
            self._store.account(wanted)
        return self._history(wanted, after)

    def _history(self, account_id: AccountId, after: int) -> Iterator[Transaction]:
        # A right may be gone by the time that the next one is asked for.
        for transaction in every_transaction(self._store, account_id, after=after):
            with self._reading(account_id):
                receipt = self._receipt(transaction, (account_id,))
            yield receipt

    def reversals(self, transaction_id: TransactionId | str) -> tuple[Transaction, ...]:
        """
        Return the transactions that reversed this one, in order: none, one, or one for each part.

        Raises:
            TransactionNotFoundError: If there is no such transaction.
        """
        original = self.transaction(transaction_id)
        found: list[TransactionId] = []

        def look(snapshot: Snapshot) -> WriteSet:
            commands = snapshot.reversals.get(original.id, ())
            found[:] = (cast("TransactionId", each.transaction_id) for each in commands)
            return WriteSet()

        self._store.transact(ReadSet((), (), (original.id,)), look)
        records = map(self._store.outcome, found)
        return tuple(self._receipt(each) for each in records if isinstance(each, Transaction))

    def reversed_by(self, transaction_id: TransactionId | str) -> Transaction | None:
        """
        Return the last of the `reversals` of this transaction; None where there is none.

        Raises:
            TransactionNotFoundError: If there is no such transaction.
        """
        found = self.reversals(transaction_id)
        return found[-1] if found else None

    def balance_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        Return the balance right after the last posting booked at or before the instant.

        Zero before the account was opened. A date means its midnight in UTC.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If the instant has no time zone.
        """
        with self._reading(account_id) as wanted:
            posting = self._store.posting_at(wanted, to_instant_or_midnight(instant, "instant"))
            if posting is not None:
                return posting.balance
            return Money.zero(self._store.account(wanted).balance.currency)

    def available_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        Return what could be taken at the instant: ``balance - held + overdraft_limit``.

        Holds count up to the very instant of their expiry, whether or not anything has
        recorded it. Zero before the account was opened; for an instant ahead, what will be
        available if nothing is booked. A date means its midnight in UTC.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If the instant has no time zone.
        """
        with self._reading(account_id) as wanted:
            at = to_instant_or_midnight(instant, "instant")
            while True:
                account = self._store.account(wanted)
                posting = self._store.posting_at(wanted, at)
                if posting is None:
                    return Money.zero(account.balance.currency)
                if posting.version < account.version:
                    # Before the next posting, all that had expired by then was recorded.
                    return posting.available
                if posting.version == account.version:
                    return account.as_at(at).available
                # Something was booked between the two reads: look again.

    def statement(
        self,
        account_id: AccountId | str,
        *,
        start: datetime | date | None = None,
        end: datetime | date | None = None,
        month: date | str | None = None,
        after_version: int | None = None,
        limit: int | None = None,
    ) -> Statement:
        """
        Return the account's lines in ``[start, end)``, with the balances around them.

        A line is a transaction that moved money on the account. One that only reserved, freed
        or changed something is no line: `AccountStore.history` has all transactions.

        A date means its midnight in UTC. Without *start* it begins with the account;
        without *end* it goes up to now. In place of both, *month* is ``YYYY-MM``, or a date in
        the month, which begins and ends at midnight UTC.

        For a statement in pages, *limit* is the most lines (1 to 10,000) of one, and
        *after_version* the account's version at the last line of the page before: the
        opening balance is then that line's.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If an instant has no time zone, *end* is before *start*, or *month*
                is no month or stands beside one of them.
            InvalidLimitError: If *limit* is no such number.
            InvalidVersionError: If *after_version* is not an ``int`` from 0.
        """
        with self._reading(account_id) as wanted:
            if month is not None:
                if start is not None or end is not None:
                    reason = "must not be given beside a start or an end"
                    raise InvalidTimeError(shown(month), reason).about("month")
                start, end = month_span(month, "month")
            statement = self._statement(wanted, start, end, after_version, limit)
        guard = self._guard
        if guard is None:
            return statement
        # Its own account is no secret, and of the others there may be many, each on many lines.
        sees = {statement.account_id: True}

        def is_seen(posting: Posting) -> bool:
            other = posting.account_id
            if other not in sees:
                sees[other] = guard.sees(self._outline(other))
            return sees[other]

        lines = []
        for line in statement.lines:
            seen = list(filter(is_seen, line.transaction.postings))
            lines.append(attrs.evolve(line, transaction=guard.redacted(line.transaction, seen)))
        return attrs.evolve(statement, lines=tuple(lines))

    def _statement(
        self,
        account_id: AccountId,
        start: datetime | date | None,
        end: datetime | date | None,
        after_version: int | None,
        limit: int | None,
    ) -> Statement:
        if limit is not None:
            require_limit(limit)
        after = _to_after_version(after_version)
        begins = None if start is None else to_instant_or_midnight(start, "start")
        ends = None if end is None else to_instant_or_midnight(end, "end")
        if begins is not None and ends is not None and ends < begins:
            raise InvalidTimeError(
                ends.isoformat(), f"must not be before the start, {begins.isoformat()}"
            ).about("end")
        opening = None
        if begins is not None and begins > _FIRST_INSTANT:
            opening = self._store.posting_at(account_id, begins - TICK)
        if after > (0 if opening is None else opening.version):
            page = self._store.history(account_id, after=after - 1, limit=1)
            if not page:
                # Beyond the last one.
                balance = self._store.account(account_id).balance
                return Statement(account_id, begins, ends, balance, ())
            opening = page[0].posting(account_id)
        if opening is None:
            balance = Money.zero(self._store.account(account_id).balance.currency)
            lines = self._lines(account_id, 0, ends, limit)
        else:
            balance = opening.balance
            lines = self._lines(account_id, opening.version, ends, limit)
        return Statement(account_id, begins, ends, balance, tuple(islice(lines, limit)))

    def _lines(
        self, account_id: AccountId, after: int, ends: datetime | None, limit: int | None
    ) -> Iterator[StatementLine]:
        wanted = PAGE_LENGTH if limit is None else limit
        for transaction in every_transaction(self._store, account_id, after=after, wanted=wanted):
            # Times never fall along the versions.
            if ends is not None and transaction.booked_at >= ends:
                return
            line = line_of(transaction, account_id)
            if line.amount:
                yield line

    def checkpoint(self) -> Checkpoint:
        """
        Return a `Checkpoint` of all records so far; keep its text elsewhere, for `verify`.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> str(bank.checkpoint()).splitlines()[2]
            'accounts 0'

        `verify` then shows whether any was changed since. Taking one reads the whole journal.

        Raises:
            StoreCorruptedError: If a record cannot be read.
        """
        self._require_may(Action.VERIFY)
        return checkpoint_of(self._store, self._now())

    def verify(self, *, against: Checkpoint | str | None = None) -> AuditReport:
        """Return the audit of the whole store: `bankcore.ledger.verify`."""
        self._require_may(Action.VERIFY)
        return verify(self._store, against=against)

    # -- What a principal may read --

    def _receipt(self, transaction: Transaction, asked: Collection[AccountId] = ()) -> Transaction:
        guard = self._guard
        return transaction if guard is None else guard.receipt(transaction, self._outline, asked)

    @contextmanager
    def _reading(self, account_id: AccountId | str) -> Iterator[AccountId]:
        action = Action.READ_STATEMENT
        self._require_role(action)
        wanted = to_account_id(account_id)
        if self._guard is not None:
            self._require_not_hidden(action, wanted)
            self._require(action, wanted, self._found(wanted))
        yield wanted
        # It took several reads, and a right may be gone by now.
        if self._guard is not None:
            self._require(action, wanted, self._found(wanted))

    def _require_role(self, action: Action) -> None:
        denial = None if self._guard is None else self._guard.role_denial(action)
        if denial is not None:
            raise self._denied(denial, action, ())

    def _require_may(self, action: Action) -> None:
        """Raise unless the policy allows *action*, which is about no account."""
        self._require_role(action)
        denial = None if self._guard is None else self._guard.denial(action, ())
        if denial is not None:
            raise self._denied(denial, action, ())

    def _require(self, action: Action, account_id: AccountId, account: Account | None) -> None:
        if self._guard is None:
            return
        involved = Involved(Part.SUBJECT, account or stand_in(account_id))
        denial = self._guard.denial(action, (involved,))
        if denial is not None:
            raise self._denied(denial, action, (account_id,))

    # -- What takes as long whether or not it is there --

    def _require_not_hidden(self, action: Action, account_id: AccountId) -> None:
        """Raise if the policy hides the account, before any more of it is read."""
        guard = self._guard
        if guard is None or (guard.name, account_id.value) in self._seen.pairs:
            return

        def ask(outline: Account) -> AccessDeniedError | None:
            if outline.restriction is not Restriction.NONE:
                outline = outline.as_at(self._now())
            return guard.denial(action, (Involved(Part.SUBJECT, outline),))

        denial = self._hidden(guard, account_id, ask)
        if denial is not None:
            raise self._denied(denial, action, (account_id,))

    def _hidden(
        self,
        guard: Guard,
        account_id: AccountId,
        ask: Callable[[Account], AccessDeniedError | None],
    ) -> AccountNotVisibleError | None:
        """
        Return the denial by which the policy, asked about the account's outline, hides it.

        It takes as long whether or not the account is there, and however many holds it has: one
        account that is there and one that is not are looked up, and a stand-in is made.
        """
        outline = self._outline(account_id)
        denial = ask(outline or stand_in(account_id))
        if isinstance(denial, AccountNotVisibleError) and denial.account_id == account_id:
            if outline is not None:
                stand_in(account_id)
                self._outline(_NOBODY)
            else:
                self._look_at_an_account()
            return denial
        if outline is not None:
            self._seen.add(guard.name, account_id)
        return None

    def _look_at_an_account(self) -> None:
        if self._seen.account_id is None:
            for account in self._store.accounts(limit=1):
                self._seen.account_id = account.id
        if self._seen.account_id is not None:
            self._outline(self._seen.account_id)

    def _equalise_record(self, *, is_there: bool) -> None:
        """Look a record up, so that a denial takes as long whether or not one *is there*."""
        guard = self._guard
        if guard is None:
            return
        if is_there:
            self._record(_NOTHING)
            return
        if self._seen.transaction_id is None:
            for each in self._store.journal(limit=1).records:
                self._seen.transaction_id = each.id
        if self._seen.transaction_id is not None:
            record = self._record(self._seen.transaction_id)
            if record is not None:
                guard.record_denial(record, self._outline, self._record)

    def _outline(self, account_id: AccountId) -> Account | None:
        """Return the account without its holds; None if there is none of this id."""
        with suppress(AccountNotFoundError):
            if self._outliner is not None:
                return self._outliner.outline(account_id)
            return attrs.evolve(self._store.account(account_id), holds=())
        return None

    def _found(self, account_id: AccountId) -> Account | None:
        with suppress(AccountNotFoundError):
            return self._store.account(account_id)
        return None

    def _record(self, transaction_id: TransactionId) -> Transaction | Refusal | None:
        with suppress(TransactionNotFoundError):
            return self._store.outcome(transaction_id)
        return None

    # -- Denials --

    def _denied_commands(self, error: BankError, requests: Sequence[Request]) -> None:
        action = requests[0].command.kind
        if isinstance(error, AccessDeniedError):
            action = error.action
        account_ids = chain.from_iterable(each.command.account_ids for each in requests)
        self._denied(error, action, dict.fromkeys(account_ids))

    def _denied(
        self, error: BankError, action: str, account_ids: Iterable[AccountId]
    ) -> BankError:
        """Return *error*, a denial, after trying to record it where the store keeps denials."""
        if self._denials is None or self._guard is None:
            return error
        denial = Denial(
            self._guard.principal.id,
            str(action),
            tuple(islice(account_ids, DENIAL_ACCOUNTS_MAX)),
            error.code,
            self._now(),
            self._request_id,
        )
        try:
            self._denials.record(denial)
        except Exception as failure:  # noqa: BLE001  # whatever happens here, a denial stays one
            _report(denial, failure)
            error.add_note(f"This denial could not be recorded: {failure}")
        return error


def _to_after_version(value: int | None) -> int:
    try:
        return to_version(value) or 0
    except InvalidRequestError as error:
        raise error.about("after_version") from None


def _report(denial: Denial, failure: Exception) -> None:
    import logging  # noqa: PLC0415  # `import bankcore` stays light, and this is rare

    logging.getLogger("bankcore").error(
        "A denial could not be recorded: %s", denial, exc_info=failure
    )
