"""
The audit: all that a store holds, compared with its own journal.

Decided here: what must be true of a whole store, worked out again in plain integers from the
commands in the journal, without the rules that booked them. An audit writes nothing. It reads the
journal once, with the state of each account in memory, and is right while others write: an account
is compared with its state at the version that was read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import attrs

from bankcore import commands
from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus, Restriction, Right
from bankcore.ledger._chain import GENESIS, content_of, next_head
from bankcore.ledger._checkpoint import Checkpoint, Progress, differences, to_checkpoint
from bankcore.ledger._errors import (
    AccountNotFoundError,
    InvalidCheckpointError,
    StoreCorruptedError,
    TransactionNotFoundError,
)
from bankcore.ledger._pages import PAGE_LENGTH, every_transaction
from bankcore.ledger._records import Posting, Refusal, Transaction
from bankcore.ledger._store import (
    AccountStore,
    Chained,
    ChainedPage,
    Cursor,
    SelfChecking,
    require_store,
)
from bankcore.money import Currency, Money
from bankcore.money._formatting import decimal_text
from bankcore.values import AccountId, Metadata
from bankcore.values._metadata import NO_METADATA


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
    audit = _Audit(store, 0 if kept is None else kept.records)
    if isinstance(store, SelfChecking):
        for what in store.integrity_errors():
            audit.add("the store's files", what)
    audit.follow_journal()
    audit.compare_accounts()
    if kept is not None:
        progress, where = audit.progress, f"the checkpoint of {kept.taken_at.isoformat()}"
        made = progress.checkpoint(kept.taken_at)
        for what in differences(kept, made, is_complete=audit.is_complete):
            audit.add(where, what)
    found = tuple(audit.found)
    return AuditReport(audit.accounts, audit.transactions, audit.refusals, found)


class _Audit:
    """An audit under way: how far it has read the journal, and the accounts' states there."""

    def __init__(self, store: AccountStore, kept_records: int) -> None:
        self.found: list[Disagreement] = []
        self.accounts = self.transactions = self.refusals = 0
        self.progress = Progress()
        self.is_complete = True  # False once a part of the journal could not be read
        self._store = store
        self._chained = store if isinstance(store, Chained) else None
        self._kept_records = kept_records
        self._after: Cursor | None = None
        self._states: dict[str, _State] = {}
        # How much of each original was reversed so far, in minor units.
        self._reversed: defaultdict[str, int] = defaultdict(int)
        # Accounts whose version the journal has not reached yet.
        self._ahead: dict[str, Account] = {}

    def add(self, where: str, what: str) -> None:
        self.found.append(Disagreement(where, what))

    def follow_journal(self) -> None:
        """Read on to the end of the journal."""
        while self._follow_page():
            pass

    def _follow_page(self) -> bool:
        """Follow the next page of the journal, and return whether there was one."""
        if not self.is_complete:
            return False
        read = self._store.journal if self._chained is None else self._chained.chained_journal
        try:
            page = read(after=self._after, limit=PAGE_LENGTH)
            hashes = page.hashes if isinstance(page, ChainedPage) else ()
            for number, record in enumerate(page.records):
                self._follow(record, hashes[number] if number < len(hashes) else ())
        except StoreCorruptedError as error:
            self.add("the journal", str(error))
            self.is_complete = False
        else:
            self._after = page.next
        return self.is_complete and bool(page.records)

    def _follow(self, record: Transaction | Refusal, hashes: Sequence[bytes]) -> None:
        is_kept = self.progress.records < self._kept_records
        content = content_of(record) if is_kept or self._chained is not None else b""
        if is_kept:
            self.progress.add(record, content)
        if isinstance(record, Refusal):
            self.refusals += 1
            return
        self.transactions += 1
        for what in _transaction_errors(self._store, record, self._taken_back(record)):
            self.add(f"transaction {record.id}", what)
        for number, posting in enumerate(record.postings):
            name = posting.account_id.value
            state = self._states.get(name)
            if state is None:
                state = self._states[name] = _State()
            errors = _posting_errors(state, record, posting)
            if self._chained is not None:
                stored = hashes[number] if number < len(hashes) else b""
                if stored != next_head(state.head, content):
                    errors.append(
                        f"its hash does not match transaction {record.id} and the hash before"
                    )
                # On from what is stored, so that one wrong hash is one disagreement.
                state.head = stored
            for what in errors:
                self.add(f"account {name}, version {posting.version}", what)
            if self._ahead and name in self._ahead and state.version >= self._ahead[name].version:
                self._compare(self._ahead.pop(name), state)

    def _taken_back(self, transaction: Transaction) -> int:
        """Return how much of its original was reversed before a reversal; 0 for any other."""
        if not isinstance(transaction.command, commands.Reverse):
            return 0
        name = transaction.command.original_id.value
        before = self._reversed[name]
        self._reversed[name] += max(_sizes(transaction), default=0)
        return before

    # -- Accounts --

    def compare_accounts(self) -> None:
        """Compare every account with its state, and read on where the journal has grown."""
        after: AccountId | None = None
        try:
            while accounts := self._store.accounts(after=after, limit=PAGE_LENGTH):
                self._compare_all(accounts)
                after = accounts[-1].id
        except StoreCorruptedError as error:
            self.add("the accounts", str(error))
            return
        for name, state in self._states.items():
            if not state.is_compared:
                self._look_for(name)

    def _compare_all(self, accounts: Sequence[Account]) -> None:
        for account in accounts:
            self.accounts += 1
            name = account.id.value
            state = self._states.setdefault(name, _State())
            state.is_compared = True
            if account.version > state.version:
                self._ahead[name] = account
            else:
                self._compare(account, state)
        while self._ahead and self._follow_page():
            pass
        for name, account in self._ahead.items():
            self._compare(account, self._states[name])
        self._ahead.clear()

    def _compare(self, account: Account, state: "_State") -> None:
        try:
            if not self.is_complete:
                self._follow_history(account, state)
            errors = [*_state_errors(state, account)]
            if self._chained is not None:
                version, head = self._chained.chain_head(account.id)
                # At another version, others have written since.
                if version == account.version and head != state.head:
                    errors.append("the head of its chain is not the hash of its last version")
        except StoreCorruptedError as error:
            errors = [str(error)]
        for what in errors:
            self.add(f"account {account.id}", what)

    def _follow_history(self, account: Account, state: "_State") -> None:
        """Go on with the account's history where the journal could not be read."""
        if account.version <= state.version:
            return
        for transaction in every_transaction(self._store, account.id, after=state.version):
            posting = transaction.posting(account.id)
            if posting.version > account.version:
                return
            for what in _posting_errors(state, transaction, posting):
                self.add(f"account {account.id}, version {posting.version}", what)
            state.head = next_head(state.head, content_of(transaction))

    def _look_for(self, name: str) -> None:
        # It may have been opened since.
        try:
            self._store.account(AccountId(name))
        except (AccountNotFoundError, StoreCorruptedError) as error:
            self.add(f"account {name}", f"the journal has its transactions, but: {error}")


