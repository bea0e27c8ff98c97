"""
The canonical bytes of records, the hashes that tie them, and the roots over many of them.

The encoder here is written anew from ``docs/reference/tamper-evidence.md`` and shares nothing
with the one under test.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from hashlib import sha256
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import AccountId, Bank, Money, Posting, Refusal, Transaction, TransactionId
from bankcore.commands import Command, Deposit, Leg, Withdraw
from bankcore.ledger import GENESIS, MerkleRoot, content_of, linked
from bankcore.money import ExchangeRate
from bankcore.stores import MemoryStore
from bankcore.testing._conformance.helpers import fill, journal_of
from bankcore.testing._conformance.samples import command_cases, refusal_cases
from bankcore.values import Metadata
from every_command import EACH, OTHERWISE

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


# -- The encoding, from its description --------------------------------------


def text_of(text: str) -> bytes:
    written = text.encode()
    return b"%d:%s" % (len(written), written)


def json_of(value: Any) -> Any:
    """
    The value of a field as the JSON that it becomes.
    """
    made: Any = str(value)
    if isinstance(value, Enum):
        made = value.value
    elif isinstance(value, Money):
        made = [value.amount_minor, value.currency.code, value.currency.exponent]
    elif isinstance(value, datetime):
        made = microseconds_of(value)
    elif isinstance(value, ExchangeRate):
        currencies = (value.base, value.quote)
        parts = [part for each in currencies for part in (each.code, each.exponent)]
        made = [*parts, str(Fraction(value.rate))]
    elif isinstance(value, frozenset):
        made = sorted(map(json_of, value))
    elif isinstance(value, Leg):
        made = [value.account_id.value, json_of(value.amount)]
    elif isinstance(value, tuple):
        made = [json_of(each) for each in value]
    elif isinstance(value, Metadata):
        made = dict(value)
    elif isinstance(value, bool | int):
        made = value
    return made


def microseconds_of(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def written(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def object_of(fields: Mapping[str, Any]) -> str:
    given = {name: json_of(value) for name, value in fields.items() if value not in (None, {})}
    return written(given)


def fields_of(command: Command) -> str:
    fields = {
        field.name: getattr(command, field.name)
        for field in attrs.fields(type(command))
        if field.name not in {"transaction_id", "expected_version"}
    }
    # The first version had none.
    if not fields.get("up_to"):
        fields["up_to"] = None
    return object_of(fields)


def command_of(command: Command) -> bytes:
    return text_of(command.kind) + text_of(fields_of(command))


def batch_of(batch: Sequence[Command]) -> bytes:
    if not batch:
        return b"-"
    members = ",".join(
        f"[{written(each.kind)},{written(str(each.transaction_id))},{fields_of(each)}]"
        for each in batch
    )
    return text_of(f"[{members}]")


def principal_of(principal: str | None) -> bytes:
    return b"-" if principal is None else text_of(principal)


def posting_of(posting: Posting) -> bytes:
    amounts = (posting.amount, posting.balance, posting.held, posting.overdraft_limit)
    currency = posting.amount.currency
    return text_of(
        f"{posting.account_id} {' '.join(str(each.amount_minor) for each in amounts)}"
        f" {posting.version} {currency.code} {currency.exponent}"
    )


def described(record: Transaction | Refusal) -> bytes:
    if isinstance(record, Transaction):
        return (
            b"bankcore transaction 1\n"
            + text_of(record.id.value)
            + command_of(record.command)
            + principal_of(record.principal)
            + b"%d;" % microseconds_of(record.booked_at)
            + b"%d;" % len(record.postings)
            + b"".join(map(posting_of, record.postings))
        )
    return (
        b"bankcore refusal 1\n"
        + text_of(record.id.value)
        + command_of(record.command)
        + principal_of(record.principal)
        + b"%d;" % microseconds_of(record.refused_at)
        + text_of(record.code)
        + text_of(object_of(record.facts))
        + batch_of(record.batch)
    )


def test_transactions_are_written_as_described() -> None:
    """
    The bytes of a transaction of every command are those of the description.
    """
    records = [record for record, _ in command_cases()]

    assert [described(record) for record in records] == [content_of(record) for record in records]


def test_refusals_are_written_as_described() -> None:
    """
    The bytes of a refusal for every reason, and of every command in a batch, too.
    """
    records = [record for record, _ in refusal_cases()]

    assert [described(record) for record in records] == [content_of(record) for record in records]


TRANSACTION = Transaction(
    TransactionId("t-1"),
    Deposit("alice", eur("5.00"), transaction_id="t-1", description="rent"),
    NOON,
    (
        Posting(AccountId("alice"), eur("5"), eur("15"), eur("2"), eur("3"), 2),
        Posting(AccountId("bob"), eur("-5"), eur("1"), eur("0"), eur("0"), 7),
    ),
    "mary",
)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": TransactionId("t-2")},
        {"command": Withdraw("alice", eur("5.00"), transaction_id="t-1", description="rent")},
        {"command": Deposit("alice", eur("5.00"), transaction_id="t-1", description="tent")},
        {"command": attrs.evolve(TRANSACTION.command, metadata={"order": "1017"})},
        {"command": Deposit("alice", eur("5.00"), transaction_id="t-1")},
        {"command": Deposit("alice", eur("5.01"), transaction_id="t-1", description="rent")},
        {"booked_at": NOON + timedelta(microseconds=1)},
        {"principal": "Mary"},
        {"principal": None},
        {"postings": TRANSACTION.postings[:1]},
        {"postings": TRANSACTION.postings[::-1]},
        {"account_id": AccountId("alicf")},
        {"amount": eur("5.01")},
        {"amount": Money("5", "USD")},
        {"balance": eur("15.01")},
        {"held": eur("2.01")},
        {"overdraft_limit": eur("3.01")},
        {"version": 3},
    ],
    ids=str,
)
def test_whole_transaction_counts(changes: dict[str, Any]) -> None:
    """
    Whatever is another in a transaction, its bytes are others.
    """
    if not set(changes) <= {field.name for field in attrs.fields(Transaction)}:
        first, second = TRANSACTION.postings
        changes = {"postings": (attrs.evolve(first, **changes), second)}
    changed = attrs.evolve(TRANSACTION, **changes)

    assert content_of(changed) != content_of(TRANSACTION)


def test_every_field_of_every_command_counts() -> None:
    """
    A command with another value in any one field has other bytes.
    """
    for command in EACH:
        others = [
            attrs.evolve(command, **{name: value})
            for name, value in OTHERWISE[type(command)].items()
        ]
        records = [attrs.evolve(TRANSACTION, command=each) for each in (command, *others)]

        assert len({content_of(each) for each in records}) == len(others) + 1


def test_names_do_not_run_into_values() -> None:
    """
    What stands in one field cannot be taken for a part of the next.
    """
    contents = {
        content_of(attrs.evolve(TRANSACTION, id=TransactionId(name), principal=principal))
        for name, principal in [("ab", "c"), ("a", "bc"), ("a", "1:bc"), ("abc", None)]
    }

    assert len(contents) == 4


# -- The chain ---------------------------------------------------------------


def test_each_transaction_is_tied_to_the_one_before_it() -> None:
    """
    Each account's hash is of its tag, the hash before it, and the bytes of the transaction.
    """
    store = MemoryStore()
    fill(store)
    heads: dict[str, bytes] = {}
    for record, hashes in zip(journal_of(store), linked(journal_of(store), {}), strict=True):
        expected = []
        for posting in record.postings if isinstance(record, Transaction) else ():
            before = heads.get(posting.account_id.value, bytes(32))
            after = sha256(b"bankcore chain 1\n" + before + described(record)).digest()
            heads[posting.account_id.value] = after
            expected.append(after)

        assert tuple(expected) == hashes
    assert heads == {
        account.id.value: store.chain_head(account.id)[1] for account in store.accounts()
    }


def test_linking_goes_on_from_the_heads() -> None:
    """
    Records that are linked in two parts have the hashes of one.
    """
    store = MemoryStore()
    fill(store)
    records = journal_of(store)
    heads: dict[str, bytes] = {}
    parts = [*linked(records[:30], heads), *linked(records[30:], heads)]

    assert linked(records, {}) == parts


def test_account_without_transactions_has_the_first_head() -> None:
    """
    A chain begins with 32 bytes of zero.
    """
    assert bytes(32) == GENESIS


# -- The tree ----------------------------------------------------------------


def root_of(leaves: list[bytes]) -> bytes:
    """
    The root as RFC 6962 defines it, by dividing.
    """
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_root_is_that_of_rfc_6962(leaves: list[bytes]) -> None:
    """
    The root of leaves that come one by one is the one that is defined by dividing them.
    """
    assert root_of(leaves) == MerkleRoot(leaves).digest()


def test_root_may_be_asked_for_between() -> None:
    """
    Asking for the root of some leaves leaves the rest to come.
    """
    root = MerkleRoot([b"a", b"b"])
    root.digest()
    root.add(b"c")

    assert root_of([b"a", b"b", b"c"]) == root.digest()


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_root_is_that_of_published_vectors(count: int, expected: str) -> None:
    """
    The roots of the leaves that other implementations of RFC 6962 are tested with.
    """
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")

    assert expected == MerkleRoot(map(bytes.fromhex, leaves[:count])).digest().hex()


def test_hashes_do_not_depend_on_the_process() -> None:
    """
    One record has one hash, here pinned: a change of the encoding would break every chain.
    """
    bank = Bank(MemoryStore(), clock=lambda: NOON, new_id=lambda: "t-1")
    transaction = bank.open_account("alice", initial_balance=eur("5"))

    ((pinned,),) = linked([transaction], {})

    assert "a262d793ab2017306915eaa4052cffa6f168ce0c5fcff82acc55ae197c8dafa2" == pinned.hex()
