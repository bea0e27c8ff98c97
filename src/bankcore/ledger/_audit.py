"""
The audit: is what a store holds what its own journal says?

Decided here: what must be true of a whole store, worked out anew in plain integers
from the commands in the journal, without the rules that booked them. It reads and
never writes, keeps one account's numbers and one page of records in memory, and is
right while others write: an account is compared with its history up to the version
it had when it was read, and history never changes.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, cast

import attrs

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus, Restriction, Right
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
    ExtendHold,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.ledger._chain import GENESIS, content_of, next_head
from bankcore.ledger._checkpoint import Checkpoint, Progress, to_checkpoint
from bankcore.ledger._errors import StoreCorruptedError, TransactionNotFoundError
from bankcore.ledger._records import Posting, Refusal, Transaction
from bankcore.ledger._store import AccountStore, Chained, SelfChecking
from bankcore.money import Currency, Money
from bankcore.values import AccountId

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


def verify(store: AccountStore, *, against: Checkpoint | str | None = None) -> AuditReport:
    """
    Re-derive every balance, held amount and version of *store* from its journal, and every
    hash of its accounts' chains.

        >>> from bankcore.stores import MemoryStore
        >>> verify(MemoryStore()).is_clean
        True

    Damage that keeps the store from being read is a disagreement like any other.

    Args:
        store: What to verify; nothing is written.
        against: A checkpoint that was taken of it before, or its text: then the records that
            it stands for must still be the first of the journal, each as it was.

    Raises:
        InvalidCheckpointError: If *against* is no checkpoint.
        StoreUnavailableError: If the store cannot be reached.
    """
    kept = None if against is None else _KeptCheckpoint(to_checkpoint(against))
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
            if kept is not None:
                kept.add(record)
            if isinstance(record, Refusal):
                refusals += 1
                continue
            transactions += 1
            found += _transaction_disagreements(store, record)
    except StoreCorruptedError as error:
        found.append(Disagreement("the journal", str(error)))
        if kept is not None:
            kept.is_complete = False
    if kept is not None:
        found += kept.disagreements()
    return AuditReport(accounts, transactions, refusals, tuple(found))


def checkpoint_of(store: AccountStore, taken_at: datetime) -> Checkpoint:
    """
    The checkpoint that stands for all records that the journal of *store* has by now.

    It reads the whole journal, and holds a version and a hash for each account in memory. It
    says what is there; whether that is right is what `verify` says.

    Raises:
        StoreCorruptedError: If a record cannot be read.
        StoreUnavailableError: If the store cannot be reached.
    """
    progress = Progress()
    for record in _journal(store):
        progress.add(record)
    return progress.checkpoint(taken_at)


class _KeptCheckpoint:
    """
    A checkpoint that was kept, and what the journal has come to at the same record.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._progress = Progress()
        #: Whether the journal could be read to its end.
        self.is_complete = True

    def add(self, record: Transaction | Refusal) -> None:
        if self._progress.records < self._checkpoint.records:
            self._progress.add(record)

    def disagreements(self) -> Iterator[Disagreement]:
        kept, found = self._checkpoint, self._progress.checkpoint(self._checkpoint.taken_at)
        where = f"the checkpoint of {kept.taken_at.isoformat()}"
        if found.records < kept.records:
            seen = (
                f"the journal has {found.records}: records are missing"
                if self.is_complete
                else f"only {found.records} of the journal can be read"
            )
            yield Disagreement(where, f"it stands for {kept.records} records, and {seen}")
            return
        for what, before, now in (
            ("accounts", kept.accounts, found.accounts),
            ("transactions", kept.transactions, found.transactions),
            ("refusals", kept.refusals, found.refusals),
        ):
            if now != before:
                yield Disagreement(
                    where, f"the journal had {before} {what} there, and now has {now}"
                )
        for what, is_alike in (
            ("transactions of the accounts", found.accounts_root == kept.accounts_root),
            ("refusals", found.refusals_root == kept.refusals_root),
            ("records or their order", found.journal_root == kept.journal_root),
        ):
            if not is_alike:
                yield Disagreement(
                    where, f"the {what} among the first {kept.records} are not those of then"
                )


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

# An account, and the signed change of its balance in minor units; None where only the
# account's own history says how much.
_Change = tuple[AccountId, int | None]


