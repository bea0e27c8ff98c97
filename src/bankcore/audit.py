"""
The audit: is what a store holds what its own journal says?

Decided here: what must be true of a whole store, worked out anew in plain integers
from the commands in the journal, without the rules that booked them. It reads and
never writes, keeps one account's numbers and one page of records in memory, and is
right while others write: an account is compared with its history up to the version
it had when it was read, and history never changes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, cast

import attrs

from bankcore.account import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.commands import Deposit, OpenAccount, Transfer, Withdraw
from bankcore.currency import Currency
from bankcore.errors import StoreCorruptedError
from bankcore.ids import AccountId
from bankcore.money import Money
from bankcore.store import AccountStore, SelfChecking
from bankcore.transaction import Posting, Refusal, Transaction

_PAGE: Final = 1000


@attrs.frozen
class Disagreement:
    """
    One thing that is not as it must be: where, and what.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@attrs.frozen
class AuditReport:
    """
    What an audit looked at, and everything it found wrong.
    """

    accounts: int
    transactions: int
    refusals: int
    disagreements: tuple[Disagreement, ...]

    @property
    def is_clean(self) -> bool:
        return not self.disagreements


def verify(store: AccountStore) -> AuditReport:
    """
    Re-derive every balance, held amount and version of *store* from its journal.

        >>> from bankcore.stores import MemoryStore
        >>> verify(MemoryStore()).is_clean
        True

    Damage that keeps the store from being read is a disagreement like any other.

    Raises:
        StoreUnavailableError: If the store cannot be reached.
    """
    found: list[Disagreement] = []
    if hasattr(store, "integrity_errors"):
        errors = cast("SelfChecking", store).integrity_errors()
        found += [Disagreement("the store's files", error) for error in errors]
    accounts = transactions = refusals = 0
    try:
        for account in _accounts(store):
            accounts += 1
            found += _account_disagreements(store, account)
    except StoreCorruptedError as error:
        found.append(Disagreement("the accounts", str(error)))
    try:
        for record in _journal(store):
            if isinstance(record, Refusal):
                refusals += 1
                continue
            transactions += 1
            found += _transaction_disagreements(record)
    except StoreCorruptedError as error:
        found.append(Disagreement("the journal", str(error)))
    return AuditReport(accounts, transactions, refusals, tuple(found))


def _accounts(store: AccountStore) -> Iterator[Account]:
    page = store.accounts(limit=_PAGE)
    while page:
        yield from page
        page = store.accounts(after=page[-1].id, limit=_PAGE)


def _journal(store: AccountStore) -> Iterator[Transaction | Refusal]:
    page = store.journal(limit=_PAGE)
    while page.records:
        yield from page.records
        page = store.journal(after=page.next, limit=_PAGE)


# -- One transaction by itself -----------------------------------------------


def _expected_changes(transaction: Transaction) -> list[tuple[AccountId, Money, int]]:
    """
    What the transaction's command says it does: account, the money named, the signed change.
    """
    command = transaction.command
    if isinstance(command, OpenAccount):
        opened = command.account_id
        if opened is None:
            opened = transaction.postings[0].account_id
        initial = command.initial_balance
        return [(opened, initial, initial.amount_minor)]
    if isinstance(command, Deposit):
        return [(command.account_id, command.amount, command.amount.amount_minor)]
    if isinstance(command, Withdraw):
        return [(command.account_id, command.amount, -command.amount.amount_minor)]
    transfer = cast("Transfer", command)
    amount = transfer.amount
    return [
        (transfer.source_id, amount, -amount.amount_minor),
        (transfer.destination_id, amount, amount.amount_minor),
    ]


def _transaction_disagreements(transaction: Transaction) -> Iterator[Disagreement]:
    where = f"transaction {transaction.id}"
    expected = [
        (account_id, money.currency, change)
        for account_id, money, change in _expected_changes(transaction)
    ]
    booked = [
        (posting.account_id, posting.amount.currency, posting.amount.amount_minor)
        for posting in transaction.postings
    ]
    if booked != expected:
        yield Disagreement(
            where, f"its postings {_listed(booked)} are not its command's {_listed(expected)}"
        )
    given = transaction.command.booked_at
    if given is not None and given != transaction.booked_at:
        yield Disagreement(where, f"it was booked at {transaction.booked_at}, not at {given}")


