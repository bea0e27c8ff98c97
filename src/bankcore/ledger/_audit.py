"""
The audit: all that a store holds, compared with its own journal.

Decided here: what must be true of a whole store, worked out again in plain integers from the
commands in the journal, without the rules that booked them. An audit writes nothing, and is right
while others write: an account is compared with its history up to the version that was read.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import attrs

from bankcore import commands
from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus, Restriction, Right
from bankcore.ledger._chain import GENESIS, content_of, next_head
from bankcore.ledger._checkpoint import Checkpoint, Progress, differences, to_checkpoint
from bankcore.ledger._errors import (
    InvalidCheckpointError,
    StoreCorruptedError,
    TransactionNotFoundError,
)
from bankcore.ledger._pages import PAGE_LENGTH, every_account, every_record, read_all
from bankcore.ledger._records import Posting, Refusal, Transaction
from bankcore.ledger._store import AccountStore, Chained, SelfChecking, require_store
from bankcore.money import Money
from bankcore.values import AccountId


@attrs.frozen
class Disagreement:
    """
    One thing that is wrong in a store.

    Attributes:
        where: The account, transaction or checkpoint that is affected.
        what: What is wrong with it.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@attrs.frozen
class AuditReport:
    """The result of an audit: how much it has read, and everything that it found wrong."""

    accounts: int
    transactions: int
    refusals: int
    disagreements: tuple[Disagreement, ...]

    @property
    def is_clean(self) -> bool:
        return not self.disagreements


def verify(store: AccountStore, *, against: Checkpoint | str | None = None) -> AuditReport:
    """
    Compare every balance, held amount and version in *store* with its journal, and check every
    hash of its accounts' chains.

        >>> from bankcore.stores import MemoryStore
        >>> verify(MemoryStore()).is_clean
        True

    Damage that keeps the store from being read is a disagreement like any other. *against* is a
    checkpoint that was taken of this store before, or its text: the records that it covers must
    still be the first of the journal, each as it was.

    Raises:
        InvalidArgumentError: If *store* is no store.
        InvalidCheckpointError: If *against* is no checkpoint.
        StoreUnavailableError: If the store cannot be reached.
    """
    require_store(store)
    try:
        kept = None if against is None else to_checkpoint(against)
    except InvalidCheckpointError as error:
        raise error.about("against") from None
    found: list[Disagreement] = []
    if isinstance(store, SelfChecking):
        found += [Disagreement("the store's files", error) for error in store.integrity_errors()]
    accounts = transactions = refusals = 0
    try:
        for account in every_account(store):
            accounts += 1
            found += _account_disagreements(store, account)
    except StoreCorruptedError as error:
        found.append(Disagreement("the accounts", str(error)))
    progress, is_complete = Progress(), True
    try:
        for record in every_record(store):
            if kept is not None and progress.records < kept.records:
                progress.add(record)
            if isinstance(record, Refusal):
                refusals += 1
            else:
                transactions += 1
                where = f"transaction {record.id}"
                found += [Disagreement(where, what) for what in _transaction_errors(store, record)]
    except StoreCorruptedError as error:
        found.append(Disagreement("the journal", str(error)))
        is_complete = False
    if kept is not None:
        where = f"the checkpoint of {kept.taken_at.isoformat()}"
        errors = differences(kept, progress.checkpoint(kept.taken_at), is_complete=is_complete)
        found += [Disagreement(where, what) for what in errors]
    return AuditReport(accounts, transactions, refusals, tuple(found))


# -- One transaction by itself -----------------------------------------------

# An account, and the signed change of its balance in minor units; None where only the account's
# history says how much.
_Change = tuple[AccountId, int | None]


def _transaction_errors(store: AccountStore, transaction: Transaction) -> Iterator[str]:
    if not transaction.postings:
        yield "it has no postings"
        return
    try:
        expected = _expected_changes(store, transaction)
    except TransactionNotFoundError as error:
        yield f"it reverses what is not there: {error}"
        return
    booked = [(each.account_id, each.amount.amount_minor) for each in transaction.postings]
    if len(booked) != len(expected) or any(
        found[0] != wanted[0] or wanted[1] not in {None, found[1]}
        for found, wanted in zip(booked, expected, strict=True)
    ):
        yield f"its postings {_listed(booked)} are not its command's {_listed(expected)}"
    elif len(booked) > 1 and expected[0][1] is None and sum(each[1] for each in booked) != 0:
        yield f"its postings {_listed(booked)} do not add up to zero"
    yield from _currency_errors(transaction)
    given = transaction.command.booked_at
    if given is not None and given != transaction.booked_at:
        yield f"it was booked at {transaction.booked_at}, not at {given}"


