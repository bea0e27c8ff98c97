"""
The audit finds every way in which a store can disagree with its own journal.

Each tampering is made on a store in memory or by SQL on a SQLite file, on a bank that the
audit finds clean before.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, AccountId, Bank, Money, Posting, Refusal, Transaction, TransactionId
from bankcore.accounts import AccountStatus, Hold, Holder, Restriction
from bankcore.commands import (
    Deposit,
    OpenAccount,
    PlaceHold,
    Restrict,
    Reverse,
    SetOverdraftLimit,
    Withdraw,
)
from bankcore.errors import StoreCorruptedError
from bankcore.ledger import (
    AccountStore,
    Chained,
    ChainedPage,
    ReadSet,
    Snapshot,
    WriteSet,
    _audit,
    verify,
)
from bankcore.money import Currency
from bankcore.stores import MemoryStore, SQLiteStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EXPIRED_AT = NOON + timedelta(minutes=11, seconds=30)


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


def worked(store: Any) -> Any:
    """
    *store* after a few of every kind of operation.
    """
    instants = (NOON + timedelta(minutes=number) for number in range(100))
    bank = Bank(store, clock=lambda: next(instants))
    bank.open_account("alice", initial_balance=eur("100"), overdraft_limit=eur("50"))
    bank.open_account("bob", initial_balance=eur("0"), transaction_id="open-bob")
    bank.deposit("bob", eur("10"), transaction_id="d-1")
    bank.withdraw("alice", eur("120"), transaction_id="w-1")
    bank.transfer("bob", "alice", eur("5"), transaction_id="t-1")
    bank.execute([Deposit("nobody", eur("1"), transaction_id="refused-1")])
    return store


def lived(store: Any) -> Any:
    """
    *store* after every kind of operation, on carol (who keeps a hold, a restriction and a
    holder) and dora (who is closed).
    """
    instants = (NOON + timedelta(minutes=number) for number in range(100))
    bank = Bank(store, clock=lambda: next(instants))
    bank.open_account("carol", initial_balance=eur("100"), transaction_id="open-carol")
    bank.open_account("dora", initial_balance=eur("0"), transaction_id="open-dora")
    bank.post([("carol", eur("-10")), ("dora", eur("10"))], transaction_id="p-1")
    bank.post([("carol", eur("1")), ("carol", eur("-1"))], transaction_id="p-2")
    bank.reverse("p-1", transaction_id="r-1")
    bank.place_hold("carol", eur("20"), expires_at=NOON + timedelta(days=1), transaction_id="h-1")
    bank.capture_hold(
        "carol", "h-1", eur("5"), final=False, destination_id="dora", transaction_id="c-1"
    )
    bank.extend_hold("carol", "h-1", expires_at=NOON + timedelta(days=2), transaction_id="e-1")
    bank.capture_hold("carol", "h-1", transaction_id="c-2")
    bank.place_hold("carol", eur("3"), transaction_id="h-2")
    bank.release_hold("carol", "h-2", transaction_id="rel-1")
    bank.place_hold("carol", eur("4"), expires_at=EXPIRED_AT, transaction_id="h-3")
    bank.place_hold("carol", eur("6"), transaction_id="h-4")
    bank.set_overdraft_limit("carol", eur("30"), transaction_id="l-1")
    bank.grant_access("carol", "mary", ["read"], transaction_id="g-1")
    bank.grant_access("carol", "bert", ["read"], transaction_id="g-2")
    bank.revoke_access("carol", "bert", transaction_id="k-1")
    bank.close_account("dora", sweep_to="carol", transaction_id="x-1")
    bank.grant_access("dora", "mary", ["read"], transaction_id="g-3")
    bank.open_account("other", initial_balance=eur("0"), transaction_id="open-other")
    bank.close_account("other", sweep_to="carol", transaction_id="x-2")
    bank.restrict(
        "carol",
        Restriction.CREDITS,
        reason="theft",
        ends_at=NOON + timedelta(days=9),
        transaction_id="s-1",
    )
    return store


def findings(store: Any) -> list[str]:
    return [str(disagreement) for disagreement in verify(store).disagreements]


def test_a_worked_store_is_clean_and_counted() -> None:
    """An audit counts accounts, transactions and refusals, and finds nothing wrong."""
    report = verify(worked(MemoryStore()))

    assert (
        report.accounts,
        report.transactions,
        report.refusals,
        report.disagreements,
        report.is_clean,
    ) == (2, 5, 1, (), True)


def test_an_account_whose_id_was_made_is_held_against_its_opening() -> None:
    """An opening that names no account is compared with the account that it opened."""
    store = MemoryStore()
    bank = Bank(store, new_id=iter(["t-1", "made-1"]).__next__)
    bank.open_account(initial_balance=eur("5"))
    clean = findings(store)
    replaced_transaction(store, "t-1", command=OpenAccount(initial_balance=eur("6")))

    assert [] == clean
    assert (
        "transaction t-1: its postings made-1 EUR 5.00 are not its command's made-1 EUR 6.00"
    ) in findings(store)


def test_long_histories_are_read_page_by_page() -> None:
    """An account with more than one page of history is followed to its end."""
    store = MemoryStore()
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur("0"))
    bank.execute([Deposit("alice", eur("1"))] * 2_500)

    assert (verify(store).transactions, verify(store).disagreements) == (2_501, ())


def test_a_whole_life_is_clean() -> None:
    """An audit follows every kind of command, and finds nothing wrong."""
    report = verify(lived(MemoryStore()))

    assert (3, 23, ()) == (report.accounts, report.transactions, report.disagreements)


def replaced_account(store: MemoryStore, name: str = "alice", **changes: Any) -> None:
    key = ("account", name)
    store._kept[key] = attrs.evolve(store._kept[key], **changes)


def replaced_posting(store: MemoryStore, transaction_id: str, **changes: Any) -> None:
    """
    Change the first posting of a transaction, everywhere it is kept.
    """
    old: Transaction = store._kept["record", transaction_id]
    posting = attrs.evolve(old.postings[0], **changes)
    replace(store, old, attrs.evolve(old, postings=(posting, *old.postings[1:])))


def replace(store: MemoryStore, old: Transaction, new: Transaction) -> None:
    for key, kept in store._kept.items():
        if kept is old:
            store._kept[key] = new


def replaced_transaction(store: MemoryStore, transaction_id: str, **changes: Any) -> None:
    old: Transaction = store._kept["record", transaction_id]
    replace(store, old, attrs.evolve(old, **changes))


TAMPERINGS: list[tuple[str, Callable[[MemoryStore], None], str]] = [
    (
        "an account's balance",
        lambda store: replaced_account(store, balance=eur("99")),
        "account alice: its balance is EUR 99.00, and its history says EUR -15.00",
    ),
    (
        "an account's held amount",
        lambda store: replaced_account(store, holds=[Hold(id="h", amount=eur("1"))]),
        "account alice: its held amount is EUR 1.00, and its history says EUR 0.00",
    ),
    (
        "an account's overdraft limit",
        lambda store: replaced_account(store, overdraft_limit=eur("51")),
        "account alice: its overdraft limit is EUR 51.00, and its history says EUR 50.00",
    ),
    (
        "an account's version",
        lambda store: replaced_account(store, version=2),
        "account alice: its version is 2, and its history says 3",
    ),
    (
        "an account's last booking",
        lambda store: replaced_account(store, last_booked_at=NOON),
        "account alice: its last booking is",
    ),
    (
        "an account's status",
        lambda store: replaced_account(store, balance=eur("0"), status=AccountStatus.CLOSED),
        "account alice: its status is closed, and its history says open",
    ),
    (
        "a posting's amount",
        lambda store: replaced_posting(store, "w-1", amount=eur("-119")),
        "transaction w-1: its postings alice EUR -119.00 are not its command's alice EUR -120.00",
    ),
    (
        "a posting's balance",
        lambda store: replaced_posting(store, "w-1", balance=eur("-19")),
        "account alice, version 2: the balance is EUR -19.00, and EUR -20.00 follows",
    ),
    (
        "a posting's held amount",
        lambda store: replaced_posting(store, "w-1", held=eur("1")),
        "account alice, version 2: the held amount is EUR 1.00, and EUR 0.00 follows",
    ),
    (
        "a posting's overdraft limit",
        lambda store: replaced_posting(store, "w-1", overdraft_limit=eur("60")),
        "account alice, version 2: the overdraft limit is EUR 60.00, and EUR 50.00 follows",
    ),
    (
        "a posting's version",
        lambda store: replaced_posting(store, "w-1", version=3),
        "account alice, version 3: the version is 3, and 2 follows",
    ),
    (
        "a version that comes again",
        lambda store: replaced_posting(store, "w-1", version=1),
        "account alice, version 1: the version is 1, and 2 follows from what came before",
    ),
    (
        "a posting that is gone",
        lambda store: replaced_transaction(
            store, "t-1", postings=store._kept["record", "t-1"].postings[:1]
        ),
        "account alice: its version is 3, and its history says 2",
    ),
    (
        "a posting's currency",
        lambda store: replaced_posting(store, "w-1", balance=Money("-20", "USD")),
        "account alice, version 2: the currency is USD, and the account's is another",
    ),
    (
        "a command's amount",
        lambda store: replaced_transaction(store, "d-1", command=Deposit("bob", eur("11"))),
        "transaction d-1: its postings bob EUR 10.00 are not its command's bob EUR 11.00",
    ),
    (
        "a transfer's second leg",
        lambda store: replaced_transaction(
            store, "t-1", postings=store._kept["record", "t-1"].postings[:1]
        ),
        (
            "transaction t-1: its postings bob EUR -5.00 are not its command's bob"
            " EUR -5.00, alice EUR 5.00"
        ),
    ),
    (
        "all postings of a transaction",
        lambda store: replaced_transaction(store, "d-1", postings=()),
        "transaction d-1: it has no postings",
    ),
    (
        "a time before the one before it",
        lambda store: replaced_transaction(store, "w-1", booked_at=NOON - timedelta(days=1)),
        "account alice, version 2: it was booked at 2026-04-30 12:00:00+00:00, before",
    ),
    (
        "a given time that was not kept",
        lambda store: replaced_transaction(
            store, "d-1", command=Deposit("bob", eur("10"), booked_at=NOON)
        ),
        "transaction d-1: it was booked at",
    ),
    (
        "a second opening",
        lambda store: replaced_transaction(
            store, "d-1", command=store._kept["record", "open-bob"].command
        ),
        "account bob, version 2: it is opened again",
    ),
    (
        "no opening",
        lambda store: replaced_transaction(
            store, "open-bob", command=store._kept["record", "d-1"].command
        ),
        "account bob, version 1: its history does not begin with its opening",
    ),
    (
        "a floor that was broken with all sums right",
        lambda store: replaced_transaction(
            store,
            store._kept["history", "alice", 1].id.value,
            command=attrs.evolve(
                store._kept["history", "alice", 1].command, overdraft_limit=eur("0")
            ),
            postings=(
                attrs.evolve(
                    store._kept["history", "alice", 1].postings[0], overdraft_limit=eur("0")
                ),
            ),
        ),
        "account alice, version 2: the overdraft limit is EUR 50.00, and EUR 0.00 follows",
    ),
]


def replaced_command(store: MemoryStore, transaction_id: str, **changes: Any) -> None:
    record = store._kept["record", transaction_id]
    replaced_transaction(store, transaction_id, command=attrs.evolve(record.command, **changes))


def without_original(store: MemoryStore) -> None:
    del store._kept["record", "p-1"]


def refused_original(store: MemoryStore) -> None:
    command = store._kept["record", "p-1"].command
    store._kept["record", "p-1"] = Refusal(
        TransactionId("p-1"), command, NOON, "account_not_found", {"account_id": AccountId("x")}
    )


def unequal_legs(store: MemoryStore, transaction_id: str) -> None:
    """
    A cent more on the second account than was taken from the first.
    """
    old: Transaction = store._kept["record", transaction_id]
    first, second = old.postings
    second = attrs.evolve(second, amount=second.amount + eur("0.01"))
    replace(store, old, attrs.evolve(old, postings=(first, second)))


def unequal_capture(store: MemoryStore) -> None:
    replaced_command(store, "c-1", amount=None)
    unequal_legs(store, "c-1")


def held_below_the_floor(store: MemoryStore) -> None:
    replaced_posting(store, "h-2", held=eur("100"))
    replaced_command(store, "h-2", amount=eur("100"))


LATER = datetime(2027, 1, 1, tzinfo=UTC)

# What is tampered with after a whole life, and what the audit says of it.
LIFE_TAMPERINGS: list[tuple[str, Callable[[MemoryStore], None], str]] = [
    (
        "an open hold's amount",
        lambda store: replaced_account(store, "carol", holds=[Hold(id="h-4", amount=eur("5"))]),
        "account carol: its held amount is EUR 5.00, and its history says EUR 6.00",
    ),
    (
        "an open hold's id",
        lambda store: replaced_account(store, "carol", holds=[Hold(id="h-9", amount=eur("6"))]),
        "account carol: its open holds are not what its history says",
    ),
    (
        "an open hold's expiry",
        lambda store: replaced_account(
            store, "carol", holds=[Hold(id="h-4", amount=eur("6"), expires_at=LATER)]
        ),
        "account carol: its open holds are not what its history says",
    ),
    (
        "an account's restriction",
        lambda store: replaced_account(store, "carol", restriction=Restriction.ALL),
        "account carol: its restriction is not what its history says",
    ),
    (
        "an account's restriction's reason",
        lambda store: replaced_account(store, "carol", restriction_reason="loss"),
        "account carol: its restriction is not what its history says",
    ),
    (
        "an account's restriction's end",
        lambda store: replaced_account(store, "carol", restriction_ends_at=None),
        "account carol: its restriction is not what its history says",
    ),
    (
        "an account's holders",
        lambda store: replaced_account(store, "carol", holders=()),
        "account carol: its holders are not what its history says",
    ),
    (
        "a holder's rights",
        lambda store: replaced_account(store, "carol", holders=[Holder("mary", ["debit"])]),
        "account carol: its holders are not what its history says",
    ),
    (
        "a closed account that is open",
        lambda store: replaced_account(store, "dora", status=AccountStatus.OPEN),
        "account dora: its status is open, and its history says closed",
    ),
    (
        "the leg of a post",
        lambda store: replaced_command(
            store, "p-1", legs=[("carol", eur("-9")), ("dora", eur("9"))]
        ),
        (
            "transaction p-1: its postings carol EUR -10.00, dora EUR 10.00 are"
            " not its command's carol EUR -9.00,"
        ),
    ),
    (
        "the account of a leg",
        lambda store: replaced_command(
            store, "p-1", legs=[("carol", eur("-10")), ("zoe", eur("10"))]
        ),
        (
            "transaction p-1: its postings carol EUR -10.00, dora EUR 10.00 are"
            " not its command's carol EUR -10.00,"
        ),
    ),
    (
        "the order of a post",
        lambda store: replaced_transaction(
            store, "p-1", postings=store._kept["record", "p-1"].postings[::-1]
        ),
        (
            "transaction p-1: its postings dora EUR 10.00, carol EUR -10.00 are"
            " not its command's carol EUR -10.00"
        ),
    ),
    (
        "the currency of a post",
        lambda store: replaced_command(
            store, "p-1", legs=[("carol", Money("-10", "USD")), ("dora", Money("10", "USD"))]
        ),
        "transaction p-1: EUR -10.00 on carol is not in its command's currency",
    ),
    (
        "the currency of an opening",
        lambda store: replaced_command(store, "open-carol", initial_balance=Money("100", "USD")),
        "transaction open-carol: EUR 100.00 on carol is not in its command's currency",
    ),
    (
        "the currency of a limit",
        lambda store: replaced_command(store, "l-1", overdraft_limit=Money("30", "USD")),
        "transaction l-1: EUR 0.00 on carol is not in its command's currency",
    ),
    (
        "the currency of a capture",
        lambda store: replaced_command(store, "c-1", amount=Money("5", "USD")),
        "transaction c-1: EUR -5.00 on carol is not in its command's currency",
    ),
    (
        "the amount of a reversal",
        lambda store: replaced_posting(store, "r-1", amount=eur("-9")),
        (
            "transaction r-1: its postings dora EUR -9.00, carol EUR 10.00 are not"
            " its command's dora EUR -10.00"
        ),
    ),
    (
        "an original that is gone",
        without_original,
        "transaction r-1: it reverses what is not there: There is no transaction p-1.",
    ),
    (
        "an original that was refused",
        refused_original,
        "transaction r-1: it reverses what is not there: There is no transaction p-1.",
    ),
    (
        "the amount of a capture",
        lambda store: replaced_command(store, "c-1", amount=eur("4")),
        (
            "transaction c-1: its postings carol EUR -5.00, dora EUR 5.00 are not"
            " its command's carol EUR -4.00"
        ),
    ),
    (
        "the amount of a capture, on its account",
        lambda store: replaced_command(store, "c-1", amount=eur("4")),
        "account carol, version 6: the amount is EUR -5.00, and EUR -4.00 was to be captured",
    ),
    (
        "a capture of all that is left that took less",
        lambda store: replaced_posting(store, "c-2", amount=eur("-14")),
        "account carol, version 8: the amount is EUR -14.00, and EUR -15.00 was to be captured",
    ),
    (
        "a capture of more than is left",
        lambda store: replaced_command(store, "h-1", amount=eur("4")),
        "account carol, version 6: EUR 5.00 was captured of a hold with EUR 4.00 left",
    ),
    (
        "a final capture that left the rest",
        lambda store: replaced_command(store, "c-1", final=True),
        (
            "account carol, version 6: the held amount is EUR 15.00, and EUR 0.00"
            " follows from what came before"
        ),
    ),
    (
        "a capture of a hold that was none",
        lambda store: replaced_command(store, "c-2", hold_id="h-9"),
        "account carol, version 8: there is no open hold or holder h-9",
    ),
    (
        "a capture to elsewhere",
        lambda store: replaced_command(store, "c-1", destination_id=None),
        (
            "transaction c-1: its postings carol EUR -5.00, dora EUR 5.00 are not"
            " its command's carol EUR -5.00"
        ),
    ),
    (
        "a capture whose sides differ",
        unequal_capture,
        "transaction c-1: its postings carol EUR -5.00, dora EUR 5.01 do not add up to zero",
    ),
    (
        "a sweep whose sides differ",
        lambda store: unequal_legs(store, "x-1"),
        "transaction x-1: its postings dora EUR -5.00, carol EUR 5.01 do not add up to zero",
    ),
    (
        "a release of a hold that was none",
        lambda store: replaced_command(store, "rel-1", hold_id="h-1"),
        "account carol, version 10: there is no open hold or holder h-1",
    ),
    (
        "an extension of a hold that was none",
        lambda store: replaced_command(store, "e-1", hold_id="h-9"),
        "account carol, version 7: there is no open hold or holder h-9",
    ),
    (
        "an extension up to too early",
        lambda store: replaced_command(store, "e-1", expires_at=NOON + timedelta(minutes=8)),
        "account carol, version 8: hold h-1 had expired, and its expiry was not recorded",
    ),
    (
        "a hold that expired earlier than recorded",
        lambda store: replaced_command(store, "h-3", expires_at=EXPIRED_AT - timedelta(seconds=1)),
        "account carol, version 12: the hold expired at 2026-05-01 12:11:29+00:00, not at",
    ),
    (
        "a hold placed for another amount",
        lambda store: replaced_command(store, "h-4", amount=eur("5")),
        (
            "account carol, version 13: the held amount is EUR 6.00, and EUR 5.00"
            " follows from what came before"
        ),
    ),
    (
        "a limit set to another",
        lambda store: replaced_command(store, "l-1", overdraft_limit=eur("31")),
        "account carol, version 14: the overdraft limit is EUR 30.00, and EUR 31.00 follows",
    ),
    (
        "a limit that an opening set",
        lambda store: replaced_command(store, "open-carol", overdraft_limit=eur("1")),
        "account carol, version 1: the overdraft limit is EUR 0.00, and EUR 1.00 follows",
    ),
    (
        "a restriction of another kind",
        lambda store: replaced_command(store, "s-1", restriction=Restriction.DEBITS),
        "account carol: its restriction is not what its history says",
    ),
    (
        "a grant of other rights",
        lambda store: replaced_command(store, "g-1", rights=["debit"]),
        "account carol: its holders are not what its history says",
    ),
    (
        "a revocation from one who held none",
        lambda store: replaced_command(store, "k-1", principal="zoe"),
        "account carol, version 17: there is no open hold or holder zoe",
    ),
    (
        "a closing that left money",
        lambda store: replaced_posting(store, "x-1", amount=eur("-4"), balance=eur("1")),
        "account dora, version 5: it was closed with EUR 1.00 or open holds",
    ),
    (
        "a closing that left a hold",
        lambda store: replaced_transaction(
            store, "r-1", command=PlaceHold("dora", eur("1"), transaction_id="r-1")
        ),
        "account dora, version 5: it was closed with EUR 0.00 or open holds",
    ),
    (
        "a closing that moved nothing, with a posting that did",
        lambda store: replaced_posting(store, "x-2", amount=eur("1")),
        "transaction x-2: its postings other EUR 1.00 are not its command's other EUR 0.00",
    ),
    (
        "something on a closed account",
        lambda store: replaced_transaction(
            store, "g-3", command=Restrict("dora", Restriction.NONE, transaction_id="g-3")
        ),
        "account dora, version 6: it was closed before",
    ),
    (
        "a command that moves nothing, with a posting that did",
        lambda store: replaced_posting(store, "g-1", amount=eur("1")),
        "transaction g-1: its postings carol EUR 1.00 are not its command's carol EUR 0.00",
    ),
    (
        "a held amount below the floor",
        held_below_the_floor,
        "account carol, version 9: EUR 80.00 after EUR 0.00 is below what was available",
    ),
]


def taken_up_to(store: Any) -> Any:
    """
    *store* after each of the commands that take up to an amount.
    """
    bank = Bank(store)
    bank.open_account("erin", initial_balance=eur("100"), overdraft_limit=eur("10"))
    bank.open_account("finn", initial_balance=eur("0"))
    bank.withdraw("erin", eur("30"), up_to=True, transaction_id="w-1")
    bank.place_hold("erin", eur("20"), up_to=True, transaction_id="h-1")
    bank.transfer("erin", "finn", eur("90"), up_to=True, transaction_id="t-1")
    bank.capture_hold("erin", "h-1", eur("5"), final=False, up_to=True, transaction_id="c-1")
    bank.capture_hold("erin", "h-1", eur("90"), up_to=True, transaction_id="c-2")
    bank.place_hold("finn", eur("90"), up_to=True, transaction_id="h-2")
    return store


UP_TO_TAMPERINGS: list[tuple[str, Callable[[MemoryStore], None], str]] = [
    (
        "a withdrawal of less than was there",
        lambda store: replaced_command(store, "w-1", amount=eur("31")),
        "account erin, version 2: the amount is EUR -30.00, and EUR -31.00 was to be taken",
    ),
    (
        "a withdrawal of more than was asked for",
        lambda store: replaced_command(store, "w-1", amount=eur("29")),
        "account erin, version 2: the amount is EUR -30.00, and EUR -29.00 was to be taken",
    ),
    (
        "a transfer of less than was there",
        lambda store: replaced_posting(store, "t-1", amount=eur("-59")),
        "account erin, version 4: the amount is EUR -59.00, and EUR -60.00 was to be taken",
    ),
    (
        "a transfer of more than was asked for",
        lambda store: replaced_command(store, "t-1", amount=eur("59")),
        "account erin, version 4: the amount is EUR -60.00, and EUR -59.00 was to be taken",
    ),
    (
        "a transfer whose sides differ",
        lambda store: unequal_legs(store, "t-1"),
        "transaction t-1: its postings erin EUR -60.00, finn EUR 60.01 do not add up to zero",
    ),
    (
        "a hold of less than was there",
        lambda store: replaced_command(store, "h-1", amount=eur("21")),
        "account erin, version 3: the held amount is EUR 20.00, and EUR 21.00 follows from",
    ),
    (
        "a hold of more than was there",
        lambda store: replaced_posting(store, "h-2", held=eur("61")),
        "account finn, version 3: the held amount is EUR 61.00, and EUR 60.00 follows from",
    ),
    (
        "a capture of less than was left",
        lambda store: replaced_posting(store, "c-2", amount=eur("-14")),
        "account erin, version 6: the amount is EUR -14.00, and EUR -15.00 was to be captured",
    ),
    (
        "a capture of more than was asked for",
        lambda store: replaced_command(store, "c-1", amount=eur("4")),
        "account erin, version 5: the amount is EUR -5.00, and EUR -4.00 was to be captured",
    ),
    (
        "a withdrawal where nothing was",
        lambda store: replaced_transaction(
            store,
            "h-2",
            command=Withdraw("finn", eur("1"), up_to=True, transaction_id="h-2"),
            postings=(
                attrs.evolve(
                    store._kept["record", "h-2"].postings[0],
                    amount=eur("0"),
                    balance=eur("60"),
                    held=eur("0"),
                ),
            ),
        ),
        "account finn, version 3: the amount is EUR 0.00, and EUR -1.00 was to be taken",
    ),
]


def refunded(store: Any) -> Any:
    """
    *store* after a transfer that was reversed in parts, and a post that was reversed whole.
    """
    bank = Bank(store)
    for name in ("gina", "hugo", "iris"):
        bank.open_account(name, initial_balance=eur("100"))
    bank.transfer("gina", "hugo", eur("50"), transaction_id="t-1")
    bank.reverse("t-1", eur("20"), transaction_id="r-1")
    bank.reverse("t-1", eur("10"), transaction_id="r-2")
    bank.reverse("t-1", transaction_id="r-3")
    legs = [("gina", eur("-5")), ("hugo", eur("3")), ("iris", eur("2"))]
    bank.post(legs, transaction_id="p-1")
    bank.reverse("p-1", transaction_id="r-4")
    return store


REFUND_TAMPERINGS: list[tuple[str, Callable[[MemoryStore], None], str]] = [
    (
        "a part of another amount",
        lambda store: replaced_command(store, "r-1", amount=eur("21")),
        (
            "transaction r-1: its postings hugo EUR -20.00, gina EUR 20.00 are not its command's"
            " hugo EUR -21.00, gina EUR 21.00"
        ),
    ),
    (
        "a part of more than was left",
        lambda store: replaced_command(store, "t-1", amount=eur("25")),
        "transaction t-1: its postings gina EUR -50.00, hugo EUR 50.00 are not",
    ),
    (
        "a rest that is no rest",
        lambda store: replaced_command(store, "r-2", amount=None),
        (
            "transaction r-2: its postings hugo EUR -10.00, gina EUR 10.00 are not its command's"
            " hugo EUR -30.00, gina EUR 30.00"
        ),
    ),
    (
        "a part after all was reversed",
        lambda store: replaced_command(store, "r-4", original_id="t-1"),
        (
            "transaction r-4: its postings iris EUR -2.00, hugo EUR -3.00, gina EUR 5.00 are not"
            " its command's hugo EUR 0.00, gina EUR 0.00"
        ),
    ),
    (
        "a second reversal of another",
        lambda store: replaced_command(store, "r-3", original_id="p-1"),
        "transaction r-4: its postings iris EUR -2.00, hugo EUR -3.00, gina EUR 5.00 are not its",
    ),
    (
        "a part of a post",
        lambda store: replaced_transaction(
            store,
            "r-4",
            command=Reverse("p-1", eur("2"), transaction_id="r-4"),
            postings=tuple(
                attrs.evolve(each, amount=eur("2") if each.amount > eur("0") else -eur("2"))
                for each in store._kept["record", "r-4"].postings
            ),
        ),
        (
            "transaction r-4: its postings iris EUR -2.00, hugo EUR -2.00, gina EUR 2.00 are not"
            " its command's iris EUR -2.00, hugo EUR -3.00, gina EUR 5.00"
        ),
    ),
]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [case[1:] for case in REFUND_TAMPERINGS],
    ids=[case[0] for case in REFUND_TAMPERINGS],
)
def test_all_reversals_together_are_worked_out_again(
    tamper: Callable[[MemoryStore], None], expected: str
) -> None:
    """What reversals leave of their original is added up, and an audit names what is more."""
    store = refunded(MemoryStore())
    clean = findings(store)
    tamper(store)
    found = findings(store)

    assert [] == clean
    assert any(finding.startswith(expected) for finding in found), found


def test_a_reversal_beyond_its_original_is_named() -> None:
    """Where a store lets more be reversed than was moved, each account is right by itself."""

    class Forgetful(MemoryStore):
        def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
            return super().transact(
                reads, lambda snapshot: decide(attrs.evolve(snapshot, reversals={}))
            )

    store = Forgetful()
    bank = Bank(store)
    bank.open_account("gina", initial_balance=eur("100"))
    bank.deposit("gina", eur("5"), transaction_id="d-1")
    bank.reverse("d-1", eur("3"), transaction_id="r-1")
    bank.reverse("d-1", eur("3"), transaction_id="r-2")
    bank.reverse("d-1", transaction_id="r-3")

    assert [
        "transaction r-2: its postings gina EUR -3.00 are not its command's gina EUR -2.00",
        "transaction r-3: its postings gina EUR -5.00 are not its command's gina EUR 1.00",
    ] == findings(store)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [case[1:] for case in UP_TO_TAMPERINGS],
    ids=[case[0] for case in UP_TO_TAMPERINGS],
)
def test_what_was_taken_up_to_an_amount_is_worked_out_again(
    tamper: Callable[[MemoryStore], None], expected: str
) -> None:
    """What was there decides how much was taken, and an audit names what was more or less."""
    store = taken_up_to(MemoryStore())
    clean = findings(store)
    tamper(store)
    found = findings(store)

    assert [] == clean
    assert any(finding.startswith(expected) for finding in found), found


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [case[1:] for case in LIFE_TAMPERINGS],
    ids=[case[0] for case in LIFE_TAMPERINGS],
)
def test_what_was_changed_in_a_life_is_named(
    tamper: Callable[[MemoryStore], None], expected: str
) -> None:
    """Whatever of a hold, a limit, a holder, a closing or a reversal was changed is named."""
    store = lived(MemoryStore())
    tamper(store)

    found = findings(store)

    assert any(finding.startswith(expected) for finding in found), found


@pytest.mark.parametrize(
    ("tamper", "expected"), [case[1:] for case in TAMPERINGS], ids=[case[0] for case in TAMPERINGS]
)
def test_what_was_changed_is_named(tamper: Callable[[MemoryStore], None], expected: str) -> None:
    """An audit names the account or transaction that was tampered with, and the fact."""
    store = worked(MemoryStore())
    tamper(store)

    found = findings(store)

    assert any(finding.startswith(expected) for finding in found), found


def broken_floor(snapshot: Snapshot) -> WriteSet:
    """
    Decide as rules without a floor would: a withdrawal of more than is available.
    """
    bob = snapshot.accounts[AccountId("bob")]
    at = NOON + timedelta(hours=1)
    after = attrs.evolve(bob, balance=eur("-15"), version=4, last_booked_at=at)
    posting = Posting(bob.id, eur("-20"), after.balance, after.held, after.overdraft_limit, 4)
    command = Withdraw("bob", eur("20"), transaction_id="w-2")
    return WriteSet((after,), (Transaction(TransactionId("w-2"), command, at, (posting,)),))


def test_a_broken_floor_is_found_where_every_sum_is_right() -> None:
    """An audit checks floors posting by posting: sums alone would find nothing here."""
    store = worked(MemoryStore())
    store.transact(ReadSet((), (AccountId("bob"),)), broken_floor)

    assert findings(store) == [
        "account bob, version 4: EUR -15.00 after EUR -20.00 is below what was available"
    ]


def test_a_lowered_limit_breaks_no_floor() -> None:
    """A limit below its use, and what does not lower available after it, is no disagreement."""
    store = worked(MemoryStore())
    bank = Bank(store, clock=lambda: NOON + timedelta(days=1))
    bank.place_hold("alice", eur("5"), transaction_id="h-1")
    bank.execute([SetOverdraftLimit("alice", eur("0"))])
    bank.deposit("alice", eur("1"))
    bank.capture_hold("alice", "h-1", eur("2"), final=False)
    bank.release_hold("alice", "h-1")

    assert (findings(store), eur("-16")) == ([], bank.account("alice").available)


def test_a_hold_keeps_its_place(store: AccountStore) -> None:
    """Captured in part, or extended, a hold stays before those that were placed after it."""
    bank = Bank(store, clock=lambda: NOON)
    bank.open_account("alice", initial_balance=eur("10"))
    for name in ("h-1", "h-2", "h-3"):
        bank.place_hold(
            "alice", eur("2"), expires_at=NOON + timedelta(hours=1), transaction_id=name
        )
    bank.capture_hold("alice", "h-1", eur("1"), final=False)
    bank.extend_hold("alice", "h-2", expires_at=NOON + timedelta(hours=2))

    assert ["h-1", "h-2", "h-3"] == [hold.id.value for hold in bank.holds("alice")]
    assert verify(store).is_clean


def test_a_balance_beyond_the_bound_is_found() -> None:
    """An audit checks the bound of balances too."""
    store = worked(MemoryStore())
    replaced_posting(store, "w-1", balance=Money.from_minor(-(10**18), "EUR"))

    assert any("beyond the largest" in finding for finding in findings(store))


def test_a_journal_that_ends_early_is_found() -> None:
    """An account whose last postings are gone does not have the version it says."""
    store = worked(MemoryStore())
    replaced_account(store, version=7)

    assert any("its version is 7, and its history says 3" in each for each in findings(store))


def with_hashes(store: MemoryStore, change: Callable[[Any], Any]) -> None:
    """
    Change what *store* says of the hashes of each page.
    """

    def chained_journal(*, after: Any = None, limit: int = 1000) -> ChainedPage:
        page = MemoryStore.chained_journal(store, after=after, limit=limit)
        return attrs.evolve(page, hashes=change(page.hashes))

    store.chained_journal = chained_journal  # type: ignore[method-assign]  # of this one store


def test_hashes_that_are_missing_are_found() -> None:
    """A store with fewer hashes than postings is named at each that has none."""
    for change, versions in (
        (lambda hashes: hashes[:2], ["bob, version 2", "alice, version 2", "bob, version 3"]),
        (lambda hashes: [each[:1] for each in hashes], ["alice, version 3"]),
    ):
        store = worked(MemoryStore())
        with_hashes(store, change)

        found = findings(store)

        for each in versions:
            assert any(f"account {each}: its hash does not match" in one for one in found), found


def test_an_account_that_is_gone_is_found() -> None:
    """Transactions of an account that is not there are a disagreement."""
    store = worked(MemoryStore())
    del store._kept["account", "bob"]
    store._kept["count",] = 1

    assert findings(store) == [
        "account bob: the journal has its transactions, but: There is no account bob."
    ]


def test_currencies_of_accounts_are_compared() -> None:
    """An account in another currency than its postings is named."""
    store = worked(MemoryStore())
    for name in ("balance", "overdraft_limit"):
        old = getattr(store._kept["account", "bob"], name)
        changed = Money.from_minor(old.amount_minor, "USD")
        object.__setattr__(store._kept["account", "bob"], name, changed)

    assert findings(store) == ["account bob: its currency is USD, and its history says EUR"]


def test_a_store_without_chains_is_audited_too() -> None:
    """Hash chains are optional: without them, all else is compared."""

    class Unchained(MemoryStore):
        chain_head = None  # type: ignore[assignment]  # it has no such method
        chained_journal = None  # type: ignore[assignment]  # it has no such method

    store = worked(Unchained())

    assert not isinstance(store, Chained)
    assert verify(store).is_clean


def test_what_is_written_during_an_audit_is_no_disagreement(store: Any) -> None:
    """
    An account is compared with its state at the version it was read with, whatever is booked,
    opened and closed between any two reads; each is compared once.
    """
    store = worked(store)
    bank = Bank(store, clock=lambda: NOON + timedelta(days=1))
    names = iter(["aaron", "zoe"])

    def writing(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*args: Any, **options: Any) -> Any:
            found = read(*args, **options)
            for name in ("alice", "bob"):
                bank.deposit(name, eur("1"))
            for name in names:
                bank.open_account(name, initial_balance=eur("1"))
                break
            return found

        return reading

    # Once the accounts are read: without an end, there would always be one more record.
    store.accounts = writing(store.accounts)
    store.account = writing(store.account)
    store.chain_head = writing(store.chain_head)

    report = verify(store)

    assert ((), True) == (report.disagreements, report.transactions > 5)


def test_an_account_ahead_of_the_journal_is_compared_at_its_version() -> None:
    """What is wrong with an account is found although others write to it at the same time."""
    store = worked(MemoryStore())
    bank = Bank(store, clock=lambda: NOON + timedelta(days=1))
    read = store.accounts

    def accounts(**options: Any) -> Any:
        bank.deposit("bob", eur("1"))
        found = [
            attrs.evolve(each, balance=each.balance + eur("1")) if each.id.value == "bob" else each
            for each in read(**options)
        ]
        bank.deposit("bob", eur("1"))
        return found

    store.accounts = accounts

    assert findings(store) == [
        "account bob: its balance is EUR 7.00, and its history says EUR 6.00"
    ]


def test_one_pass_reads_the_journal_once(store: Any) -> None:
    """The audit asks for each page of the journal once, and for no account's history."""
    store = worked(store)
    asked: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        read = getattr(store, name)

        def reading(*args: Any, **options: Any) -> Any:
            asked.append(name)
            return read(*args, **options)

        return reading

    for name in ("journal", "history", "outcome", "chained_journal"):
        setattr(store, name, counted(name))
    verify(store)

    # The page of records, and the empty one.
    assert [each for each in asked if each != "journal"] == ["chained_journal"] * 2