# -- One transaction by itself -----------------------------------------------

# An account, and the signed change of its balance in minor units; None where only the account's
# history says how much.
_Change = tuple[AccountId, int | None]


def _sizes(transaction: Transaction) -> set[int]:
    return {abs(posting.amount.amount_minor) for posting in transaction.postings}


def _transaction_errors(
    store: AccountStore, transaction: Transaction, taken_back: int
) -> Iterator[str]:
    """Yield what is wrong; of what a reversal reverses, *taken_back* was reversed before."""
    if not transaction.postings:
        yield "it has no postings"
        return
    try:
        expected = _expected_changes(store, transaction, taken_back)
    except TransactionNotFoundError as error:
        yield f"it reverses what is not there: {error}"
        return
    booked = [(each.account_id, each.amount.amount_minor) for each in transaction.postings]
    currencies = {each.account_id: each.amount.currency for each in transaction.postings}
    if booked != expected and (
        len(booked) != len(expected)
        or any(
            found[0] != wanted[0] or wanted[1] not in {None, found[1]}
            for found, wanted in zip(booked, expected, strict=True)
        )
    ):
        listed = _listed(booked, currencies), _listed(expected, currencies)
        yield "its postings {} are not its command's {}".format(*listed)
    elif len(booked) > 1 and expected[0][1] is None and sum(each[1] for each in booked) != 0:
        yield f"its postings {_listed(booked, currencies)} do not add up to zero"
    yield from _currency_errors(transaction)
    given = transaction.command.booked_at
    if given is not None and given != transaction.booked_at:
        yield f"it was booked at {transaction.booked_at}, not at {given}"