def _expected_changes(  # noqa: C901  # a case for each command that moves money
    store: AccountStore, transaction: Transaction
) -> list[_Change]:
    """Return what the transaction's command does to the balances of accounts, debits first."""
    command = transaction.command
    changes: Iterable[_Change]
    match command:
        case commands.OpenAccount():
            opened = command.account_id or transaction.account_id
            changes = [(opened, command.initial_balance.amount_minor)]
        case commands.Deposit():
            changes = [(command.account_id, command.amount.amount_minor)]
        case commands.Withdraw():
            changes = [(command.account_id, -command.amount.amount_minor)]
        case commands.Transfer():
            amount = command.amount.amount_minor
            changes = [(command.source_id, -amount), (command.destination_id, amount)]
        case commands.Post():
            nets: dict[AccountId, int] = {}
            for account_id, leg in command.legs:
                nets[account_id] = nets.get(account_id, 0) + leg.amount_minor
            changes = nets.items()
        case commands.Reverse():
            changes = _opposite(store, command)
        case commands.CaptureHold(amount=None):
            changes = [(account_id, None) for account_id in command.account_ids]
        case commands.CaptureHold(amount=Money(amount_minor=taken)):
            # To outside the bank, or to a second account.
            changes = zip(command.account_ids, (-taken, taken), strict=False)
        case commands.CloseAccount() if len(transaction.postings) > 1:
            # Swept to a second account.
            changes = [(account_id, None) for account_id in command.account_ids]
        case commands.CloseAccount():
            changes = [(command.account_id, 0)]
        case _:
            changes = [(account_id, 0) for account_id in command.account_ids]
    return sorted(changes, key=lambda change: change[1] is None or change[1] >= 0)


def _opposite(store: AccountStore, command: commands.Reverse) -> Iterable[_Change]:
    original = store.outcome(command.original_id)
    if not isinstance(original, Transaction):
        raise TransactionNotFoundError(command.original_id)
    return [(each.account_id, -each.amount.amount_minor) for each in reversed(original.postings)]


def _listed(changes: Sequence[_Change]) -> str:
    return ", ".join(
        f"{account_id} {'all that is left' if change is None else f'{change:+}'}"
        for account_id, change in changes
    )


def _currency_errors(transaction: Transaction) -> Iterator[str]:
    """Yield which postings are not in the currency that the command names for their account."""
    command = transaction.command
    of_legs = {account_id: amount.currency for account_id, amount in getattr(command, "legs", ())}
    moneys = (
        getattr(command, name, None) for name in ("amount", "initial_balance", "overdraft_limit")
    )
    named = next((money.currency for money in moneys if money is not None), None)
    for posting in transaction.postings:
        currency = of_legs.get(posting.account_id, named)
        if currency is not None and posting.amount.currency != currency:
            yield f"{posting.amount} on {posting.account_id} is not in its command's currency"


# -- One account along its history -------------------------------------------


@attrs.frozen
class _HoldState:
    """An open hold, its amounts in minor units."""

    amount: int
    expires_at: datetime | None
    description: str | None
    captured: int = 0

    @property
    def left(self) -> int:
        return self.amount - self.captured


@attrs.define
class _State:
    """An account's state and the head of its chain as its history says, amounts in minor units."""

    balance: int = 0
    overdraft_limit: int = 0
    version: int = 0
    last_booked_at: datetime | None = None
    status: AccountStatus = AccountStatus.OPEN
    holds: dict[str, _HoldState] = attrs.Factory(dict)
    restriction: tuple[Restriction, str | None, datetime | None] = (Restriction.NONE, None, None)
    holders: dict[str, frozenset[Right]] = attrs.Factory(dict)
    head: bytes = GENESIS

    @property
    def held(self) -> int:
        return sum(hold.left for hold in self.holds.values())

    @property
    def available(self) -> int:
        return self.balance - self.held + self.overdraft_limit