def _expected_changes(  # noqa: C901, PLR0911  # a case for each kind of command
    store: AccountStore, transaction: Transaction
) -> list[_Change]:
    """
    What the transaction's command says that it does to which accounts, in order.
    """
    command = transaction.command
    if isinstance(command, OpenAccount):
        opened = command.account_id
        if opened is None:
            opened = transaction.postings[0].account_id
        return [(opened, command.initial_balance.amount_minor)]
    if isinstance(command, Deposit):
        return [(command.account_id, command.amount.amount_minor)]
    if isinstance(command, Withdraw):
        return [(command.account_id, -command.amount.amount_minor)]
    if isinstance(command, Transfer):
        amount = command.amount.amount_minor
        return [(command.source_id, -amount), (command.destination_id, amount)]
    if isinstance(command, Post):
        nets: dict[AccountId, int] = {}
        for account_id, leg in command.legs:
            nets[account_id] = nets.get(account_id, 0) + leg.amount_minor
        return _debits_first(list(nets.items()))
    if isinstance(command, Reverse):
        original = store.outcome(command.original_id)
        if not isinstance(original, Transaction):
            raise TransactionNotFoundError(command.original_id)
        return _debits_first(
            [
                (posting.account_id, -posting.amount.amount_minor)
                for posting in reversed(original.postings)
            ]
        )
    if isinstance(command, CaptureHold):
        taken = None if command.amount is None else command.amount.amount_minor
        return _from_and_to(command.account_id, taken, command.destination_id)
    if isinstance(command, CloseAccount):
        # Swept, or closed as it was.
        to = command.sweep_to if len(transaction.postings) > 1 else None
        rest = None if to else 0
        return _from_and_to(command.account_id, rest, to)
    return [(account_id, 0) for account_id in command.account_ids]


def _debits_first(changes: list[tuple[AccountId, int]]) -> list[_Change]:
    debits = [change for change in changes if change[1] < 0]
    return [*debits, *(change for change in changes if change[1] >= 0)]


def _from_and_to(
    source_id: AccountId, taken: int | None, destination_id: AccountId | None
) -> list[_Change]:
    changes: list[_Change] = [(source_id, None if taken is None else -taken)]
    if destination_id is not None:
        changes.append((destination_id, taken))
    return changes


def _transaction_disagreements(
    store: AccountStore, transaction: Transaction
) -> Iterator[Disagreement]:
    where = f"transaction {transaction.id}"
    try:
        expected = _expected_changes(store, transaction)
    except TransactionNotFoundError as error:
        yield Disagreement(where, f"it reverses what is not there: {error}")
        return
    booked = [
        (posting.account_id, posting.amount.amount_minor) for posting in transaction.postings
    ]
    if len(booked) != len(expected) or any(
        found[0] != wanted[0] or wanted[1] not in {None, found[1]}
        for found, wanted in zip(booked, expected, strict=True)
    ):
        yield Disagreement(
            where, f"its postings {_listed(booked)} are not its command's {_listed(expected)}"
        )
    elif isinstance(transaction.command, Transfer | CaptureHold | CloseAccount):
        rest = sum(change for _, change in booked)
        if len(booked) > 1 and rest:
            yield Disagreement(where, f"its postings {_listed(booked)} do not add up to zero")
    for posting in transaction.postings:
        if posting.amount.currency != _currency_named(transaction, posting):
            yield Disagreement(
                where, f"{posting.amount} on {posting.account_id} is not in its command's currency"
            )
    given = transaction.command.booked_at
    if given is not None and given != transaction.booked_at:
        yield Disagreement(where, f"it was booked at {transaction.booked_at}, not at {given}")


def _currency_named(transaction: Transaction, posting: Posting) -> Currency:
    """
    The currency in which the command names money for the account of *posting*; the posting's
    own where it names none.
    """
    command = transaction.command
    if isinstance(command, Post):
        for account_id, amount in command.legs:
            if account_id == posting.account_id:
                return amount.currency
    for name in ("amount", "initial_balance", "overdraft_limit"):
        money = getattr(command, name, None)
        if isinstance(money, Money):
            return money.currency
    return posting.amount.currency


def _listed(changes: list[_Change] | list[tuple[AccountId, int]]) -> str:
    return ", ".join(
        f"{account_id} {'whatever is there' if change is None else f'{change:+}'}"
        for account_id, change in changes
    )


# -- One account along its history -------------------------------------------


@attrs.frozen
class _DerivedHold:
    """
    An open hold as the history says, its amounts in minor units.
    """

    amount: int
    expires_at: datetime | None
    description: str | None
    captured: int = 0

    @property
    def left(self) -> int:
        return self.amount - self.captured


@attrs.define
class _Derived:
    """
    An account's state as its history says, its amounts in minor units.
    """

    balance: int = 0
    overdraft_limit: int = 0
    version: int = 0
    last_booked_at: datetime | None = None
    status: AccountStatus = AccountStatus.OPEN
    # By their ids.
    holds: dict[str, _DerivedHold] = attrs.Factory(dict)
    restriction: tuple[Restriction, str | None, datetime | None] = (Restriction.NONE, None, None)
    holders: dict[str, frozenset[Any]] = attrs.Factory(dict)

    @property
    def held(self) -> int:
        return sum(hold.left for hold in self.holds.values())

    @property
    def available(self) -> int:
        return self.balance - self.held + self.overdraft_limit


