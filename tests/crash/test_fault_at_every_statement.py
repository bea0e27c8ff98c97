"""
Something goes wrong with each statement that the store on PostgreSQL sends: all or nothing is
done, what is told is true, and the same call again comes to the same outcome.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import attrs
import psycopg
import pytest
from children import NOW, WRITES, bank_over, eur
from commit_cuts import TrustingStore

from bankcore import Account, Bank, BankError
from bankcore.access import Denial, Principal, Tokens
from bankcore.errors import OutcomeUnknownError, StoreUnavailableError
from bankcore.ledger import ReadSet, Refusal, Snapshot, Transaction, WriteSet, verify
from bankcore.stores import PostgresStore
from bankcore.values import AccountId, PrincipalId
from postgres_proxy import Cut, Error, Fault, Point, Proxy, Statement, Warn

Contents = tuple[tuple[Account, ...], tuple[Transaction | Refusal, ...]]

#: After these the store, or the bank over it, goes on by itself.
PASSING: Final[Sequence[Fault]] = (
    Error("40001"),
    Error("40P01"),
    Error("40003"),
    Error("57P01", is_fatal=True),
    Error("08006", is_fatal=True),
    Cut(Point.BEFORE),
    Cut(Point.SENT),
    Cut(Point.MIDDLE),
    Cut(Point.ANSWERED),
)
#: These the caller is told, and nothing was written.
REFUSING: Final[Sequence[Fault]] = (Error("55P03"), Error("25006"), Error("53100"))
#: Only a COMMIT may be told as failed when it was done.
AT_COMMIT: Final[Sequence[Fault]] = (
    Error("40003", is_done=True),
    Error("57P01", is_fatal=True, is_done=True),
    Warn("01000", "canceling wait for synchronous replication due to user request"),
)

#: Of all faults, every so many-th is tried at a statement, and others at the next.
_EVERY: Final = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 5

#: Returns the faults to be tried at the statement of this number.
FaultsAt = Callable[[int, bool], Sequence[Fault]]


@attrs.define
class Rig:
    """
    A store behind a proxy, another one beside it, and the contents that each attempt begins with.
    """

    proxy: Proxy
    store: PostgresStore
    beside: PostgresStore
    conninfo: str
    tables: Sequence[str] = ()

    def __attrs_post_init__(self) -> None:
        yesterday = NOW - timedelta(days=1)
        bank = bank_over(self.beside, now=yesterday)
        bank.open_account("alice", initial_balance=eur(90), transaction_id="t-1")
        bank.open_account("bob", initial_balance=eur(100), transaction_id="t-2")
        bank.open_account("dave", initial_balance=eur(5), transaction_id="t-4")
        bank.transfer("bob", "alice", eur(20), transaction_id="t-3")
        bank.place_hold("alice", eur(10), transaction_id="h-1")
        bank.place_hold(
            "bob", eur(10), expires_at=yesterday + timedelta(hours=1), transaction_id="h-2"
        )
        with psycopg.connect(self.conninfo) as connection:
            found = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'bankcore'"
            )
            self.tables = [name for (name,) in found]
            connection.execute("CREATE SCHEMA saved")
            for name in self.tables:
                connection.execute(f"CREATE TABLE saved.{name} AS TABLE bankcore.{name}")

    def begin_again(self) -> None:
        """Bring back the contents that each attempt begins with, and let the store connect."""
        self.proxy.plan = None
        with psycopg.connect(self.conninfo) as connection:
            # Neither triggers nor references are asked.
            connection.execute("SET session_replication_role = replica")
            connection.execute(f"TRUNCATE {', '.join(f'bankcore.{name}' for name in self.tables)}")
            for name in self.tables:
                connection.execute(f"INSERT INTO bankcore.{name} SELECT * FROM saved.{name}")
        self.store.account("alice")

    @property
    def contents(self) -> Contents:
        return tuple(self.beside.accounts()), self.beside.journal().records

    def plan_at(self, number: int, fault: Fault) -> list[Statement]:
        """Let *fault* happen at the *number*-th statement from now; return where it has."""
        first = len(self.proxy.statements)
        happened: list[Statement] = []

        def plan(statement: Statement) -> Fault | None:
            if statement.number != first + number:
                return None
            happened.append(statement)
            return fault

        self.proxy.plan = plan
        return happened


@contextmanager
def rig(postgres: str, store_class: type[PostgresStore] = PostgresStore) -> Iterator[Rig]:
    with (
        Proxy(postgres) as proxy,
        PostgresStore(postgres) as beside,
        store_class(proxy.conninfo) as store,
    ):
        yield Rig(proxy, store, beside, postgres)


def outcomes_of(store: PostgresStore, write: str) -> list[str]:
    """Do the write; the outcomes in words that do not say whether they are replays."""
    commands, is_atomic = WRITES[write]
    try:
        outcomes = bank_over(store).execute(commands, atomic=is_atomic)
    except (StoreUnavailableError, OutcomeUnknownError):
        raise
    except BankError as error:
        return [f"{error!r} {error.unused_ids}"]
    return [repr(outcome).replace("replayed=True", "replayed=False") for outcome in outcomes]


def problems_of(rig: Rig, write: str, faults_at: FaultsAt) -> tuple[list[str], int]:
    """
    Let faults happen at each statement of the *write*; return what was wrong, and how many
    happened.
    """
    rig.begin_again()
    before, at_first = rig.contents, len(rig.proxy.statements)
    expected = outcomes_of(rig.store, write)
    after = rig.contents
    statements = [each.is_commit for each in rig.proxy.statements[at_first:]]
    problems: list[str] = []
    done = 0
    for number, is_commit in enumerate(statements, 1):
        for fault in faults_at(number, is_commit):
            rig.begin_again()
            happened = rig.plan_at(number, fault)
            may_be = [after]
            try:
                told = outcomes_of(rig.store, write)
            except StoreUnavailableError as error:
                told, may_be = [repr(error)], [before]
            except OutcomeUnknownError as error:
                told, may_be = [repr(error)], [before, after]
            rig.proxy.plan = None
            done += len(happened)
            if told != expected and fault not in REFUSING:
                problems.append(f"{write}: {fault} at {happened}: {told}")
            elif rig.contents not in may_be:
                problems.append(f"{write}: {fault} at {happened}: {told}, and it is not so")
            elif outcomes_of(rig.store, write) != expected or rig.contents != after:
                problems.append(f"{write}: {fault} at {happened}: again, and it was not the same")
            problems += map(str, verify(rig.beside).disagreements)
    return problems, done


@pytest.mark.parametrize("write", WRITES)
def test_a_fault_at_any_statement_is_all_or_nothing(postgres: str, write: str) -> None:
    """
    Whatever goes wrong with whichever statement, what could be in another's way is tried again,
    what was in doubt is found out, and what is told as not done was not done.
    """
    turn = [*WRITES].index(write)

    def faults_at(number: int, is_commit: bool) -> Sequence[Fault]:
        every = (*PASSING, *REFUSING, *(AT_COMMIT if is_commit else ()))
        return every[(number + turn) % _EVERY :: _EVERY]

    with rig(postgres) as made:
        problems, done = problems_of(made, write, faults_at)

    assert [] == problems
    # At the least: it begins, locks, looks for ids and accounts, writes and commits.
    assert done >= 6 * len((*PASSING, *REFUSING)) // _EVERY


class DenyingStore(PostgresStore):
    """
    A broken store, which takes doubt for a failure.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except OutcomeUnknownError as error:
            raise StoreUnavailableError(error.reason) from error


