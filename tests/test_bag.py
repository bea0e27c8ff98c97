"""
Bags of several currencies: what they hold, add, subtract and compare.
"""

import copy
import json
import pickle
from typing import Any

import pytest

from bankcore import Currency, Money, MoneyBag
from bankcore.errors import AmountTooLargeError, InvalidAmountError, InvalidCurrencyError

EUR5, USD3, JPY1 = Money("5", "EUR"), Money("3", "USD"), Money("1", "JPY")


def test_a_bag_holds_one_sum_of_each_currency() -> None:
    """Amounts of one currency are added, zeros are dropped, codes are in order."""
    bag = MoneyBag([USD3, EUR5, USD3, JPY1, -JPY1, Money.zero("GBP")])

    assert (EUR5, Money("6", "USD")) == bag.moneys == tuple(bag)
    assert (2, True, 0, False) == (len(bag), bool(bag), len(MoneyBag()), bool(MoneyBag()))
    assert (EUR5, Money.zero("GBP")) == (bag["EUR"], bag[Currency("GBP")])
    assert EUR5 in bag


def test_one_code_with_two_exponents_is_two_currencies() -> None:
    """Currencies are told apart by more than their code."""
    fine = Money("1", Currency("EUR", exponent=3))
    bag = MoneyBag([fine, EUR5])

    assert (EUR5, fine) == bag.moneys
    assert (EUR5, fine) == (bag["EUR"], bag[fine.currency])


def test_bags_add_and_subtract() -> None:
    """With bags and with money, from both sides, and by the built-in `sum`."""
    bag = MoneyBag([EUR5, USD3])

    assert MoneyBag([EUR5, USD3, JPY1]) == bag + JPY1 == JPY1 + bag == bag + MoneyBag([JPY1])
    assert MoneyBag([EUR5]) == bag - USD3 == bag - MoneyBag([USD3])
    assert MoneyBag([-EUR5]) == USD3 - bag
    assert MoneyBag([-EUR5, -USD3]) == -bag
    assert MoneyBag() == bag - bag
    assert MoneyBag([EUR5, EUR5, USD3, USD3]) == sum([bag, bag])
    assert sum([], MoneyBag()) == MoneyBag()


@pytest.mark.parametrize(
    "operate",
    [
        lambda bag: bag + 1,
        lambda bag: 1 + bag,
        lambda bag: False + bag,
        lambda bag: bag - 1,
        lambda bag: 1 - bag,
        lambda bag: bag <= EUR5,
        lambda bag: bag < EUR5,
        lambda bag: bag >= EUR5,
        lambda bag: bag > EUR5,
    ],
)
def test_bags_do_not_mix_with_other_things(operate: Any) -> None:
    """Numbers are not added to a bag, and only bags are compared with it."""
    with pytest.raises(TypeError):
        operate(MoneyBag([EUR5]))


def test_bags_compare_currency_by_currency() -> None:
    """Less is: in no currency more. Of two bags, neither may be less."""
    small, large, other = MoneyBag([EUR5]), MoneyBag([EUR5, USD3]), MoneyBag([JPY1])

    assert (True, True, False, False) == (
        small <= large,
        small < large,
        small >= large,
        small > large,
    )
    assert (True, True) == (large >= small, large > small)
    assert (True, False, True, False) == (
        small <= MoneyBag([EUR5]),
        small < MoneyBag([EUR5]),
        small >= MoneyBag([EUR5]),
        small > MoneyBag([EUR5]),
    )
    assert (False, False) == (small <= other, other <= small)
    assert MoneyBag([-USD3]) < MoneyBag()
    assert small != EUR5


def test_a_bag_is_a_value() -> None:
    """Equal bags hash alike; a bag cannot change, and survives copies, pickles and repr."""
    bag = MoneyBag([EUR5, USD3])

    assert hash(MoneyBag([USD3, EUR5])) == hash(bag)
    for other in (copy.copy(bag), copy.deepcopy(bag), pickle.loads(pickle.dumps(bag))):
        assert (bag, hash(bag)) == (other, hash(other))
    assert "EUR 5.00, USD 3.00" == str(bag)
    assert "MoneyBag([Money('5.00', 'EUR'), Money('3.00', 'USD')])" == repr(bag)
    assert ("MoneyBag()", "") == (repr(MoneyBag()), str(MoneyBag()))
    assert bag == eval(repr(bag), {"Money": Money, "MoneyBag": MoneyBag})  # our own repr
    assert bag == MoneyBag(Money.from_dict(money.to_dict()) for money in bag)
    with pytest.raises(AttributeError):
        bag.moneys = ()  # type: ignore[misc]  # the very thing under test
    match bag:
        case MoneyBag((first, *_)):
            assert EUR5 == first
        case _:
            pytest.fail("it did not match")


def test_a_dictionary_makes_it_again() -> None:
    """`to_dict` lists the moneys as their own dictionaries, and `from_dict` takes that."""
    fine = Money("1", Currency("EUR", exponent=3))
    for bag in (MoneyBag(), MoneyBag([EUR5]), MoneyBag([USD3, EUR5, fine])):
        data = json.loads(json.dumps(bag.to_dict()))

        assert {"moneys": [money.to_dict() for money in bag]} == data
        assert bag == MoneyBag.from_dict(data)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [EUR5.to_dict()],
        {"moneys": None},
        {"moneys": "EUR 5.00"},
        {"moneys": EUR5.to_dict()},
        {"moneys": [5]},
        {"moneys": [EUR5]},
        {"moneys": [], "more": 1},
        {"moneys": [{"amount": "5.001", "currency": "EUR"}]},
    ],
)
def test_another_dictionary_is_refused(data: Any) -> None:
    """`from_dict` takes what `to_dict` writes, and nothing else."""
    with pytest.raises(InvalidAmountError):
        MoneyBag.from_dict(data)


def test_a_bag_holds_money_alone() -> None:
    """Anything else, an unknown currency, and sums out of bounds are refused."""
    with pytest.raises(InvalidAmountError, match="moneys must be Money, got 5"):
        MoneyBag([5])  # type: ignore[list-item]  # the very thing under test
    with pytest.raises(InvalidCurrencyError):
        MoneyBag()["eur"]
    with pytest.raises(AmountTooLargeError):
        MoneyBag([Money.from_minor(10**64 - 1, "EUR")] * 2)