def _account_disagreements(store: AccountStore, account: Account) -> Iterator[Disagreement]:
    where = f"account {account.id}"
    derived = _Derived()
    chain = _StoredChain(store, account) if isinstance(store, Chained) else None
    try:
        for transaction, posting in _history(store, account):
            for what in _posting_disagreements(transaction, posting, derived, account):
                yield Disagreement(f"{where}, version {posting.version}", what)
            if chain is not None and not chain.holds(transaction):
                yield Disagreement(
                    f"{where}, version {posting.version}",
                    f"transaction {transaction.id} and what came before it are not what its hash"
                    " was made of",
                )
        if chain is not None and not chain.has_its_head():
            yield Disagreement(where, "the head of its chain is not the hash of its last version")
    except StoreCorruptedError as error:
        yield Disagreement(where, str(error))
        return
    stored_holds = {
        hold.id.value: _DerivedHold(
            hold.amount.amount_minor,
            hold.expires_at,
            hold.description,
            hold.captured.amount_minor,
        )
        for hold in account.holds
    }
    stored_holders = {holder.principal.value: holder.rights for holder in account.holders}
    for name, stored, said in (
        ("balance", account.balance.amount_minor, derived.balance),
        ("held", account.held.amount_minor, derived.held),
        ("overdraft limit", account.overdraft_limit.amount_minor, derived.overdraft_limit),
        ("version", account.version, derived.version),
        ("last booking", account.last_booked_at, derived.last_booked_at),
        ("status", account.status.value, derived.status.value),
    ):
        if stored != said:
            yield Disagreement(where, f"its {name} is {stored}, and its history says {said}")
    restriction = (
        account.restriction,
        account.restriction_reason,
        account.restriction_ends_at,
    )
    for name, is_alike in (
        # In the order in which they were placed, which is a part of the account.
        ("open holds", list(stored_holds.items()) == list(derived.holds.items())),
        ("restriction", restriction == derived.restriction),
        ("holders", stored_holders == derived.holders),
    ):
        if not is_alike:
            yield Disagreement(where, f"its {name} are not those that its history says")


class _StoredChain:
    """
    The hashes that the store has for an account, compared one by one with its transactions.
    """

    def __init__(self, store: Chained, account: Account) -> None:
        self._store = store
        self._account = account
        self._head = GENESIS
        self._version = 0
        self._page: Iterator[bytes] = iter(())

    def holds(self, transaction: Transaction) -> bool:
        """
        Whether the next hash is that of the next transaction; on from what is stored, so that
        the first that is wrong is named, and not all after it.
        """
        stored = next(self._page, None)
        if stored is None:
            self._page = iter(
                self._store.chain_hashes(self._account.id, after=self._version, limit=_PAGE)
            )
            stored = next(self._page, b"")
        self._version += 1
        wanted = next_head(self._head, content_of(transaction))
        self._head = stored
        return stored == wanted

    def has_its_head(self) -> bool:
        """
        Whether the head beside the account is its last hash, unless others have written since.
        """
        version, head = self._store.chain_head(self._account.id)
        return version != self._account.version or head == self._head


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
    transaction: Transaction, posting: Posting, derived: _Derived, account: Account
) -> Iterator[str]:
    """
    What is wrong with *posting* after what came before; then *derived* goes on from it.
    """
    before = attrs.evolve(derived, holds=dict(derived.holds))
    yield from _opening_disagreements(transaction.command, before)
    yield from _follow(transaction, posting.amount.amount_minor, derived, account)
    for name, stored, said in (
        ("version", posting.version, before.version + 1),
        ("balance", posting.balance.amount_minor, before.balance + posting.amount.amount_minor),
        ("held", posting.held.amount_minor, derived.held),
        ("overdraft limit", posting.overdraft_limit.amount_minor, derived.overdraft_limit),
    ):
        if stored != said:
            yield f"the {name} is {stored}, and {said} follows from what came before"
    if posting.balance.currency != account.balance.currency:
        yield f"the currency is {posting.balance.currency}, and the account's is another"
    # On from what is stored, so that one wrong posting is one disagreement.
    derived.balance = posting.balance.amount_minor
    derived.overdraft_limit = posting.overdraft_limit.amount_minor
    derived.version = posting.version
    derived.last_booked_at = transaction.booked_at
    # The floor, posting by posting: sums alone would not show that it was broken. A lowered
    # limit may break it, and what does not lower `available` need not restore it.
    if derived.available < min(0, before.available) and not isinstance(
        transaction.command, SetOverdraftLimit
    ):
        yield f"{posting.balance} after {posting.amount} is below what was available"
    if abs(derived.balance) > AMOUNT_MINOR_MAX:
        yield f"the balance {posting.balance} is beyond the largest there can be"
    yield from _time_disagreements(transaction, before)