def test_a_history_is_followed_up_to_the_version_that_was_read() -> None:
    """Where the journal cannot be read, what others book meanwhile is no disagreement either."""
    store = worked(MemoryStore())
    bank = Bank(store, clock=lambda: NOON + timedelta(days=1))
    read = store.accounts

    def accounts(**options: Any) -> Any:
        found = read(**options)
        bank.deposit("bob", eur("1"))
        return found

    def unreadable(**_: Any) -> Any:
        raise StoreCorruptedError("a page is gone")

    store.accounts, store.chained_journal = accounts, unreadable

    advice = "Keep it as it is, and go on from a backup."
    assert findings(store) == [f"the journal: The store is damaged: a page is gone. {advice}"]


def test_damage_beyond_an_unreadable_record_is_found(tmp_path: Path) -> None:
    """Where the journal cannot be read on, accounts are compared with their own histories."""
    path = tmp_path / "bank.db"
    worked(SQLiteStore(path)).close()
    with sqlite3.connect(path) as connection:
        for trigger in ("journal_no_update", "posting_no_update"):
            connection.execute(f"DROP TRIGGER bankcore_{trigger}")
        connection.execute("UPDATE bankcore_journal SET command = '{' WHERE place = 3")
        connection.execute("UPDATE bankcore_posting SET balance_minor = 1 WHERE place = 4")
        connection.execute("UPDATE bankcore_account SET balance_minor = 7 WHERE id = 'alice'")
    connection.close()

    with SQLiteStore(path) as store:
        found = findings(store)

    for expected in (
        "the journal: The store is damaged: the record of transaction d-1",
        (
            "account alice, version 2: the balance is EUR 0.01, and EUR -20.00"
            " follows from what came before"
        ),
        "account alice: its balance is EUR 0.07, and its history says EUR -15.00",
        "account alice: the head of its chain is not the hash of its last version",
        "account bob: The store is damaged: the record of transaction d-1",
    ):
        assert any(each.startswith(expected) for each in found), found