def _expected_changes(  # noqa: C901, PLR0911  # a case for each command that moves money
    store: AccountStore, transaction: Transaction, taken_back: int
) -> Sequence[_Change]:
    """Return what the transaction's command does to the balances of accounts, debits first."""
    command = transaction.command
    match command:
        case commands.Deposit():
            return [(command.account_id, command.amount.amount_minor)]
        case commands.Withdraw(up_to=False):
            return [(command.account_id, -command.amount.amount_minor)]
        case commands.Transfer(up_to=False):
            amount = command.amount.amount_minor
            return [(command.source_id, -amount), (command.destination_id, amount)]
        case commands.OpenAccount():
            opened = command.account_id or transaction.account_id
            return [(opened, command.initial_balance.amount_minor)]
        case commands.Post():
            nets: dict[AccountId, int] = {}
            for account_id, leg in command.legs:
                nets[account_id] = nets.get(account_id, 0) + leg.amount_minor
            return _debits_first(nets.items())
        case commands.Reverse():
            return _debits_first(_opposite(store, command, taken_back))
        case commands.CaptureHold(amount=Money(amount_minor=taken), up_to=False):
            # To outside the bank, or to a second account.
            return [*zip(command.account_ids, (-taken, taken), strict=False)]
        case commands.Withdraw() | commands.Transfer() | commands.CaptureHold():
            return [(account_id, None) for account_id in command.account_ids]
        case commands.CloseAccount() if len(transaction.postings) > 1:
            # Swept to a second account.
            return [(account_id, None) for account_id in command.account_ids]
        case commands.CloseAccount():
            return [(command.account_id, 0)]
    return [(account_id, 0) for account_id in command.account_ids]


def _debits_first(changes: Iterable[tuple[AccountId, int]]) -> Sequence[_Change]:
    return sorted(changes, key=lambda change: change[1] >= 0)


def _opposite(
    store: AccountStore, command: commands.Reverse, taken_back: int
) -> list[tuple[AccountId, int]]:
    original = store.outcome(command.original_id)
    if not isinstance(original, Transaction):
        raise TransactionNotFoundError(command.original_id)
    opposites = [
        (each.account_id, -each.amount.amount_minor) for each in reversed(original.postings)
    ]
    sizes = _sizes(original)
    moved = max(sizes, default=0)
    part = moved - taken_back
    # Of what moved several amounts, there is no part.
    if command.amount is not None and len(sizes) == 1:
        part = min(part, command.amount.amount_minor)
    if part == moved:
        return opposites
    return [(account_id, part if change > 0 else -part) for account_id, change in opposites]


def _listed(changes: Sequence[_Change], currencies: Mapping[AccountId, Currency]) -> str:
    # An account that has no posting is of the currency of one that has.
    other = next(iter(currencies.values()))
    return ", ".join(
        f"{account_id} {'all that is left' if change is None else _shown(change, each)}"
        for account_id, change in changes
        for each in (currencies.get(account_id, other),)
    )


def _shown(amount_minor: int, currency: Currency | None) -> str:
    """Return how an amount is told, however wrong it is; None for a currency that is not known."""
    if currency is None:
        return str(amount_minor)
    return f"{currency.code} {decimal_text(amount_minor, currency.exponent)}"


def _currency_errors(transaction: Transaction) -> Iterator[str]:
    """Yield which postings are not in the currency that the command names for their account."""
    command = transaction.command
    of_legs = {account_id: amount.currency for account_id, amount in getattr(command, "legs", ())}
    named = _named_currency(command)
    for posting in transaction.postings:
        currency = of_legs.get(posting.account_id, named) if of_legs else named
        if currency is not None and posting.amount.currency != currency:
            yield f"{posting.amount} on {posting.account_id} is not in its command's currency"


def _named_currency(command: commands.Command) -> Currency | None:
    for name in ("amount", "initial_balance", "overdraft_limit"):
        money: Money | None = getattr(command, name, None)
        if money is not None:
            return money.currency
    return None


# -- One account along its history -------------------------------------------


@attrs.frozen(weakref_slot=False)
class _HoldState:
    """An open hold, its amounts in minor units."""

    amount: int
    expires_at: datetime | None
    description: str | None
    captured: int = 0

    @property
    def left(self) -> int:
        return self.amount - self.captured


# Until there is one: most accounts have no hold and no holder.
_NONE: Final[dict[str, Any]] = {}


