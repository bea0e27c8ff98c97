"""Promises of a store that keeps denials."""

from datetime import timedelta
from typing import Final, cast

from bankcore import AccountId
from bankcore.access import Denial, DenialLog
from bankcore.ledger._errors import InvalidLimitError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import NOW, fill, journal_of
from bankcore.testing._conformance.subject import Subject, check_of
from bankcore.values import PrincipalId

#: One with everything in it, one with nothing that may be left out, and one like the first.
DENIALS: Final = (
    Denial(
        PrincipalId('m"ary@example.org'),
        "withdraw",
        tuple(AccountId(f"a-{number}") for number in range(10)),
        "access_denied",
        NOW,
        'request "1" é',
        7,
    ),
    Denial(PrincipalId("bert"), "read", (), "account_not_found", NOW - timedelta(days=1)),
    Denial(PrincipalId("bert"), "read", (AccountId("a"),), "account_not_found", NOW),
)


def _log_of(subject: Subject) -> DenialLog:
    """Return the store, with the denials recorded in it."""
    store = cast("DenialLog", subject.store)
    for denial in DENIALS:
        store.record_denial(denial)
    return store


@check_of("denial_log")
def denials_come_back(subject: Subject) -> None:
    """
    Denials come back whole, the last recorded first, whatever their times; equal ones are kept
    apart.
    """
    store = _log_of(subject)
    store.record_denial(DENIALS[-1])

    require_equal([*DENIALS, DENIALS[-1]][::-1], list(store.denials()))


@check_of("denial_log")
def the_latest_denials_come_first(subject: Subject) -> None:
    """
    At most *limit* denials are given, the latest; a *limit* out of bounds raises
    `InvalidLimitError`.
    """
    store = _log_of(subject)
    for limit in (1, 2, 3, 1000):
        require_equal([*DENIALS][::-1][:limit], list(store.denials(limit=limit)))
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.denials(limit=limit)


@check_of("denial_log")
def denials_are_kept_apart(subject: Subject) -> None:
    """
    A denial is not in the journal and changes no account; if the contents outlast the store,
    so does the denial.
    """
    fill(subject.store)
    before = journal_of(subject.store), tuple(subject.store.accounts())
    _log_of(subject)

    require_equal(before, (journal_of(subject.store), tuple(subject.store.accounts())))
    if subject.capabilities.opener is not None:
        again = cast("DenialLog", subject.opened_again())
        require_equal([*DENIALS][::-1], list(again.denials()))
