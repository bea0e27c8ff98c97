"""Promises of a store on a connection that the application owns."""

from datetime import timedelta

from bankcore import Bank
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import OutcomeUnknownError, StoreMisuseError, TransactionNotFoundError
from bankcore.testing._conformance.failing import raises, require, require_equal
from bankcore.testing._conformance.helpers import ALICE, NOW, bank_over, contents_of, eur
from bankcore.testing._conformance.subject import HostConnection, Subject, check_of
from bankcore.testing._faults import Fault, FaultyStore


@check_of("host")
def a_row_and_a_deposit_are_committed_together(subject: Subject) -> None:
    """A booking and the application's own row are kept when the application commits."""
    host = _begun(subject)
    bank_over(host.store).deposit("alice", eur(5), transaction_id="t-2")
    host.write_row("paid")
    host.commit()

    require_equal((eur(15), ["paid"]), _in_the_end(host))


@check_of("host")
def a_row_and_a_deposit_vanish_together(subject: Subject) -> None:
    """
    A booking and the application's own row are gone when the application rolls back, and the
    id is unused.
    """
    host = _begun(subject)
    bank_over(host.store).deposit("alice", eur(5), transaction_id="t-2")
    host.write_row("paid")
    host.rollback()

    require_equal((eur(10), []), _in_the_end(host))
    host.begin()
    with raises(TransactionNotFoundError):
        bank_over(host.store).transaction("t-2")
    host.rollback()


@check_of("host")
def a_unit_outside_a_transaction_is_misuse(subject: Subject) -> None:
    """
    A unit outside a transaction of the application raises `StoreMisuseError`, and begins none.
    """
    host = _begun(subject)
    host.commit()
    with raises(StoreMisuseError):
        bank_over(host.store).deposit("alice", eur(5))

    require_equal((eur(10), []), _in_the_end(host))


@check_of("host")
def a_refusal_is_final_with_the_hosts_commit(subject: Subject) -> None:
    """A refusal is recorded when the application commits, and not if it rolls back."""
    host = _begun(subject)
    host.commit()
    for end, is_replayed in ((host.rollback, False), (host.commit, False), (host.rollback, True)):
        host.begin()
        with raises(InsufficientFundsError) as raised:
            bank_over(host.store).withdraw("alice", eur(50), transaction_id="t-2")
        end()

        require_equal(is_replayed, raised.error.replayed)


@check_of("host")
def a_failed_unit_leaves_the_hosts_transaction(subject: Subject) -> None:
    """If *decide* raises, the unit is undone, and what the application did before is kept."""
    host = _begun(subject)
    bank_over(host.store).deposit("alice", eur(5), transaction_id="t-2")
    host.write_row("paid")
    before = contents_of(host.store)

    def fail(_: Snapshot) -> WriteSet:
        raise RuntimeError("a bug")

    with raises(RuntimeError):
        host.store.transact(ReadSet((), (ALICE,)), fail)
    require_equal(before, contents_of(host.store))
    bank_over(host.store).deposit("alice", eur(1), transaction_id="t-3")
    host.commit()

    require_equal((eur(16), ["paid"]), _in_the_end(host))


@check_of("host")
def a_unit_is_undone_alone(subject: Subject) -> None:
    """
    If one record of a unit cannot be written, the unit alone is undone, and the application's
    transaction goes on.
    """
    host = _begun(subject)
    bank = bank_over(host.store)
    bank.deposit("alice", eur(5), transaction_id="t-2")
    booked = host.store.outcome(bank.transaction("t-2").id)
    richer = host.store.account(ALICE).deposit(eur(1), booked_at=NOW)
    with raises(Exception):
        host.store.transact(ReadSet((), (ALICE,)), lambda _: WriteSet((richer,), (booked,)))
    host.write_row("paid")
    host.commit()

    require_equal((eur(15), ["paid"]), _in_the_end(host))


@check_of("host")
def doubt_goes_to_the_application(subject: Subject) -> None:
    """
    A store on the application's connection has a true ``in_host_transaction``, and an
    `OutcomeUnknownError` goes to the application at once, without another attempt.
    """
    host = _begun(subject)
    faulty = FaultyStore(host.store, rate=0)
    faulty.inject(Fault.FAILED_AFTER_COMMIT)
    bank = Bank(faulty, clock=faulty.clock, timer=faulty.clock, max_clock_skew=timedelta(days=1))
    with raises(OutcomeUnknownError):
        bank.deposit("alice", eur(5))
    host.rollback()

    require(getattr(host.store, "in_host_transaction", False), "in_host_transaction is true")
    require_equal((1, 0.0), (len(faulty.trace), faulty.clock.monotonic()))


def _begun(subject: Subject) -> HostConnection:
    """Return a connection in a transaction; an account of ten cents is committed."""
    host = subject.host()
    host.begin()
    bank_over(host.store).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    host.commit()
    host.begin()
    return host


def _in_the_end(host: HostConnection) -> tuple[object, list[str]]:
    host.begin()
    balance, rows = host.store.account(ALICE).balance, host.rows()
    host.rollback()
    return balance, rows
