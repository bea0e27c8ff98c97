"""
Importing history: a CSV file of movements on accounts, booked under their own ids and dates.

Decided here: the command that a row becomes, and what is reported of the rows. All of the file is
read before a row is booked: what is booked can be neither taken back nor preceded, so that a row
that is mended or moved later could not be booked any more. Every row goes through the bank like
any other command. A row's id is its transaction id, so importing a file twice changes nothing.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, cast

import attrs

from bankcore.accounts import Account
from bankcore.accounts._fields import require_not_negative
from bankcore.bank import Bank
from bankcore.commands import Command, OpenAccount
from bankcore.commands._base import to_flag, to_own_id
from bankcore.commands._money import checked_movement
from bankcore.io._layout import Layout, Texts
from bankcore.io._lines import read_twice, require_lines
from bankcore.ledger import AccountStore, ReadSet, Snapshot, Transaction, WriteSet
from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money import Currency, Money
from bankcore.money._errors import InvalidAmountError
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId
from bankcore.values._errors import (
    DeclinedError,
    InvalidArgumentError,
    InvalidRequestError,
    InvalidTimeError,
    naming,
    require_methods,
    shown,
)
from bankcore.values._garbage import rare_collections
from bankcore.values._text import to_line_or_none

#: The number of commands in one durable write.
BATCH_LENGTH: Final = 20_000
#: The most rows of one problem that a report shows.
PROBLEMS_SHOWN: Final = 10
#: The most rows that stay in memory between reading and booking. A longer file is read twice.
ROWS_KEPT: Final = 100_000


@attrs.frozen
class Problems:
    """The number of rows with one problem, and the first ten of them: line and sentence."""

    count: int = 0
    first: tuple[tuple[int, str], ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0

    def with_one(self, line: int, what: str) -> "Problems":
        """Return these problems and one more."""
        return Problems(self.count + 1, (*self.first, (line, what))[:PROBLEMS_SHOWN])


@attrs.frozen
class ImportReport:
    """
    The counts of a file's rows, by what became of them.

    Attributes:
        rows: The number of rows.
        accounts: The number of accounts that they name.
        refused: Rows that the bank declined.
        invalid: Rows that are no valid command, such as one without a date, or with the id of a
            row before it.
        unsorted: Rows that are earlier than the row before them of the same account.
        mismatched: Rows after which the balance is not that of the file.
        replayed: The number of rows whose outcome was recorded before.
        closing_sum: The sum of the accounts' balances.
        ignored_columns: Columns of the file that are not used.
        is_booked: False if nothing was booked: in a dry run, and where the file itself shows that
            a row is invalid or unsorted.
    """

    rows: int
    accounts: int
    refused: Problems
    invalid: Problems
    unsorted: Problems
    mismatched: Problems
    replayed: int
    closing_sum: Money
    ignored_columns: tuple[str, ...]
    is_booked: bool

    @property
    def is_clean(self) -> bool:
        return not (self.refused or self.invalid or self.unsorted or self.mismatched)


@rare_collections()
def import_history(
    bank: Bank,
    file: Iterable[str],
    *,
    currency: Currency | str,
    account_id: AccountId | str | None = None,
    initial_balance: Money | None = None,
    overdraft_limit: Money | None = None,
    columns: Mapping[str, str] = MappingProxyType({}),
    direction: Texts = (),
    id_from: Texts = (),
    header: bool = True,
    skip: int = 0,
    skip_end: int = 0,
    delimiter: str = ",",
    line_breaks: bool = False,
    decimal_mark: str = ".",
    group_mark: str | None = None,
    minus: Texts = (),
    date_format: str | None = None,
    time_zone: str | None = None,
    sort: bool = False,
    dry_run: bool = False,
    on_read: Callable[[int], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """
    Book every row of the CSV *file* in *bank*, and return what became of them.

    The columns are ``transaction_id``, ``account_id``, ``date`` (``YYYY-MM-DD``, midnight
    UTC, or an instant with its time zone) and ``amount`` (below zero for a withdrawal), and
    optionally ``balance`` (the account's, after the row), ``description`` and ``currency``,
    unless the arguments say otherwise. An account that does not exist is opened with
    *initial_balance* and *overdraft_limit*.

    All of the file is read first. If a row is invalid, or earlier than the row before it of the
    same account, nothing is booked. A file of more than 100,000 rows is read twice; one that
    cannot be, such as a pipe, is copied to a temporary file.

    Args:
        bank: The bank to book in.
        file: The lines of the file, such as it is `opened`.
        currency: The currency of all amounts.
        account_id: The account of all rows, of a file that has no column for it.
        initial_balance: What an account that is opened has before its first row; for a file of
            one account, whose *account_id* is given. Zero by default.
        overdraft_limit: The limit of the accounts that are opened; none by default.
        columns: The file's names of the columns, by what they say: those above, or in place of
            ``amount``, ``debit`` and ``credit``, of which a row has one; or ``direction``.
        direction: The two words, of a debit and of a credit, in the column of that name. The
            amounts beside it have no sign.
        id_from: Columns of which the transaction id is made, for a file without ids. Rows of one
            date that are alike in them are counted: the same ids come of the same rows. All ids
            are then in memory, at some 200 bytes each.
        header: Whether there is a line of names. Without one, columns are named by their
            numbers, from ``"1"``.
        skip: The number of lines before the header.
        skip_end: The number of lines behind the last row.
        delimiter: What separates the cells, such as ``";"``.
        line_breaks: Whether a cell in quotes may go over several lines, which become one.
        decimal_mark: What separates whole units from decimals.
        group_mark: What separates groups of three digits, if anything does.
        minus: The ways in which the file writes amounts below zero besides ``-5``: ``unicode``
            (U+2212), ``trailing`` (``5-``), ``brackets`` (``(5)``); and ``debits``, if each
            amount in the column of debits is below zero.
        date_format: How dates are written, as for `datetime.strptime`, such as ``"%d.%m.%Y"``.
        time_zone: The time zone of dates in *date_format* that have none; needed for times of a
            day. A date is its midnight there, or in UTC.
        sort: Whether to book the oldest row first, whatever the order of the file. Rows of one
            time keep their order; a file that is newest first is turned round, these rows too.
            All rows are then in memory, at some 400 bytes each.
        dry_run: Whether to book nothing, and only return what would become of the rows.
        on_read: Called with the number of rows, once all of the file was read.
        on_progress: Called with the number of rows after each batch.

    Raises:
        InvalidArgumentError: If *bank* is no bank, or *file* has no lines.
        InvalidRequestError: If a setting is wrong, or contradicts another; it names the
            argument. Nothing was read.
        InvalidHistoryError: If the file lacks a column, is no CSV, or breaks off; it says in
            which line, and how many rows were booked. It may be imported again.
        StoreError: If the store fails. What was booked before stays; importing the
            file again goes on from there.
    """
    require_methods(bank, "bank", ("execute", "accounts"), "a bank, such as Bank(store)")
    require_lines(file, "file")
    sort, dry_run = naming("sort", to_flag, sort), naming("dry_run", to_flag, dry_run)
    zero = Money.zero(currency)
    balance = zero
    if initial_balance is not None:
        balance = require_not_negative(initial_balance, "initial_balance")
        require_same_currency(zero, balance, "initial_balance")
        if account_id is None:
            reason = "must be for one account, whose id is given"
            raise InvalidAmountError(str(balance), reason).about("initial_balance")
    layout = Layout(
        zero.currency,
        account_id=account_id,
        columns=columns,
        direction=direction,
        id_from=id_from,
        header=header,
        skip=skip,
        skip_end=skip_end,
        delimiter=delimiter,
        line_breaks=line_breaks,
        decimal_mark=decimal_mark,
        group_mark=group_mark,
        minus=minus,
        date_format=date_format,
        time_zone=time_zone,
    )
    return _Import(bank, layout, balance, overdraft_limit, on_read, on_progress).run(
        file, sort=sort, dry_run=dry_run
    )


# A command, the line of its row, and what its account's balance must be after it. The line is 0
# for a command that opens the account of the next entry. A plain tuple: there is one a row.
_Entry = tuple[Command, int, Money | None]


class _Import:
    """One import: the batch to be booked next, and the counts so far."""

    def __init__(
        self,
        bank: Bank,
        layout: Layout,
        initial_balance: Money,
        overdraft_limit: Money | None,
        on_read: Callable[[int], None],
        on_progress: Callable[[int], None],
    ) -> None:
        self._bank = bank
        self._layout = layout
        self._initial_balance = initial_balance
        self._overdraft_limit = overdraft_limit
        self._on_read = on_read
        self._on_progress = on_progress
        self._account_ids: dict[str, AccountId] = {}
        # Many rows have the same date and text, and fees and wages come again and again.
        self._instant = lru_cache(maxsize=1024)(layout.instant)
        self._movement = lru_cache(maxsize=4096)(layout.movement)
        self._line_of_text = lru_cache(maxsize=1024)(to_line_or_none)
        self._now = _NEVER
        if isinstance(bank, Bank):  # and none of one's own
            self._now = bank._now()  # noqa: SLF001  # by which it judges every command
        self._ignored_columns: tuple[str, ...] = ()
        self._batch: list[_Entry] = []
        # Rows that were read, and rows that were booked.
        self._count = self._done = self._replayed = 0
        self._refused = self._invalid = self._mismatched = self._unsorted = Problems()
        self._is_newest_first = False

    def run(self, file: Iterable[str], *, sort: bool, dry_run: bool) -> ImportReport:
        rehearsed: dict[AccountId, Account] = {}
        bank = _rehearsing(self._bank, rehearsed) if dry_run else self._bank
        with ExitStack() as stack:
            lines, again = read_twice(file, stack)
            entries = self._look(lines, stack, keep_all=sort)
            self._on_read(self._count)
            if sort and entries is not None:
                self._unsorted = Problems()
                if self._is_newest_first:
                    entries.reverse()
                entries.sort(key=_time_of)
            is_booked = not (self._invalid or self._unsorted)
            if is_booked:
                self._book_all(bank, self._read_again(again()) if entries is None else entries)
        return ImportReport(
            rows=self._count,
            accounts=len(self._account_ids),
            refused=self._refused,
            invalid=self._invalid,
            unsorted=self._unsorted,
            mismatched=self._mismatched,
            replayed=self._replayed,
            closing_sum=self._closing_sum(rehearsed),
            ignored_columns=self._ignored_columns,
            is_booked=is_booked and not dry_run,
        )

    # -- Reading --

    def _look(
        self, lines: Iterator[str], stack: ExitStack, *, keep_all: bool
    ) -> list[_Entry] | None:
        """Read every row, and return them; None if they are too many to keep."""
        kept: list[_Entry] | None = []
        ids = _Ids(stack)
        last: dict[str, datetime] = {}
        rises = falls = 0
        command: Any  # a movement, with an id and a time
        for entry in self._entries(lines):
            command, line, _ = entry
            first = ids.first_line(command.transaction_id.value, line)
            if first != line:
                what = (
                    "transaction_id must be unique in the file,"
                    f" and {command.transaction_id} is that of line {first} too."
                )
                self._invalid = self._invalid.with_one(line, what)
            name, at = command.account_id.value, command.booked_at
            before = last.get(name, at)
            last[name] = at
            if at > before:
                rises += 1
            elif at < before:
                falls += 1
                what = (
                    f"date must not be earlier than {before.isoformat()}, that of the row before"
                    f" of account {name}, got {at.isoformat()}."
                )
                self._unsorted = self._unsorted.with_one(line, what)
            if kept is not None:
                if len(kept) >= ROWS_KEPT and not keep_all:
                    kept = None
                else:
                    kept.append(entry)
        self._is_newest_first = falls > rises == 0
        return kept

    def _read_again(self, lines: Iterator[str]) -> Iterator[_Entry]:
        """Yield the rows of a file that were not kept."""
        count, self._count = self._count, 0
        yield from self._entries(lines)
        if self._count != count:
            raise InvalidHistoryError("it changed while it was read")

    def _entries(self, lines: Iterator[str]) -> Iterator[_Entry]:
        """Yield a command of each valid row, and count the others."""
        width = 0
        for line, cells in self._layout.rows(lines):
            if width == 0:
                width, pick, self._ignored_columns = self._layout.columns(line, cells)
                if self._layout.has_header:
                    continue
            self._count += 1
            if len(cells) > width and not any(cells[width:]):
                del cells[width:]  # a row may end with delimiters
            try:
                if len(cells) == width:
                    yield self._entry(line, pick(cells))
                else:
                    what = f"the row has {len(cells)} cells, and the first row has {width}."
                    self._invalid = self._invalid.with_one(line, what)
            except InvalidRequestError as error:
                self._invalid = self._invalid.with_one(line, str(error))

    def _entry(self, line: int, cells: Sequence[str]) -> _Entry:
        transaction_id, name, date, balance, description, *amounts = cells
        booked_at = self._instant(date)
        if booked_at > self._now:
            reason = f"must not be later than the clock, {self._now.isoformat()}"
            raise InvalidTimeError(booked_at.isoformat(), reason).about("date")
        known_id = self._account_ids.get(name)
        account_id = AccountId(name) if known_id is None else known_id
        kind, amount = self._movement(*amounts)
        command = checked_movement(
            kind,
            to_own_id(transaction_id),
            booked_at,
            self._line_of_text(description) if description else None,
            account_id,
            amount,
        )
        expected = self._layout.money("balance", balance) if balance else None
        self._account_ids[name] = account_id
        return command, line, expected

    # -- Booking --

    def _book_all(self, bank: Bank, entries: Iterable[_Entry]) -> None:
        opened: set[str] = set()
        command: Any
        try:
            for entry in entries:
                command = entry[0]
                name = command.account_id.value
                if name not in opened:
                    opened.add(name)
                    opening = OpenAccount(
                        command.account_id,
                        initial_balance=self._initial_balance,
                        overdraft_limit=self._overdraft_limit,
                        booked_at=command.booked_at,
                    )
                    self._batch.append((opening, 0, None))
                self._batch.append(entry)
                if len(self._batch) >= BATCH_LENGTH:
                    self._book(bank)
        except InvalidHistoryError as error:
            error.rows_booked = self._done
            raise
        self._book(bank)

    def _book(self, bank: Bank) -> None:
        outcomes = bank.execute([command for command, _, _ in self._batch])
        for (_, line, balance), outcome in zip(self._batch, outcomes, strict=True):
            # If an account cannot be opened, its first row does not pass either, and says why.
            if line == 0:
                continue
            self._done += 1
            if outcome.replayed:
                self._replayed += 1
            if isinstance(outcome, Transaction):
                booked = outcome.postings[0].balance
                # Both are in the one currency of the import.
                if balance is not None and booked.amount_minor != balance.amount_minor:
                    what = f"The balance is {booked}, and the file says {balance}."
                    self._mismatched = self._mismatched.with_one(line, what)
            elif isinstance(outcome, DeclinedError):
                self._refused = self._refused.with_one(line, str(outcome))
            else:
                if isinstance(outcome, InvalidRequestError) and outcome.field == "booked_at":
                    outcome.about("date")
                self._invalid = self._invalid.with_one(line, str(outcome))
        self._batch.clear()
        self._on_progress(self._done)

    def _closing_sum(self, rehearsed: dict[AccountId, Account]) -> Money:
        named = {
            each.id: each.balance
            for each in chain(self._bank.accounts(), rehearsed.values())
            if each.id.value in self._account_ids
        }
        zero = Money.zero(self._initial_balance.currency)
        return sum((each for each in named.values() if each.currency == zero.currency), zero)


def _time_of(entry: _Entry) -> datetime:
    return entry[0].booked_at or _NEVER


_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class _Ids:
    """The line of each id: of some in memory, and of all others in a temporary file."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._kept: dict[str, int] = {}
        self._others: sqlite3.Connection | None = None

    def first_line(self, transaction_id: str, line: int) -> int:
        """Return the first line that has the id, which is *line* if none has had it before."""
        if len(self._kept) < ROWS_KEPT or transaction_id in self._kept:
            return self._kept.setdefault(transaction_id, line)
        if self._others is None:
            self._others = self._stack.enter_context(closing(sqlite3.connect("")))
            self._others.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, line INT) WITHOUT ROWID")
        seen = self._others.execute(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (transaction_id, line)
        )
        if seen.rowcount == 0:
            seen = self._others.execute("SELECT line FROM seen WHERE id = ?", (transaction_id,))
            (line,) = seen.fetchone()
        return line


class _Rehearsal:
    """A store over *store*, which changes *accounts* and writes nothing."""

    def __init__(self, store: AccountStore, accounts: dict[AccountId, Account]) -> None:
        self._store = store
        self._accounts = accounts

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        found: list[Snapshot] = []

        def look(snapshot: Snapshot) -> WriteSet:
            found.append(snapshot)
            return WriteSet()

        self._store.transact(reads, look)
        changed = {
            each: self._accounts[each] for each in reads.account_ids if each in self._accounts
        }
        written = decide(attrs.evolve(found[-1], accounts={**found[-1].accounts, **changed}))
        self._accounts.update((account.id, account) for account in written.accounts)
        return written


def _rehearsing(bank: Bank, accounts: dict[AccountId, Account]) -> Bank:
    """Return *bank*, which now changes *accounts* alone."""
    if not isinstance(bank, Bank):
        raise InvalidArgumentError(shown(bank), "must be a Bank, for a dry run").about("bank")
    rehearsing = copy(bank)
    store = _Rehearsal(bank._store, accounts)  # noqa: SLF001  # a dry run is of the same bank
    rehearsing._store = cast("AccountStore", store)  # noqa: SLF001  # as above
    return rehearsing
