"""
Importing history: a CSV file of movements on accounts, booked under their own ids and dates.

Decided here: the form of the file, the command that a row becomes, and what is reported of the
rows. Every row goes through the bank like any other command. A row's id is its transaction id,
so importing a file twice changes nothing.
"""

import csv
import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from operator import itemgetter
from typing import Final, TextIO

import attrs

from bankcore.accounts._fields import require_amount
from bankcore.bank import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Withdraw
from bankcore.commands._base import to_own_id
from bankcore.commands._money import checked_movement
from bankcore.ledger import Transaction
from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money import Currency, Money
from bankcore.values import AccountId
from bankcore.values._errors import DeclinedError, InvalidRequestError, require_methods
from bankcore.values._garbage import rare_collections
from bankcore.values._instants import instant_from_text
from bankcore.values._text import to_line_or_none

#: The number of commands in one durable write.
BATCH_LENGTH: Final = 20_000
#: The most rows of one problem that a report shows.
PROBLEMS_SHOWN: Final = 10

_REQUIRED: Final = ("transaction_id", "account_id", "date", "amount")
_COLUMNS: Final = (*_REQUIRED, "balance", "description")

_Pick = Callable[[Sequence[str]], tuple[str, ...]]


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
        invalid: Rows that are no valid command, such as one without a date.
        mismatched: Rows after which the balance is not that of the file.
        replayed: The number of rows whose outcome was recorded before.
        closing_sum: The sum of the accounts' balances.
        ignored_columns: Columns of the file that are not used.
    """

    rows: int
    accounts: int
    refused: Problems
    invalid: Problems
    mismatched: Problems
    replayed: int
    closing_sum: Money
    ignored_columns: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return not (self.refused or self.invalid or self.mismatched)


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """
    Open the file at *path* as text, unpacked if its name ends in ``.gz`` or ``.xz``.

    Raises:
        InvalidHistoryError: If it is absent, not what its name says, or not UTF-8.
    """
    unpackers: dict[str, Callable[..., TextIO]] = {".gz": gzip.open, ".xz": lzma.open}
    unpack = unpackers.get(path[-3:], open)
    try:
        # utf-8-sig: spreadsheets begin a file with a byte-order mark.
        with unpack(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except (EOFError, OSError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise InvalidHistoryError(f"{path}: {error}") from error


@rare_collections()
def import_history(
    bank: Bank,
    file: Iterable[str],
    *,
    currency: Currency | str,
    overdraft_limit: Money | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """
    Book every row of the CSV *file* in *bank*, and return what became of them.

    The columns are ``transaction_id``, ``account_id``, ``date`` (``YYYY-MM-DD``, midnight
    UTC, or an instant with its time zone) and ``amount`` (below zero for a withdrawal), and
    optionally ``balance`` (the account's, after the row) and ``description``. An account that
    does not exist is opened with no money and *overdraft_limit*. *on_progress* is called with
    the number of rows after each batch.

    Raises:
        InvalidArgumentError: If *bank* is no bank.
        InvalidHistoryError: If the file lacks a column, or is no CSV; it says in which line.
        StoreError: If the store fails. What was booked before stays; importing the
            file again goes on from there.
    """
    require_methods(bank, "bank", ("execute", "accounts"), "a bank, such as Bank(store)")
    return _Import(bank, currency, overdraft_limit, on_progress).run(file)


# A command of the batch, the line of its row, and what its account's balance must be after it. The
# line is 0 for a command that opens the account of the next entry. A plain tuple: there is one for
# each row.
_Entry = tuple[Command, int, Money | None]


class _Import:
    """One import: the batch to be booked next, and the counts so far."""

    def __init__(
        self,
        bank: Bank,
        currency: Currency | str,
        overdraft_limit: Money | None,
        on_progress: Callable[[int], None],
    ) -> None:
        self._bank = bank
        self._zero = Money.zero(currency)
        self._overdraft_limit = overdraft_limit
        self._on_progress = on_progress
        self._account_ids: dict[str, AccountId] = {}
        # Many rows have the same date and text, and fees and wages come again and again.
        self._instant = lru_cache(maxsize=1024)(partial(instant_from_text, field="date"))
        self._amount = lru_cache(maxsize=4096)(partial(Money, currency=self._zero.currency))
        self._line_of_text = lru_cache(maxsize=1024)(to_line_or_none)
        self._batch: list[_Entry] = []
        self._count = self._replayed = 0
        self._refused = self._invalid = self._mismatched = Problems()

    def run(self, file: Iterable[str]) -> ImportReport:
        rows = csv.reader(file)
        try:
            width, pick, ignored = _columns(next(rows, []))
            for cells in rows:
                if not cells:
                    continue  # an empty line
                self._count += 1
                try:
                    if len(cells) != width:
                        reason = f"the row has {len(cells)} cells, and the first line has {width}"
                        raise InvalidHistoryError(reason)
                    self._add(rows.line_num, pick(cells))
                except InvalidRequestError as error:
                    self._invalid = self._invalid.with_one(rows.line_num, str(error))
                if len(self._batch) >= BATCH_LENGTH:
                    self._book()
        except csv.Error as error:
            raise InvalidHistoryError(f"line {rows.line_num}: {error}") from error
        self._book()
        return ImportReport(
            rows=self._count,
            accounts=len(self._account_ids),
            refused=self._refused,
            invalid=self._invalid,
            mismatched=self._mismatched,
            replayed=self._replayed,
            closing_sum=self._closing_sum(),
            ignored_columns=ignored,
        )

    def _add(self, line: int, cells: Sequence[str]) -> None:
        transaction_id, name, date, text, balance, description = cells
        booked_at = self._instant(date)
        known_id = self._account_ids.get(name)
        account_id = AccountId(name) if known_id is None else known_id
        kind: type[Deposit | Withdraw] = Deposit
        if text[:1] == "-":
            kind, text = Withdraw, text[1:]
        amount = self._amount(text)
        command = checked_movement(
            kind,
            to_own_id(transaction_id),
            booked_at,
            self._line_of_text(description) if description else None,
            account_id,
            require_amount(amount),
        )
        expected = None
        if balance:
            try:
                expected = Money(balance, self._zero.currency)
            except InvalidRequestError as error:
                raise error.about("balance") from None
        # After this point it must succeed: a row is in the batch whole or not at all.
        if known_id is None:
            self._account_ids[name] = account_id
            opening = OpenAccount(
                account_id,
                initial_balance=self._zero,
                overdraft_limit=self._overdraft_limit,
                booked_at=booked_at,
            )
            self._batch.append((opening, 0, None))
        self._batch.append((command, line, expected))

    def _book(self) -> None:
        outcomes = self._bank.execute([command for command, _, _ in self._batch])
        for (_, line, balance), outcome in zip(self._batch, outcomes, strict=True):
            # If an account cannot be opened, its first row does not pass either, and says why.
            if line == 0:
                continue
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
        self._on_progress(self._count)

    def _closing_sum(self) -> Money:
        total = self._zero
        for account in self._bank.accounts():
            balance = account.balance
            if account.id.value in self._account_ids and balance.currency == total.currency:
                total += balance
        return total


def _columns(header: Sequence[str]) -> tuple[int, _Pick, tuple[str, ...]]:
    """
    Return the number of columns, what picks the `_COLUMNS` from a row, and the names of others.
    """
    names = [name.strip() for name in header]
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise InvalidHistoryError(f"line 1 has no column {', '.join(missing)}")
    twice = [name for name in _COLUMNS if names.count(name) > 1]
    if twice:
        raise InvalidHistoryError(f"line 1 has two columns {', '.join(twice)}")
    # -1 is the empty cell that is added at the end, for an optional column that is not there.
    pick: _Pick = itemgetter(*(names.index(name) if name in names else -1 for name in _COLUMNS))
    others = tuple(name for name in names if name not in _COLUMNS)
    if all(name in names for name in _COLUMNS):
        return len(names), pick, others
    return len(names), lambda cells: pick((*cells, "")), others
