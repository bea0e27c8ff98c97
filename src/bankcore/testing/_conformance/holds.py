"""Promises of holds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bankcore import Account, AccountId, AccountStore, Hold
from bankcore.ledger import ReadSet
from bankcore.testing._conformance.failing import require, require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    LAST_INSTANT,
    NOW,
    append,
    bank_over,
    eur,
    exactly,
    look,
    refusal,
)
from bankcore.testing._conformance.subject import check

SOON: Final = NOW + timedelta(seconds=1)
LATER: Final = NOW + timedelta(seconds=2)
TICK: Final = timedelta(microseconds=1)


@check
def holds_stay_as_they_were_written(store: AccountStore) -> None:
    """
    An account's holds come back in the order in which they were placed, even after some have
    changed.
    """
    ends = [NOW + timedelta(days=days) for days in range(6)]
    account = Account.open(ALICE, initial_balance=eur(100), booked_at=NOW)
    states = [account]
    # Not in the order of their ids.
    for number, hold_id in enumerate(("h-5", "h-1", "h-3", "h-2")):
        account = account.place_hold(
            hold_id, eur(10), expires_at=ends[number + 1], description=f"hold {number}"
        )
        states.append(account)
    states.append(account.capture_hold("h-3", eur(4), final=False))
    states.append(states[-1].extend_hold("h-1", None))
    states.append(states[-1].release_hold("h-5"))
    states.append(states[-1].place_hold("h-4", eur(1)))
    states.append(states[-1].capture_hold("h-2"))
    for number, state in enumerate(states):
        append(store, [refusal(f"t-{number}")], [state])

        require_equal(exactly([state]), exactly([store.account(ALICE)]))
        require_equal(exactly([state]), exactly(store.accounts()))
        seen = look(store, ReadSet((), (ALICE,)))
        require_equal(exactly([state]), exactly(seen.accounts.values()))


@check
def due_holds_are_found(store: AccountStore) -> None:
    """
    The open holds that expire before the instant come with their accounts, the earliest first;
    a hold that expires at the instant, or never, does not come.
    """
    due = _placed(store)

    require_equal(due, _sorted(store.holds_due(LAST_INSTANT)))
    require_equal(due[:3], _sorted(store.holds_due(LATER)))
    require_equal(due[:1], list(store.holds_due(SOON)))
    require_equal([], list(store.holds_due(NOW)))
    ends = [hold.expires_at for _, hold in store.holds_due(LAST_INSTANT)]
    require_equal(sorted(ends, key=lambda end: end or LAST_INSTANT), ends)


@check
def due_holds_come_a_page_at_a_time(store: AccountStore) -> None:
    """A *limit* of due holds gives that many, those that expire first."""
    due = _placed(store)
    for limit in range(1, 6):
        given = list(store.holds_due(LAST_INSTANT, limit=limit))

        require_equal(min(limit, len(due)), len(given))
        require_equal(
            [hold.expires_at for _, hold in due][:limit], [hold.expires_at for _, hold in given]
        )
        require(all(each in due for each in given), "each is a hold that is due")


@check
def a_hold_that_is_over_is_not_due(store: AccountStore) -> None:
    """A hold that was captured, released, expired or extended is no longer due at its old end."""
    now = [NOW]
    bank = bank_over(store, clock=lambda: now[0])
    bank.open_account("alice", initial_balance=eur(100))
    for each in ("h-1", "h-2", "h-3", "h-5"):
        bank.place_hold("alice", eur(1), expires_at=SOON, transaction_id=each)
    bank.capture_hold("alice", "h-1")
    bank.release_hold("alice", "h-2")
    bank.extend_hold("alice", "h-3", expires_at=LATER)

    require_equal(["h-5"], [hold.id.value for _, hold in store.holds_due(LATER)])
    now[0] = SOON
    require_equal(1, len(bank.expire_holds()))
    require_equal(["h-3"], [hold.id.value for _, hold in store.holds_due(LAST_INSTANT)])


def _placed(store: AccountStore) -> list[tuple[AccountId, Hold]]:
    """Write two accounts with seven holds; return the five that expire, the earliest first."""
    placed: dict[str, dict[str, datetime | None]] = {
        "bob": {"h-1": LATER + TICK, "h-2": None, "h-3": SOON},
        "alice": {"h-5": LATER, "h-4": SOON, "h-7": None, "h-6": SOON - TICK},
    }
    due: list[tuple[AccountId, Hold]] = []
    for number, (name, ends) in enumerate(placed.items()):
        account = Account.open(name, initial_balance=eur(100), booked_at=NOW)
        for hold_id, expires_at in ends.items():
            account = account.place_hold(hold_id, eur(1), expires_at=expires_at)
        append(store, [refusal(f"t-{number}")], [account])
        due += [(account.id, hold) for hold in account.holds if hold.expires_at is not None]
    return _sorted(due)


def _sorted(due: Iterable[tuple[AccountId, Hold]]) -> list[tuple[AccountId, Hold]]:
    # The order of two that end at the same instant is not promised.
    return sorted(due, key=lambda each: (each[1].expires_at or LAST_INSTANT, each[0], each[1].id))
