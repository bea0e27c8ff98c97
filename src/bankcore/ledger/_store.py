"""
The store contract: what `Bank` needs of storage, as values and protocols.

Decided here: what passes between the bank and a store, and what a store promises. A store is
any object with the methods of `AccountStore`; there is no base class.

The promises, which hold for every store:

- `AccountStore.transact` reads what the `ReadSet` names in one isolated unit, calls
  *decide* with it, and makes the `WriteSet` durable, all or nothing, before it returns.
- *decide* is pure and may be called more than once. If it raises, nothing is written
  and the exception passes unchanged.
- Two units that share an account, or an id, behave as if one ran after the other.
- A transaction id has one record, and a record never changes.

`bankcore.testing.check_store` tests any store against all of them, one check for each.

A store's optional abilities are protocols, tested by ``isinstance``: a wrapper must have their
methods itself, as ``__getattr__`` is not asked.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

import attrs

from bankcore.accounts import Account, Hold
from bankcore.commands import Reverse
from bankcore.ledger._errors import InvalidLimitError
from bankcore.ledger._find import TransactionQuery
from bankcore.ledger._records import Posting, Refusal, Transaction
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._errors import BankError, require_methods, shown

#: The most records that one read gives.
LIMIT_MAX: Final = 10_000


@attrs.frozen
class ReadSet:
    """
    The records and accounts that `decide` needs. No id occurs twice in one field.

    Attributes:
        transaction_ids: The ids whose records are needed.
        account_ids: The accounts that are needed.
        originals: The ids whose records are needed, with the accounts that these transactions
            touched and what has reversed them.
    """

    transaction_ids: tuple[TransactionId, ...]
    account_ids: tuple[AccountId, ...]
    originals: tuple[TransactionId, ...] = ()


@attrs.frozen
class Snapshot:
    """
    The values that a store has of all that a `ReadSet` names; what is absent has no entry.

    Attributes:
        recorded: The records under the ids.
        accounts: The accounts as they are.
        reversals: For each original that was reversed, the commands that reversed it, in the
            order in which they were booked, each with its transaction id.
    """

    recorded: Mapping[TransactionId, Transaction | Refusal]
    accounts: Mapping[AccountId, Account]
    reversals: Mapping[TransactionId, tuple[Reverse, ...]] = attrs.field(factory=dict)


def add_reversal(
    reversals: dict[TransactionId, tuple[Reverse, ...]], record: Transaction | Refusal
) -> None:
    """Add *record*, if it is a reversal, to those of its original, as a `Snapshot` has them."""
    if isinstance(record, Transaction) and type(record.command) is Reverse:
        original_id = record.command.original_id
        reversals[original_id] = (*reversals.get(original_id, ()), record.command)


@attrs.frozen
class WriteSet:
    """
    The accounts and records that a store has to write, as `decide` says.

    Attributes:
        accounts: The new state of every account that changed, each once; an account that
            was not in the snapshot is new.
        records: The records to append to the journal, in this order.
        outcomes: One for each command, for the caller; a store ignores them.
    """

    accounts: tuple[Account, ...] = ()
    records: tuple[Transaction | Refusal, ...] = ()
    outcomes: tuple[Transaction | BankError, ...] = ()


@attrs.frozen
class Cursor:
    """A position in the journal. The text is the store's own: keep it, do not make it."""

    token: str


@attrs.frozen
class Page:
    """
    Records of the journal in order, and the position after the last of them.

    An empty page means that there is no more yet; its ``next`` is the cursor that was given.
    """

    records: tuple[Transaction | Refusal, ...]
    next: Cursor | None


@attrs.frozen
class ChainedPage(Page):
    """
    A page of the journal with the hashes of the accounts' chains.

    Attributes:
        hashes: For each record, the hashes stored with its postings, in their order; of a
            refusal, none.
    """

    hashes: tuple[tuple[bytes, ...], ...]


