"""
Importing history: a file of movements on accounts, booked under their own ids and dates.

Decided here: what such a file looks like, how a row becomes a command, and what is
reported of the rows. Every row goes through the bank like any other command; nothing
is booked here. Importing a file twice changes nothing, because a row's id is its
transaction id.
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

from bankcore.bank import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Withdraw
from bankcore.ledger import Transaction
from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money import Currency, Money
from bankcore.values import AccountId
from bankcore.values._errors import DeclinedError, InvalidRequestError
from bankcore.values._instants import instant_from_text

#: How many commands one durable write carries.
BATCH_LENGTH: Final = 20_000
#: How many of the rows that did not pass are kept for the report.
PROBLEMS_SHOWN: Final = 10

_REQUIRED: Final = ("transaction_id", "account_id", "date", "amount")
_OPTIONAL: Final = ("balance", "description")


@attrs.frozen
class Problems:
    """
    The rows that did not pass for one reason: how many, and the first ten of them, each
    with its line in the file.
    """

    count: int = 0
    first: tuple[tuple[int, str], ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0

    def with_one(self, line: int, what: str) -> "Problems":
        """
        These, and the row on *line*.
        """
        first = self.first
        if len(first) < PROBLEMS_SHOWN:
            first = (*first, (line, what))
        return Problems(self.count + 1, first)


@attrs.frozen
class ImportReport:
    """
    What became of a file.

    Attributes:
        rows: The rows read.
        accounts: The accounts they name.
        refused: Rows that the bank declined.
        invalid: Rows that could not be asked, such as one without a date.
        mismatched: Rows after which the balance is not the one in the file.
        replayed: Rows whose outcome had been recorded before.
        closing_sum: The balances of the accounts, in all.
        ignored_columns: Columns of the file that mean nothing here.
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
    The file at *path* as text, unpacked if its name ends in ``.gz`` or ``.xz``.

    Raises:
        InvalidHistoryError: If it is not there, or not what its name says, or not UTF-8.
    """
    unpack: Callable[..., TextIO] = open
    if path.endswith(".gz"):
        unpack = gzip.open
    elif path.endswith(".xz"):
        unpack = lzma.open
    try:
        # utf-8-sig: spreadsheets begin a file with a byte-order mark.
        with unpack(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except (EOFError, OSError, UnicodeDecodeError, csv.Error, lzma.LZMAError) as error:
        raise InvalidHistoryError(f"{path}: {error}") from error


def import_history(
    bank: Bank,
    file: Iterable[str],
    *,
    currency: Currency | str,
    overdraft_limit: Money | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """
    Book every row of the CSV *file* in *bank*, and say what became of them.

    The columns are ``transaction_id``, ``account_id``, ``date`` (``YYYY-MM-DD``, midnight
    UTC, or an instant with its zone) and ``amount`` (signed; below zero is a withdrawal),
    and optionally ``balance`` (the account's, after the row) and ``description``. An
    account is opened on first sight with no money and *overdraft_limit*; one that is
    there already stays as it is. *on_progress* is told the number of rows after each
    batch.

    Raises:
        InvalidHistoryError: If the file has no such columns.
        StoreError: If the store fails. What was booked before stays; importing the
            file again goes on from there.
    """
    return _Import(bank, currency, overdraft_limit, on_progress).run(file)


class _Import:
    """
    One import under way: the batch being gathered, and the counts.
    """

    def __init__(
        self,
        bank: Bank,
        currency: Currency | str,
        overdraft_limit: Money | None,
        on_progress: Callable[[int], None],
    ) -> None:
        self._bank = bank
        self._nothing = Money.zero(currency)
        self._currency = self._nothing.currency
        self._overdraft_limit = overdraft_limit
        self._on_progress = on_progress
        self._accounts: dict[str, AccountId] = {}
        # Many rows have one date, and fees and wages come again and again.
        self._instant = lru_cache(maxsize=1024)(instant_from_text)
        self._amount = lru_cache(maxsize=4096)(partial(Money, currency=self._currency))
        self._commands: list[Command] = []
        # For each command, the line of its row (0 for the opening of an account), and the
        # balance expected after it.
        self._expected: list[tuple[int, Money | None]] = []
        self._count = self._replayed = 0
        self._refused = self._invalid = self._mismatched = Problems()

    def run(self, file: Iterable[str]) -> ImportReport:
        reader = csv.reader(file)
        header = next(reader, [])
        places, ignored = _columns(header)
        picked = itemgetter(*places)
        for cells in reader:
            if not cells:
                continue  # an empty line
            self._count += 1
            try:
                if len(cells) != len(header):
                    raise InvalidHistoryError(
                        f"the row has {len(cells)} cells, and the first line has {len(header)}"
                    )
                cells.append("")  # for the columns that are not there
                self._take(reader.line_num, *picked(cells))
            except InvalidRequestError as error:
                self._invalid = self._invalid.with_one(reader.line_num, str(error))
            if len(self._commands) >= BATCH_LENGTH:
                self._book()
        self._book()
        return ImportReport(
            rows=self._count,
            accounts=len(self._accounts),
            refused=self._refused,
            invalid=self._invalid,
            mismatched=self._mismatched,
            replayed=self._replayed,
            closing_sum=self._closing_sum(),
            ignored_columns=ignored,
        )

    def _take(
        self,
        line: int,
        transaction_id: str,
        account_text: str,
        when: str,
        amount: str,
        balance: str,
        description: str,
    ) -> None:
        """
        Make the row's commands and put them into the batch.
        """
        at = self._instant(when)
        account_id = self._accounts.get(account_text)
        is_new = account_id is None
        if account_id is None:
            account_id = AccountId(account_text)
        kind: type[Deposit | Withdraw] = Deposit
        if amount[:1] == "-":
            kind, amount = Withdraw, amount[1:]
        command = kind(
            account_id,
            self._amount(amount),
            transaction_id=transaction_id,
            booked_at=at,
            description=description or None,
        )
        expected = Money(balance, self._currency) if balance else None
        # After this point it must succeed: a row is in the batch whole or not at all.
        if is_new:
            self._accounts[account_text] = account_id
            self._commands.append(
                OpenAccount(
                    account_id,
                    initial_balance=self._nothing,
                    overdraft_limit=self._overdraft_limit,
                    booked_at=at,
                )
            )
            self._expected.append((0, None))
        self._commands.append(command)
        self._expected.append((line, expected))

    def _book(self) -> None:
        outcomes = self._bank.execute(self._commands)
        for (line, balance), outcome in zip(self._expected, outcomes, strict=True):
            # An account may be there already; whatever else keeps it from being opened keeps
            # its first row from passing, and is told there.
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
                self._invalid = self._invalid.with_one(line, str(outcome))
        self._commands.clear()
        self._expected.clear()
        self._on_progress(self._count)

    def _closing_sum(self) -> Money:
        total = self._nothing
        for account in self._bank.accounts():
            if account.id.value in self._accounts and account.balance.currency == self._currency:
                total += account.balance
        return total


def _columns(header: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """
    The place of each column that counts (-1, a last and empty cell, for an optional one that
    is not there), and the names of the others.
    """
    names = [name.strip() for name in header]
    missing = [name for name in _REQUIRED if name not in names]
    if missing:
        raise InvalidHistoryError(f"its first line has no column {', '.join(missing)}")
    twice = [name for name in (*_REQUIRED, *_OPTIONAL) if names.count(name) > 1]
    if twice:
        raise InvalidHistoryError(f"its first line has two columns {', '.join(twice)}")
    places = [names.index(name) if name in names else -1 for name in (*_REQUIRED, *_OPTIONAL)]
    return places, tuple(name for name in names if name not in (*_REQUIRED, *_OPTIONAL))
