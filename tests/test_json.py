"""
Records as JSON: what is told, and that its schema tells the same.
"""

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import jsonschema_rs
import pytest

from bankcore import Bank, Money, Principal
from bankcore.accounts import Holder
from bankcore.errors import (
    AccessDeniedError,
    AccountRestrictedError,
    BankError,
    CloseBlockedError,
    InsufficientFundsError,
    InvalidIdError,
    TransactionIdReusedError,
)
from bankcore.http import Problem
from bankcore.money import Currency
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, TransactionId
from bankcore.values._json import Told

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CROWNS = Money("1.5", Currency("CRWN", exponent=3))


def bank_with_all() -> Bank:
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account(
        "alice",
        initial_balance=Money("100", "EUR"),
        holder="mary",
        transaction_id="t-1",
        description="hers",
    )
    bank.place_hold(
        "alice", Money("30", "EUR"), transaction_id="h-1", expires_at=NOON.replace(day=2)
    )
    bank.restrict("alice", "credits", reason="theft", ends_at=NOON.replace(year=2027))
    bank.open_account("crowns", initial_balance=CROWNS)
    return bank


def told() -> list[Told]:
    """
    One or two of each class that is told.
    """
    bank = bank_with_all()
    alice = bank.account("alice")
    receipt = bank.transaction("h-1")
    with pytest.raises(InsufficientFundsError) as refused:
        bank.withdraw("alice", Money("71", "EUR"))
    replayed = InvalidIdError("'a b'", "must be one").about("id")
    replayed.replayed = True
    with pytest.raises(InsufficientFundsError):
        bank.withdraw("alice", Money("71", "EUR"), transaction_id="no")
    with pytest.raises(AccessDeniedError):
        bank.acting_as(Principal("mary")).denials()
    return [
        *(bank.journal().records[-1], *bank.denials(), bank.issue_token(Principal("mary")).token),
        *(Principal("mary", ["owner"]), Problem(404, "not_found", "There is none.")),
        *(bank.can_close("alice"), bank.can_close("crowns")),
        *(alice, bank.account("crowns"), *alice.holds, *alice.holders),
        *(receipt, *receipt.postings, attrs.evolve(receipt, postings=())),
        *(bank.statement("alice"), bank.statement("crowns")),
        *(refused.value, replayed, TransactionIdReusedError(TransactionId("t"), ("amount",))),
        CloseBlockedError(AccountId("a"), Money("5", "EUR"), (TransactionId("h-1"),)),
    ]


@pytest.mark.parametrize("value", told(), ids=lambda value: type(value).__name__)
def test_what_is_told_is_as_its_schema_says(value: Told) -> None:
    """
    JSON takes what `to_dict` returns, and the schema of its class has each member and no other.
    """
    members = json.loads(json.dumps(value.to_dict()))

    assert value.to_dict() == members
    jsonschema_rs.validate(value.json_schema(), members)
    assert not jsonschema_rs.is_valid(value.json_schema(), {**members, "more": 1})


def test_every_class_of_records_is_told() -> None:
    """
    The test above has each of them.
    """
    names = {kind.__name__ for value in told() for kind in type(value).__mro__}

    assert {"Account", "BankError", "Token"} < names
    assert set() == {kind.__name__ for kind in Told.__subclasses__()} - names


def test_a_hold_as_it_is_told() -> None:
    """
    Amounts are text, and an instant ends with a Z.
    """
    (hold,) = bank_with_all().account("alice").holds

    assert {
        "id": "h-1",
        "currency": "EUR",
        "amount": "30.00",
        "captured": "0.00",
        "left": "30.00",
        "expires_at": "2026-05-02T12:00:00Z",
        "description": None,
    } == hold.to_dict()


def test_an_account_in_a_currency_of_its_own() -> None:
    """
    Its exponent stands beside the code, which does not say it.
    """
    account = bank_with_all().account("crowns").to_dict()

    assert ("CRWN", 3, "1.500") == tuple(
        account[each] for each in ("currency", "exponent", "balance")
    )


def test_a_holder_as_it_is_told() -> None:
    """
    Rights are told in one order.
    """
    holder = Holder("mary", ["debit", "read"])

    assert {"principal": "mary", "rights": ["read", "debit"]} == holder.to_dict()


def test_a_receipt_without_accounts() -> None:
    """
    A reversal of which its reader may see no account names none.
    """
    bank = bank_with_all()
    bank.deposit("crowns", CROWNS, transaction_id="d-1")
    receipt = attrs.evolve(bank.reverse("d-1"), postings=())

    assert receipt.to_dict()["account_id"] is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            InvalidIdError("'a b'", "must be one").about("account_id"),
            {
                "code": "invalid_id",
                "detail": "account_id must be one, got 'a b'.",
                "field": "account_id",
                "facts": {"value": "'a b'", "reason": "must be one"},
            },
        ),
        (
            TransactionIdReusedError(TransactionId("t-1"), ("amount",)),
            {"facts": {"transaction_id": "t-1", "fields": ["amount"]}},
        ),
    ],
)
def test_an_error_as_it_is_told(error: BankError, expected: dict[str, Any]) -> None:
    """
    Its code and sentence, and whichever facts there are.
    """
    members = error.to_dict()

    assert {name: members[name] for name in expected} == expected
    assert ("field" in expected) == ("field" in members)
    assert "replayed" not in members


def test_an_error_of_an_answer_given_before() -> None:
    """
    It says that it is one, and tells an instant and a choice among its facts.
    """
    bank = bank_with_all()
    money = Money("1", "EUR")
    for _ in range(2):
        with pytest.raises(AccountRestrictedError) as caught:
            bank.deposit("alice", money, transaction_id="d")
    members = caught.value.to_dict()

    assert members["replayed"] is True
    assert ("credits", "2027-05-01T12:00:00Z") == (
        members["facts"]["restriction"],
        members["facts"]["ends_at"],
    )