class AccountStore(Protocol):
    """
    The storage of accounts and the journal.

    A *limit* outside 1 to 10,000 is an `InvalidLimitError`. A page has at most *limit* items, and
    may have fewer where they are large, such as transactions with many postings; only an empty
    page means that there are no more. Every method may raise a `StoreError`; those that name an
    account raise `AccountNotFoundError` if there is none.

    `Bank` calls a store with the types below, having checked what it was given. The stores of
    bankcore also take ids as text, and name a wrong argument in an `InvalidRequestError`.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        """
        Read, decide and write in one isolated unit, and return what *decide* gave once it is
        durable.

        Raises:
            StoreUnavailableError: Certainly nothing was written.
            OutcomeUnknownError: The commit failed, and may have been done.
        """

    def account(self, account_id: AccountId) -> Account:
        """Return the account as it is now."""

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        """Return the accounts whose ids come after *after*, in the order of their ids."""

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        """Return what is recorded under the id, or raise `TransactionNotFoundError`."""

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        """
        Return the records that follow *after*; raise `InvalidCursorError` if it is no cursor here.

        The order extends every account's order of versions, and no record that commits late is
        ever skipped. Records that share no account may come to another reader in another order.
        """

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        """Return the account's transactions in order of version, from version *after* + 1 on."""

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        """Return the account's last posting booked at or before *instant*, or None."""

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        """Return the open holds that expire before the instant, the earliest first."""


@runtime_checkable
class SelfChecking(Protocol):
    """Optional: a store that can check its own files."""

    def integrity_errors(self) -> Sequence[str]:
        """Return one sentence for each thing that is wrong with the files."""


@runtime_checkable
class Chained(Protocol):
    """
    Optional: a store that keeps the hash chain of each account, each hash written in the unit
    that writes its transaction.
    """

    def chain_head(self, account_id: AccountId) -> tuple[int, bytes]:
        """
        Return the account's version and the head of its chain, both of one moment.

        Raises:
            AccountNotFoundError: If there is no such account.
        """

    def chained_journal(self, *, after: Cursor | None = None, limit: int = 1000) -> ChainedPage:
        """Return what `journal` does, with the hashes that are stored with each record."""


@runtime_checkable
class HolderIndex(Protocol):
    """Optional: a store that finds the accounts of a holder without reading all accounts."""

    def accounts_of(
        self, holder: PrincipalId, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        """Return the accounts on which *holder* has rights, as `accounts` does."""


@runtime_checkable
class Finding(Protocol):
    """
    Optional: a store that finds transactions and accounts by what they say, without reading all.

    As everywhere, a page may have fewer items than *limit*, and only an empty one is the end.
    """

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        """
        Return the transactions that fit *query*, in the order of their times.

        Raises:
            AccountNotFoundError: If there is no account of an id in it.
            TransactionNotFoundError: If the one after which it begins is none.
        """

    def accounts_with(
        self, metadata: Metadata, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        """Return the accounts that have these *metadata*, at least one, as `accounts` does."""


@runtime_checkable
class Outlining(Protocol):
    """Optional: a store that reads an account without its holds, of which there may be many."""

    def outline(self, account_id: AccountId) -> Account:
        """Return the account as it is now, but for its holds: as if it had none."""


@runtime_checkable
class Probing(Protocol):
    """Optional: a store that can try whether it can write."""

    def probe(self) -> None:
        """Write something durable that changes nothing; raise a `StoreError` if that fails."""


@runtime_checkable
class HostBound(Protocol):
    """
    Optional: a store that may take part in a transaction of the application.

    If ``in_host_transaction`` is true, nothing is final before the application commits. `Bank`
    then runs no unit again: an `OutcomeUnknownError` goes to the application at once.
    """

    in_host_transaction: bool


@attrs.frozen
class StoreDescription:
    """
    A description of a store at this moment, for people to read.

    Attributes:
        engine: The name of what keeps the data, and its version.
        location: Where the data is.
        schema_version: The version of the tables.
        durability: Which failures the data survives, in a sentence.
        settings: The engine's settings on which this depends, read back from it.
        warnings: What to know about this engine, in sentences; mostly none.
    """

    engine: str
    location: str
    schema_version: int
    durability: str
    settings: Mapping[str, str | int]
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Describing(Protocol):
    """Optional: a store that can say what it is made of."""

    def describe(self) -> StoreDescription:
        """Return the engine, its settings as read back from it, and which failures it survives."""


# What every store must have: the methods of the contract.
_METHODS: Final = [name for name in vars(AccountStore) if not name.startswith("_")]


def require_store(store: object) -> None:
    """Raise `InvalidArgumentError` unless *store* has the methods of `AccountStore`."""
    example = "a store, such as SQLiteStore('bank.db') or MemoryStore()"
    require_methods(store, "store", _METHODS, example)


def require_limit(limit: object) -> int:
    """Return *limit*, or raise `InvalidLimitError` unless it is an ``int`` from 1 to 10,000."""
    if type(limit) is not int or not 1 <= limit <= LIMIT_MAX:
        reason = f"must be a whole number from 1 to {LIMIT_MAX:,}"
        raise InvalidLimitError(shown(limit), reason).about("limit")
    return limit