SQL_TAMPERINGS = [
    ("UPDATE bankcore_account SET balance_minor = 1 WHERE id = 'bob'", "account bob"),
    ("UPDATE bankcore_account SET version = 99 WHERE id = 'bob'", "account bob"),
    ("UPDATE bankcore_account SET id = 'x/y' WHERE id = 'bob'", "the accounts"),
    ("DELETE FROM bankcore_posting WHERE place = 2", "account bob"),
    ("UPDATE bankcore_posting SET amount_minor = 7 WHERE place = 3", "account bob"),
    ("UPDATE bankcore_journal SET command = '{}' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET command = 'nonsense' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET command = command || ' ' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET command_kind = 'gift' WHERE place = 3", "the journal"),
    # Nested so deeply that a decoder gives up.
    (f"UPDATE bankcore_journal SET command = '{'[' * 50_000}' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET recorded_at = 0 WHERE place = 3", "account bob"),
    ("UPDATE bankcore_posting SET account_key = 77 WHERE place = 3", "the store's files"),
]


@pytest.mark.parametrize(("statement", "where"), SQL_TAMPERINGS)
def test_edits_by_sql_are_found(tmp_path: Path, statement: str, where: str) -> None:
    """Whoever edits the tables by hand, past the triggers, is found out by the audit."""
    path = tmp_path / "bank.db"
    worked(SQLiteStore(path)).close()
    connection = sqlite3.connect(path)
    for trigger in ("journal_no_update", "posting_no_update", "posting_no_delete"):
        connection.execute(f"DROP TRIGGER bankcore_{trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()

    with SQLiteStore(path) as store:
        found = findings(store)

    assert any(finding.startswith(where) for finding in found), found


def test_a_clean_sqlite_store_is_clean(tmp_path: Path) -> None:
    """The control of the edits above: untouched, the same bank has no disagreement."""
    with worked(SQLiteStore(tmp_path / "bank.db")) as store:
        assert findings(store) == []


def test_an_account_alone_has_no_history() -> None:
    """An account that no transaction explains is a disagreement."""
    store = MemoryStore()
    store._kept["account", "ghost"] = Account(id="ghost", balance=eur("5"))
    store._kept["count",] = 1

    assert findings(store) == [
        "account ghost: its balance is EUR 5.00, and its history says EUR 0.00"
    ]


def test_an_amount_whose_currency_is_not_known_is_told_in_minor_units() -> None:
    """Of an account that is nowhere booked on, no currency is known."""
    assert ("5", "JPY 5", "EUR 0.05") == tuple(
        _audit._shown(5, currency) for currency in (None, Currency("JPY"), Currency("EUR"))
    )