@attrs.define(weakref_slot=False)
class _State:
    """
    An account's state and the head of its chain as the journal says, amounts in minor units.

    There is one of every account, so that its size counts.
    """

    balance: int = 0
    overdraft_limit: int = 0
    held: int = 0
    version: int = 0
    currency: Currency | None = None
    last_booked_at: datetime | None = None
    status: AccountStatus = AccountStatus.OPEN
    holds: dict[str, _HoldState] = _NONE
    #: No hold expires before; None if none does.
    expires_at: datetime | None = None
    restriction: tuple[Restriction, str | None, datetime | None] = (Restriction.NONE, None, None)
    holders: dict[str, frozenset[Right]] = _NONE
    metadata: Metadata = NO_METADATA
    head: bytes = GENESIS
    is_compared: bool = False

    @property
    def available(self) -> int:
        return self.balance - self.held + self.overdraft_limit

    def keep(self, name: str, hold: _HoldState) -> None:
        """Keep *hold* in the place of the one of this name, or as the last."""
        before = self.holds.get(name)
        self.held += hold.left - (0 if before is None else before.left)
        if not self.holds:
            self.holds = {}
        self.holds[name] = hold
        if hold.expires_at is not None and (
            self.expires_at is None or hold.expires_at < self.expires_at
        ):
            self.expires_at = hold.expires_at

    def end(self, name: str) -> _HoldState:
        """Remove the hold of this name and return it; a `KeyError` names one that is not there."""
        hold = self.holds.pop(name)
        self.held -= hold.left
        return hold

    def expired(self, at: datetime) -> list[str]:
        """Return the names of the holds that have expired at the instant."""
        if self.expires_at is None or at < self.expires_at:
            return []
        ends = {name: end for name, hold in self.holds.items() if (end := hold.expires_at)}
        self.expires_at = min(ends.values(), default=None)
        return [name for name, end in ends.items() if end <= at]


# The most frequent commands, which do nothing to an account but move its money.
_TAKES: Final = (commands.Withdraw, commands.Transfer)


def _posting_errors(state: _State, transaction: Transaction, posting: Posting) -> list[str]:
    """Return what is wrong with *posting* after *state*, and bring *state* up to it."""
    command, change = transaction.command, posting.amount.amount_minor
    errors = _order_errors(state, transaction)
    version, balance, available = state.version + 1, state.balance + change, state.available
    # In another account's command, this one is where its money goes.
    if isinstance(command, _TAKES):
        if command.up_to and posting.account_id == command.account_ids[0]:
            errors += _taking_errors(state, command.amount.amount_minor, change)
    elif type(command) is not commands.Deposit and (
        getattr(command, "account_id", None) in {None, posting.account_id}
    ):
        try:
            errors += _follow(state, transaction, change)
        except KeyError as error:
            errors.append(f"there is no open hold or holder {error.args[0]}")
    currency = posting.balance.currency
    stored = (
        posting.version,
        posting.balance.amount_minor,
        posting.held.amount_minor,
        posting.overdraft_limit.amount_minor,
    )
    derived = (version, balance, state.held, state.overdraft_limit)
    if stored != derived:
        names = ("version", "balance", "held amount", "overdraft limit")
        errors += (
            f"the {name} is {one if name == 'version' else _shown(one, currency)}, and"
            f" {other if name == 'version' else _shown(other, currency)} follows from what came"
            " before"
            for name, one, other in zip(names, stored, derived, strict=True)
            if one != other
        )
    if state.currency is None:
        state.currency = currency
    elif currency != state.currency:
        errors.append(f"the currency is {currency}, and the account's is another")
    # On from what is stored, so that one wrong posting is one disagreement.
    state.version, state.balance, _, state.overdraft_limit = stored
    state.last_booked_at = transaction.booked_at
    # The floor, posting by posting: sums alone would not show that it was broken. A lowered
    # limit may break it, and what does not lower `available` need not restore it.
    if state.available < min(0, available) and not isinstance(command, commands.SetOverdraftLimit):
        errors.append(f"{posting.balance} after {posting.amount} is below what was available")
    if abs(state.balance) > AMOUNT_MINOR_MAX:
        errors.append(f"the balance {posting.balance} is beyond the largest there can be")
    return errors