def _listed(changes: list[tuple[AccountId, Currency, int]]) -> str:
    return ", ".join(
        f"{account_id} {change:+} {currency}" for account_id, currency, change in changes
    )


# -- One account along its history -------------------------------------------


@attrs.define
class _Derived:
    """
    An account's numbers as the history says, in minor units.
    """

    balance: int = 0
    held: int = 0
    overdraft_limit: int = 0
    version: int = 0
    last_booked_at: datetime | None = None


def _account_disagreements(store: AccountStore, account: Account) -> Iterator[Disagreement]:
    where = f"account {account.id}"
    derived = _Derived()
    try:
        for transaction, posting in _history(store, account):
            for what in _posting_disagreements(transaction, posting, derived, account):
                yield Disagreement(f"{where}, version {posting.version}", what)
            _follow(derived, transaction, posting)
    except StoreCorruptedError as error:
        yield Disagreement(where, str(error))
        return
    for name, stored, said in (
        ("balance", account.balance.amount_minor, derived.balance),
        ("held", account.held.amount_minor, derived.held),
        ("overdraft limit", account.overdraft_limit.amount_minor, derived.overdraft_limit),
        ("version", account.version, derived.version),
        ("last booking", account.last_booked_at, derived.last_booked_at),
        ("status", account.status.value, AccountStatus.OPEN.value),
    ):
        if stored != said:
            yield Disagreement(where, f"its {name} is {stored}, and its history says {said}")


def _history(store: AccountStore, account: Account) -> Iterator[tuple[Transaction, Posting]]:
    """
    The account's transactions and its postings in them, up to the version it was read with.
    """
    version = 0
    while version < account.version:
        page = store.history(account.id, after=version, limit=_PAGE)
        if not page:
            return
        for transaction in page:
            before = version
            try:
                posting = transaction.posting(account.id)
            except KeyError:
                raise StoreCorruptedError(
                    f"transaction {transaction.id} is in its history and does not touch it"
                ) from None
            version = posting.version
            if version <= before:
                raise StoreCorruptedError(f"version {version} follows version {before}")
            if version > account.version:
                return
            yield transaction, posting


def _posting_disagreements(
    transaction: Transaction, posting: Posting, before: _Derived, account: Account
) -> Iterator[str]:
    change = sum(
        change
        for account_id, _, change in _expected_changes(transaction)
        if account_id == account.id
    )
    limit = before.overdraft_limit
    if isinstance(transaction.command, OpenAccount):
        given = transaction.command.overdraft_limit
        limit = 0 if given is None else given.amount_minor
        if before.version != 0:
            yield "it is opened again"
    elif before.version == 0:
        yield "its history does not begin with its opening"
    for name, stored, said in (
        ("version", posting.version, before.version + 1),
        ("amount", posting.amount.amount_minor, change),
        ("balance", posting.balance.amount_minor, before.balance + change),
        ("held", posting.held.amount_minor, before.held),
        ("overdraft limit", posting.overdraft_limit.amount_minor, limit),
    ):
        if stored != said:
            yield f"the {name} is {stored}, and {said} follows from what came before"
    if posting.balance.currency != account.balance.currency:
        yield f"the currency is {posting.balance.currency}, and the account's is another"
    # The floor, posting by posting: sums alone would not show that it was broken.
    if change < 0 and posting.balance.amount_minor - posting.held.amount_minor + limit < 0:
        yield f"{posting.balance} after {posting.amount} is below what was available"
    if abs(posting.balance.amount_minor) > AMOUNT_MINOR_MAX:
        yield f"the balance {posting.balance} is beyond the largest there can be"
    last = before.last_booked_at
    if last is not None and transaction.booked_at < last:
        yield f"it was booked at {transaction.booked_at}, before the one before it, at {last}"


def _follow(derived: _Derived, transaction: Transaction, posting: Posting) -> None:
    # On from what is stored, so that one wrong posting is one disagreement.
    derived.balance = posting.balance.amount_minor
    derived.held = posting.held.amount_minor
    derived.overdraft_limit = posting.overdraft_limit.amount_minor
    derived.version = posting.version
    derived.last_booked_at = transaction.booked_at