def _opening_disagreements(command: Command, before: _Derived) -> Iterator[str]:
    is_opening = isinstance(command, OpenAccount)
    if is_opening and before.version != 0:
        yield "it is opened again"
    elif not is_opening and before.version == 0:
        yield "its history does not begin with its opening"
    if before.status is AccountStatus.CLOSED and not isinstance(
        command, GrantAccess | RevokeAccess
    ):
        yield "it was closed before"


def _time_disagreements(transaction: Transaction, before: _Derived) -> Iterator[str]:
    at, last = transaction.booked_at, before.last_booked_at
    if last is not None and at < last:
        yield f"it was booked at {at}, before the one before it, at {last}"
    if isinstance(transaction.command, ExpireHold):
        return
    for name, hold in before.holds.items():
        if hold.expires_at is not None and hold.expires_at <= at:
            yield f"hold {name} had expired, and its expiry was not recorded"


def _follow(
    transaction: Transaction, change: int, derived: _Derived, account: Account
) -> Iterator[str]:
    """
    Take *derived* on by what the command does to the account besides its balance.
    """
    command = transaction.command
    follow = _FOLLOWED.get(type(command))
    if follow is None or getattr(command, "account_id", account.id) not in {None, account.id}:
        # It only moves money, or this account is where the money of another goes.
        return
    try:
        yield from follow(command, transaction, change, derived)
    except KeyError as error:
        yield f"there is no open hold or holder {error.args[0]}"


def _follow_opening(
    command: OpenAccount, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    limit = command.overdraft_limit
    derived.overdraft_limit = 0 if limit is None else limit.amount_minor
    if command.holder is not None:
        derived.holders[command.holder.value] = frozenset(Right)
    yield from ()


def _follow_limit(
    command: SetOverdraftLimit, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    derived.overdraft_limit = command.overdraft_limit.amount_minor
    yield from ()


def _follow_placing(
    command: PlaceHold, transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    derived.holds[transaction.id.value] = _DerivedHold(
        command.amount.amount_minor, command.expires_at, command.description
    )
    yield from ()


def _follow_capture(
    command: CaptureHold, _transaction: Transaction, change: int, derived: _Derived
) -> Iterator[str]:
    hold = derived.holds[command.hold_id.value]
    left = hold.left
    taken = left if command.amount is None else command.amount.amount_minor
    if change != -taken:
        yield f"the amount is {change}, and {-taken} was to be captured"
    if taken > left:
        yield f"{taken} was captured of a hold with {left} left"
    if taken < left and not command.final:
        derived.holds[command.hold_id.value] = attrs.evolve(hold, captured=hold.captured + taken)
    else:
        del derived.holds[command.hold_id.value]


def _follow_release(
    command: ReleaseHold, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    del derived.holds[command.hold_id.value]
    yield from ()


def _follow_extension(
    command: ExtendHold, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    hold = derived.holds[command.hold_id.value]
    derived.holds[command.hold_id.value] = attrs.evolve(hold, expires_at=command.expires_at)
    yield from ()


def _follow_expiry(
    command: ExpireHold, transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    expires_at = derived.holds.pop(command.hold_id.value).expires_at
    if expires_at != transaction.booked_at:
        yield f"the hold expired at {expires_at}, not at {transaction.booked_at}"


def _follow_restriction(
    command: Restrict, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    derived.restriction = (command.restriction, command.reason, command.ends_at)
    yield from ()


def _follow_closing(
    _command: CloseAccount, _transaction: Transaction, change: int, derived: _Derived
) -> Iterator[str]:
    derived.status = AccountStatus.CLOSED
    if derived.balance + change or derived.holds:
        yield f"it was closed with {derived.balance + change} minor units or open holds"


def _follow_grant(
    command: GrantAccess, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    derived.holders[command.principal.value] = command.rights
    yield from ()


def _follow_revocation(
    command: RevokeAccess, _transaction: Transaction, _change: int, derived: _Derived
) -> Iterator[str]:
    del derived.holders[command.principal.value]
    yield from ()


# What commands do to their account besides booking an amount on it.
_FOLLOWED: Final[
    Mapping[type[Command], Callable[[Any, Transaction, int, _Derived], Iterator[str]]]
] = {
    OpenAccount: _follow_opening,
    SetOverdraftLimit: _follow_limit,
    PlaceHold: _follow_placing,
    CaptureHold: _follow_capture,
    ReleaseHold: _follow_release,
    ExtendHold: _follow_extension,
    ExpireHold: _follow_expiry,
    Restrict: _follow_restriction,
    CloseAccount: _follow_closing,
    GrantAccess: _follow_grant,
    RevokeAccess: _follow_revocation,
}