def _order_errors(state: _State, transaction: Transaction) -> list[str]:
    """Return why *transaction* cannot come after *state*."""
    errors = []
    command, at, last = transaction.command, transaction.booked_at, state.last_booked_at
    is_opening = isinstance(command, commands.OpenAccount)
    if is_opening and state.version != 0:
        errors.append("it is opened again")
    elif not is_opening and state.version == 0:
        errors.append("its history does not begin with its opening")
    if state.status is AccountStatus.CLOSED and not isinstance(
        command, commands.GrantAccess | commands.RevokeAccess
    ):
        errors.append("it was closed before")
    if last is not None and at < last:
        errors.append(f"it was booked at {at}, before the one before it, at {last}")
    if state.expires_at is not None and not isinstance(command, commands.ExpireHold):
        errors += (
            f"hold {name} had expired, and its expiry was not recorded"
            for name in state.expired(at)
        )
    return errors


def _up_to(state: _State, amount: int) -> int:
    """Return *amount*, or what is available where that is less; what takes nothing is refused."""
    return state.available if 0 < state.available < amount else amount


def _taking_errors(state: _State, amount: int, change: int) -> Iterator[str]:
    taken = _up_to(state, amount)
    if change != -taken:
        told = partial(_shown, currency=state.currency)
        yield f"the amount is {told(change)}, and {told(-taken)} was to be taken"


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
            state.metadata = command.metadata
            if command.holder is not None:
                state.holders = {command.holder.value: frozenset(Right)}
        case commands.SetOverdraftLimit():
            state.overdraft_limit = command.overdraft_limit.amount_minor
        case commands.PlaceHold():
            amount = command.amount.amount_minor
            if command.up_to:
                amount = _up_to(state, amount)
            hold = _HoldState(amount, command.expires_at, command.description)
            state.keep(transaction.id.value, hold)
        case commands.CaptureHold():
            yield from _follow_capture(state, command, change)
        case commands.ReleaseHold():
            state.end(command.hold_id.value)
        case commands.ExtendHold():
            name = command.hold_id.value
            state.keep(name, attrs.evolve(state.holds[name], expires_at=command.expires_at))
        case commands.ExpireHold():
            expires_at = state.end(command.hold_id.value).expires_at
            if expires_at != transaction.booked_at:
                yield f"the hold expired at {expires_at}, not at {transaction.booked_at}"
        case commands.Restrict():
            state.restriction = (command.restriction, command.reason, command.ends_at)
        case commands.CloseAccount():
            state.status = AccountStatus.CLOSED
            if state.balance + change or state.holds:
                rest = _shown(state.balance + change, state.currency)
                yield f"it was closed with {rest} or open holds"
        case commands.GrantAccess():
            state.holders = {**state.holders, command.principal.value: command.rights}
        case commands.RevokeAccess():
            del state.holders[command.principal.value]


def _follow_capture(state: _State, command: commands.CaptureHold, change: int) -> Iterator[str]:
    hold = state.holds[command.hold_id.value]
    taken = hold.left if command.amount is None else command.amount.amount_minor
    if command.up_to:
        taken = min(taken, hold.left)
    told = partial(_shown, currency=state.currency)
    if change != -taken:
        yield f"the amount is {told(change)}, and {told(-taken)} was to be captured"
    if taken > hold.left:
        yield f"{told(taken)} was captured of a hold with {told(hold.left)} left"
    if taken < hold.left and not command.final:
        state.keep(command.hold_id.value, attrs.evolve(hold, captured=hold.captured + taken))
    else:
        state.end(command.hold_id.value)


def _state_errors(state: _State, account: Account) -> Iterator[str]:
    """Yield how the stored *account* differs from the *state* that its history leads to."""
    currency = account.balance.currency
    for name, money, minor in (
        ("balance", account.balance, state.balance),
        ("held amount", account.held, state.held),
        ("overdraft limit", account.overdraft_limit, state.overdraft_limit),
    ):
        if money.amount_minor != minor:
            yield f"its {name} is {money}, and its history says {_shown(minor, currency)}"
    for name, stored, derived in (
        ("version", account.version, state.version),
        ("last booking", account.last_booked_at, state.last_booked_at),
        ("status", account.status.value, state.status.value),
    ):
        if stored != derived:
            yield f"its {name} is {stored}, and its history says {derived}"
    if state.currency is not None and account.balance.currency != state.currency:
        yield f"its currency is {account.balance.currency}, and its history says {state.currency}"
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
    if account.metadata != state.metadata:
        yield "its metadata are not what its history says"
