"""Promises of a store that finds the accounts of a holder."""

from typing import Final, cast

from bankcore import AccountId, Bank
from bankcore.ledger import HolderIndex
from bankcore.ledger._errors import InvalidLimitError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import bank_over, eur
from bankcore.testing._conformance.subject import Subject, check_of
from bankcore.values import PrincipalId

MARY: Final = PrincipalId("mary")


def _bank_with_holders(subject: Subject) -> tuple[Bank, HolderIndex]:
    """Return a bank of five accounts, opened in no order; mary holds three of them."""
    bank = bank_over(subject.store)
    for name, holder in (("e", "mary"), ("b", "bert"), ("c", "mary"), ("d", None), ("a", "mary")):
        bank.open_account(name, initial_balance=eur(0), holder=holder)
    return bank, cast("HolderIndex", subject.store)


def _names(store: HolderIndex, holder: PrincipalId = MARY) -> list[str]:
    return [account.id.value for account in store.accounts_of(holder)]


@check_of("holder_index")
def the_accounts_of_a_holder_are_found(subject: Subject) -> None:
    """
    The accounts on which a principal holds rights come in the order of their ids, as they are
    now; without rights there are none.
    """
    bank, store = _bank_with_holders(subject)
    bank.deposit("c", eur(5))
    bank.place_hold("c", eur(2))

    require_equal(["a", "c", "e"], _names(store))
    require_equal(["b"], _names(store, PrincipalId("bert")))
    require_equal([], _names(store, PrincipalId("nobody")))
    for account in store.accounts_of(MARY):
        require_equal(subject.store.account(account.id), account)


@check_of("holder_index")
def who_holds_what_changes_at_once(subject: Subject) -> None:
    """
    A granted right is seen at once, and a revoked one no longer; a closed account keeps its
    holders.
    """
    bank, store = _bank_with_holders(subject)
    bank.grant_access("b", "mary", ["read"])
    bank.grant_access("d", "mary", ["read"])
    bank.revoke_access("d", "mary")
    bank.revoke_access("e", "mary")
    bank.close_account("a")

    require_equal(["a", "b", "c"], _names(store))
    require_equal(["b"], _names(store, PrincipalId("bert")))


@check_of("holder_index")
def the_accounts_of_a_holder_come_in_pages(subject: Subject) -> None:
    """
    A holder's accounts begin after any id, known or not, *limit* at a time; a *limit* out of
    bounds raises `InvalidLimitError`.
    """
    _, store = _bank_with_holders(subject)
    for after, expected in (("a", ["c", "e"]), ("b", ["c", "e"]), ("e", []), ("zz", [])):
        for limit in (1, 2, 1000):
            page = store.accounts_of(MARY, after=AccountId(after), limit=limit)

            require_equal(expected[:limit], [account.id.value for account in page])
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.accounts_of(MARY, limit=limit)