def _account_disagreements(store: AccountStore, account: Account) -> Iterator[Disagreement]:
    where = f"account {account.id}"
    state = _State()
    hashes = _stored_hashes(store, account.id) if isinstance(store, Chained) else None
    try:
        for transaction, posting in _history(store, account):
            errors = [*_posting_errors(state, transaction, posting, account)]
            if hashes is not None:
                errors += _hash_errors(state, transaction, next(hashes, b""))
            for what in errors:
                yield Disagreement(f"{where}, version {posting.version}", what)
        errors = []
        if isinstance(store, Chained):
            version, head = store.chain_head(account.id)
            # At another version, others have written since.
            if version == account.version and head != state.head:
                errors.append("the head of its chain is not the hash of its last version")
        errors += _state_errors(state, account)
    except StoreCorruptedError as error:
        errors = [str(error)]
    for what in errors:
        yield Disagreement(where, what)


def _history(store: AccountStore, account: Account) -> Iterator[tuple[Transaction, Posting]]:
    """Yield the account's transactions and its postings in them, up to its present version."""
    last, version = account.version, 0

    def page(*, after: int, limit: int) -> Sequence[Transaction]:
        return store.history(account.id, after=after, limit=limit) if after < last else ()

    for transaction in read_all(page, 0, lambda each: each.posting(account.id).version):
        try:
            posting = transaction.posting(account.id)
        except KeyError:
            raise StoreCorruptedError(
                f"transaction {transaction.id} is in the history of {account.id} without a posting"
            ) from None
        if posting.version <= version:
            raise StoreCorruptedError(f"version {posting.version} follows version {version}")
        version = posting.version
        if version > last:
            return
        yield transaction, posting


def _stored_hashes(store: Chained, account_id: AccountId) -> Iterator[bytes]:
    after = 0
    while page := store.chain_hashes(account_id, after=after, limit=PAGE_LENGTH):
        yield from page
        after += len(page)


def _hash_errors(state: _State, transaction: Transaction, stored: bytes) -> Iterator[str]:
    if stored != next_head(state.head, content_of(transaction)):
        yield f"its hash does not match transaction {transaction.id} and the hash before"
    # On from what is stored, so that one wrong hash is one disagreement.
    state.head = stored


def _posting_errors(
    state: _State, transaction: Transaction, posting: Posting, account: Account
) -> Iterator[str]:
    """Yield what is wrong with *posting* after *state*, and bring *state* up to it."""
    command, change = transaction.command, posting.amount.amount_minor
    yield from _order_errors(state, transaction)
    version, balance, available = state.version + 1, state.balance + change, state.available
    # In another account's command, this one is where its money goes.
    if getattr(command, "account_id", None) in {None, account.id}:
        try:
            yield from _follow(state, transaction, change)
        except KeyError as error:
            yield f"there is no open hold or holder {error.args[0]}"
    for name, stored, derived in (
        ("version", posting.version, version),
        ("balance", posting.balance.amount_minor, balance),
        ("held amount", posting.held.amount_minor, state.held),
        ("overdraft limit", posting.overdraft_limit.amount_minor, state.overdraft_limit),
    ):
        if stored != derived:
            yield f"the {name} is {stored}, and {derived} follows from what came before"
    if posting.balance.currency != account.balance.currency:
        yield f"the currency is {posting.balance.currency}, and the account's is another"
    # On from what is stored, so that one wrong posting is one disagreement.
    state.balance = posting.balance.amount_minor
    state.overdraft_limit = posting.overdraft_limit.amount_minor
    state.version = posting.version
    state.last_booked_at = transaction.booked_at
    # The floor, posting by posting: sums alone would not show that it was broken. A lowered
    # limit may break it, and what does not lower `available` need not restore it.
    if state.available < min(0, available) and not isinstance(command, commands.SetOverdraftLimit):
        yield f"{posting.balance} after {posting.amount} is below what was available"
    if abs(state.balance) > AMOUNT_MINOR_MAX:
        yield f"the balance {posting.balance} is beyond the largest there can be"


