"""
The oversight of a bank: its journal, its denials, its tokens.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from bankcore import Bank, Money, Principal
from bankcore.errors import (
    AccessDeniedError,
    InvalidLimitError,
    StoreMisuseError,
    TokenNotFoundError,
)
from bankcore.ledger import AccountStore
from bankcore.stores import MemoryStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MARY = Principal("mary", ["owner"])
ANN = Principal("ann", ["auditor"])
OTTO = Principal("otto", ["operator"])


def bank_on(store: Any) -> Bank:
    bank = Bank(store, clock=lambda: NOON)
    bank.open_account("alice", initial_balance=Money("5", "EUR"), transaction_id="t-1")
    return bank


def bare_store() -> Any:
    """
    A store that keeps accounts and the journal, and nothing else.
    """
    store = MemoryStore()
    names = [name for name in vars(AccountStore) if not name.startswith("_")]
    return type("Bare", (), {name: staticmethod(getattr(store, name)) for name in names})()


def test_the_journal_page_by_page() -> None:
    """Each page goes on where the one before it ended; the last one is empty."""
    bank = bank_on(MemoryStore())
    bank.deposit("alice", Money("1", "EUR"), transaction_id="t-2")
    pages = [bank.journal(limit=1)]
    for _ in range(2):
        pages.append(bank.journal(after=pages[-1].next, limit=1))

    assert [["t-1"], ["t-2"], []] == [[str(each.id) for each in page.records] for page in pages]
    assert pages[1].next == pages[2].next
    with pytest.raises(InvalidLimitError):
        bank.journal(limit=0)


def test_an_auditor_sees_all_of_it() -> None:
    """Nothing of a record is cut."""
    bank = bank_on(MemoryStore())

    assert bank.journal() == bank.acting_as(ANN).journal()


def test_denials_the_last_first() -> None:
    """Those who may read them see each, and a reader who may not is one of them."""
    bank = bank_on(MemoryStore())
    with pytest.raises(AccessDeniedError):
        bank.acting_as(MARY).denials()
    (denial,) = bank.acting_as(OTTO).denials()

    assert ("mary", "read_denials") == (str(denial.principal), denial.action)
    assert {
        "principal": "mary",
        "action": "read_denials",
        "account_ids": [],
        "code": "access_denied",
        "denied_at": "2026-05-01T12:00:00Z",
        "request_id": None,
        "unwritten_before": 0,
    } == denial.to_dict()
    assert [denial] == list(bank.denials(limit=1))


def test_tokens_are_issued_listed_and_revoked() -> None:
    """By the bank's own clock, and in the order of their ids."""
    bank = bank_on(MemoryStore())
    issued = [bank.issue_token(MARY, description="hers") for _ in range(3)]
    listed = list(bank.tokens())
    revoked = bank.acting_as(OTTO).revoke_token(listed[1].id)

    assert {each.id for each in issued} == {each.id for each in listed}
    assert [each.id for each in listed[1:]] == [
        each.id for each in bank.tokens(after=listed[0].id)
    ]
    assert (NOON, NOON) == (revoked.created_at, revoked.revoked_at)
    assert revoked == bank.revoke_token(revoked.id)
    with pytest.raises(TokenNotFoundError):
        bank.revoke_token("0" * 16)


def test_a_token_as_it_is_told() -> None:
    """Its roles and scopes, and nothing of its secret."""
    service = Principal("shop", ["service", "owner"], ["deposits:write", "accounts:read"])
    issued = bank_on(MemoryStore()).issue_token(service, expires_at=NOON.replace(year=2027))

    assert {
        "id": issued.id,
        "principal": "shop",
        "roles": ["owner", "service"],
        "scopes": ["accounts:read", "deposits:write"],
        "created_at": "2026-05-01T12:00:00Z",
        "expires_at": "2027-05-01T12:00:00Z",
        "revoked_at": None,
        "description": None,
    } == issued.token.to_dict()


def test_no_role_may_issue_a_token() -> None:
    """Whoever may can become anybody."""
    bank = bank_on(MemoryStore())
    everything = Principal("root", ["owner", "teller", "auditor", "operator"])
    with pytest.raises(AccessDeniedError):
        bank.acting_as(everything).issue_token(MARY)
    service = Principal("admin", ["service"], ["tokens:issue"])

    assert MARY == bank.acting_as(service).issue_token(MARY).token.principal


def test_a_store_that_keeps_no_such_thing() -> None:
    """It says so."""
    bank = bank_on(bare_store())
    for ask in (bank.denials, bank.tokens, lambda: bank.issue_token(MARY)):
        with pytest.raises(StoreMisuseError, match=r"keeps no denials|cannot store tokens"):
            ask()
    assert 1 == len(bank.journal().records)
