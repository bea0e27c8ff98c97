"""
The guards and their order, and the changes that ask them.

Every step of the order is reached by examples in `test_rules_precedence.py`. Here is what holds
whatever the examples are: no guard is left out of the order, and no change asks out of it.
"""

import inspect
from collections.abc import Iterator

import pytest

from bankcore.accounts import _changes, _guards
from bankcore.accounts._guards import GUARDS, STEPS, Change, Guard


def kinds_below(base: type[Change]) -> Iterator[type[Change]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds_below(kind)


CHANGES = [kind for kind in kinds_below(Change) if kind.__module__ == _changes.__name__]


def defined_guards() -> set[Guard]:
    """
    Return every function of the guards' module that takes what a guard takes.
    """
    return {
        each
        for each in vars(_guards).values()
        if inspect.isfunction(each)
        and each.__module__ == _guards.__name__
        and len(inspect.signature(each).parameters) == 3
    }


def test_every_guard_has_one_place_in_the_order() -> None:
    """
    No guard is missing from the order of refusals, and none is in it twice.
    """
    assert len(GUARDS) == len(set(GUARDS)) == sum(map(len, STEPS))
    assert set(GUARDS) == defined_guards()


@pytest.mark.parametrize("kind", CHANGES, ids=lambda kind: kind.__name__)
def test_every_change_asks_in_the_order_of_refusals(kind: type[Change]) -> None:
    """
    A change lists its guards in the order of refusals, each once.

    Over one account the list is followed as it is, over several the order itself: they must
    agree, or `Account.withdraw` and `Bank.transfer` would give different reasons.
    """
    places = [GUARDS.index(guard) for guard in kind.asks]

    assert sorted(set(places)) == places


def test_every_guard_is_asked_by_some_change() -> None:
    """
    A guard that no change asks would refuse nothing, whatever the order of refusals says.
    """
    assert {guard for kind in CHANGES for guard in kind.asks} == set(GUARDS)


def test_only_what_looks_at_an_account_asks_nothing() -> None:
    """
    A change that books something asks at least one guard.
    """
    assert [kind for kind in CHANGES if not kind.asks] == [_changes.Untouched]
