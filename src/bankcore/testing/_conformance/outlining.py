"""Promises of a store that reads an account without its holds."""

from datetime import timedelta
from typing import cast

import attrs

from bankcore import AccountId
from bankcore.ledger import Outlining
from bankcore.ledger._errors import AccountNotFoundError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import NOW, bank_over, eur
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("outlining")
def an_outline_is_the_account_without_its_holds(subject: Subject) -> None:
    """
    `outline` gives the account as it is now but without its holds, and raises
    `AccountNotFoundError` where there is none.
    """
    bank = bank_over(subject.store)
    bank.open_account("a", initial_balance=eur(5), overdraft_limit=eur(1), holder="mary")
    bank.open_account("b", initial_balance=eur(7), holder="bert")
    bank.place_hold("a", eur(2))
    bank.place_hold("a", eur(3))
    bank.restrict("a", "debits", reason="theft", ends_at=NOW + timedelta(days=1))
    store = cast("Outlining", subject.store)
    for account in subject.store.accounts():
        require_equal(attrs.evolve(account, holds=()), store.outline(account.id))
    with raises(AccountNotFoundError):
        store.outline(AccountId("nobody"))