@pytest.mark.parametrize("broken", [DenyingStore, TrustingStore])
def test_a_store_that_knows_more_than_it_can_is_found_out(
    postgres: str, broken: type[PostgresStore]
) -> None:
    """
    The same faults find a store that tells doubt as one or the other.
    """

    def faults_at(number: int, is_commit: bool) -> Sequence[Fault]:
        return (Error("40003"), *AT_COMMIT) if is_commit else ()

    with rig(postgres, broken) as made:
        problems, _ = problems_of(made, "deposit", faults_at)

    assert problems


# -- What never stops --------------------------------------------------------


def always(fault: Fault, *, at_commit: bool) -> Callable[[Statement], Fault | None]:
    return lambda statement: fault if statement.is_commit == at_commit and statement.sql else None


@pytest.mark.parametrize(
    ("fault", "at_commit", "error"),
    [
        (Error("40001"), False, StoreUnavailableError),
        (Error("40001"), True, StoreUnavailableError),
        (Error("40P01"), True, StoreUnavailableError),
        (Cut(Point.BEFORE), False, StoreUnavailableError),
        (Error("40003"), True, OutcomeUnknownError),
        (Cut(Point.ANSWERED), True, OutcomeUnknownError),
        (Warn("01000", "canceling the wait"), True, OutcomeUnknownError),
    ],
)
def test_what_never_stops_is_given_up(
    postgres: str, fault: Fault, at_commit: bool, error: type[BankError]
) -> None:
    """
    A server with which every statement, or every COMMIT, goes wrong is given up within the
    deadline, with an error that is true; afterwards the same call is done, once.
    """
    with rig(postgres) as made:
        made.begin_again()
        bank = Bank(made.store, clock=lambda: NOW, deadline=timedelta(seconds=0.5))
        made.proxy.plan = always(fault, at_commit=at_commit)
        with pytest.raises(error):
            bank.deposit("alice", eur(5), transaction_id="n-1")
        made.proxy.plan = None
        bank.deposit("alice", eur(5), transaction_id="n-1")

        assert eur(115) == made.beside.account("alice").balance