def _order_errors(state: _State, transaction: Transaction) -> Iterator[str]:
    """Yield why *transaction* cannot come after *state*."""
    command, at, last = transaction.command, transaction.booked_at, state.last_booked_at
    is_opening = isinstance(command, commands.OpenAccount)
    if is_opening and state.version != 0:
        yield "it is opened again"
    elif not is_opening and state.version == 0:
        yield "its history does not begin with its opening"
    if state.status is AccountStatus.CLOSED and not isinstance(
        command, commands.GrantAccess | commands.RevokeAccess
    ):
        yield "it was closed before"
    if last is not None and at < last:
        yield f"it was booked at {at}, before the one before it, at {last}"
    if isinstance(command, commands.ExpireHold):
        return
    for name, hold in state.holds.items():
        if hold.expires_at is not None and hold.expires_at <= at:
            yield f"hold {name} had expired, and its expiry was not recorded"


def _follow(  # noqa: C901, PLR0912  # a case for each command that does more than move money
    state: _State, transaction: Transaction, change: int
) -> Iterator[str]:
    """
    Do to *state* what the command does besides its *change* of the balance, and yield what is
    wrong with it; a `KeyError` names a hold or holder that is not there.
    """
    command = transaction.command
    match command:
        case commands.OpenAccount():
            limit = command.overdraft_limit
            state.overdraft_limit = 0 if limit is None else limit.amount_minor
            if command.holder is not None:
                state.holders[command.holder.value] = frozenset(Right)
        case commands.SetOverdraftLimit():
            state.overdraft_limit = command.overdraft_limit.amount_minor
        case commands.PlaceHold():
            state.holds[transaction.id.value] = _HoldState(
                command.amount.amount_minor, command.expires_at, command.description
            )
        case commands.CaptureHold():
            yield from _follow_capture(state, command, change)
        case commands.ReleaseHold():
            del state.holds[command.hold_id.value]
        case commands.ExtendHold():
            hold = state.holds[command.hold_id.value]
            state.holds[command.hold_id.value] = attrs.evolve(hold, expires_at=command.expires_at)
        case commands.ExpireHold():
            expires_at = state.holds.pop(command.hold_id.value).expires_at
            if expires_at != transaction.booked_at:
                yield f"the hold expired at {expires_at}, not at {transaction.booked_at}"
        case commands.Restrict():
            state.restriction = (command.restriction, command.reason, command.ends_at)
        case commands.CloseAccount():
            state.status = AccountStatus.CLOSED
            if state.balance + change or state.holds:
                yield f"it was closed with {state.balance + change} minor units or open holds"
        case commands.GrantAccess():
            state.holders[command.principal.value] = command.rights
        case commands.RevokeAccess():
            del state.holders[command.principal.value]


def _follow_capture(state: _State, command: commands.CaptureHold, change: int) -> Iterator[str]:
    hold = state.holds[command.hold_id.value]
    taken = hold.left if command.amount is None else command.amount.amount_minor
    if change != -taken:
        yield f"the amount is {change}, and {-taken} was to be captured"
    if taken > hold.left:
        yield f"{taken} was captured of a hold with {hold.left} left"
    if taken < hold.left and not command.final:
        state.holds[command.hold_id.value] = attrs.evolve(hold, captured=hold.captured + taken)
    else:
        del state.holds[command.hold_id.value]


def _state_errors(state: _State, account: Account) -> Iterator[str]:
    """Yield how the stored *account* differs from the *state* that its history leads to."""
    for name, stored, derived in (
        ("balance", account.balance.amount_minor, state.balance),
        ("held amount", account.held.amount_minor, state.held),
        ("overdraft limit", account.overdraft_limit.amount_minor, state.overdraft_limit),
        ("version", account.version, state.version),
        ("last booking", account.last_booked_at, state.last_booked_at),
        ("status", account.status.value, state.status.value),
    ):
        if stored != derived:
            yield f"its {name} is {stored}, and its history says {derived}"
    restriction = (account.restriction, account.restriction_reason, account.restriction_ends_at)
    if restriction != state.restriction:
        yield "its restriction is not what its history says"
    holds = [
        (
            hold.id.value,
            _HoldState(
                hold.amount.amount_minor,
                hold.expires_at,
                hold.description,
                hold.captured.amount_minor,
            ),
        )
        for hold in account.holds
    ]
    # The order in which they were placed is a part of the account.
    if holds != list(state.holds.items()):
        yield "its open holds are not what its history says"
    if {holder.principal.value: holder.rights for holder in account.holders} != state.holders:
        yield "its holders are not what its history says"