# -- What is kept apart from the ledger --------------------------------------


def record_denial(store: PostgresStore) -> None:
    denied = (PrincipalId("mary"), "deposit", (AccountId("alice"),), "denied", NOW)
    store.record_denial(Denial(*denied))


def add_token(store: PostgresStore) -> None:
    Tokens(store, clock=lambda: NOW).issue(Principal("mary"))


@pytest.mark.parametrize("write", [record_denial, add_token])
def test_what_is_kept_apart_is_written_once(
    postgres: str, write: Callable[[PostgresStore], None]
) -> None:
    """
    Whatever goes wrong with whichever statement, a denial or a token is there once if that is
    told, and not at all if it is told that it is not.
    """
    with rig(postgres) as made:
        made.begin_again()
        first = len(made.proxy.statements)
        write(made.store)
        statements = [each.is_commit for each in made.proxy.statements[first:]]
        for number, is_commit in enumerate(statements, 1):
            for fault in (*PASSING, *REFUSING, *(AT_COMMIT if is_commit else ())):
                made.begin_again()
                happened = made.plan_at(number, fault)
                may_be = {1}
                try:
                    write(made.store)
                except StoreUnavailableError:
                    assert fault in REFUSING, happened
                    may_be = {0}
                except OutcomeUnknownError:
                    assert is_commit, happened
                    may_be = {0, 1}
                made.proxy.plan = None

                assert happened
                assert len([*made.beside.denials(), *made.beside.tokens()]) in may_be, fault

    assert any(statements)


@pytest.mark.parametrize("fault", AT_COMMIT)
def test_a_revocation_in_doubt_is_not_told_as_done(postgres: str, fault: Fault) -> None:
    """
    A token that was revoked, as far as the store can tell, may be revoked again.
    """
    with rig(postgres) as made:
        tokens = Tokens(made.store, clock=lambda: NOW)
        issued = tokens.issue(Principal("mary"))
        made.proxy.plan = lambda statement: fault if statement.is_commit else None
        with pytest.raises(OutcomeUnknownError):
            tokens.revoke(issued.id)
        with pytest.raises(OutcomeUnknownError):
            made.store.probe()
        made.proxy.plan = None
        tokens.revoke(issued.id)

        assert tokens.authenticate(issued.text) is None
