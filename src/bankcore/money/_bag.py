"""
Bags: money of several currencies, kept side by side.

Decided here: a bag has at most one amount of each currency, and never a zero.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import attrs

from bankcore.money._currency import Currency, forbid_subclass, has_keys, to_currency
from bankcore.money._errors import InvalidAmountError
from bankcore.money._money import Money, money_fields, require_money
from bankcore.values._errors import shown
from bankcore.values._schemas import list_field, schema_of


def _net(moneys: Iterable[Money]) -> tuple[Money, ...]:
    minor: Counter[Currency] = Counter()
    for money in moneys:
        minor[require_money(money, "moneys")] += money.amount_minor
    currencies = sorted(minor, key=lambda each: (each.code, each.exponent))
    return tuple(Money.from_minor(minor[each], each) for each in currencies if minor[each])


@final
@attrs.frozen
class MoneyBag:
    """
    The sums of *moneys* by currency, without zeros.

        >>> bag = MoneyBag([Money("5", "EUR"), Money("3", "USD"), Money("-3", "USD")])
        >>> bag + Money("1", "JPY")
        MoneyBag([Money('5.00', 'EUR'), Money('1', 'JPY')])
        >>> bag["EUR"], bag["USD"]
        (Money('5.00', 'EUR'), Money('0.00', 'USD'))

    A bag is immutable. ``+`` and ``-`` take another bag or money; the built-in `sum` works.
    Iterating gives the moneys by the codes of their currencies, `len` counts them, and an empty
    bag is false. ``<=`` is true if it is true in every currency, so there are bags of which
    neither is less, as there are such sets.

    Raises:
        InvalidAmountError: If something is not `Money`.
        AmountTooLargeError: If a sum has more than 64 digits.
    """

    moneys: tuple[Money, ...] = attrs.field(default=(), converter=_net)

    def __init_subclass__(cls) -> None:
        forbid_subclass(cls)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the bag for JSON: ``moneys`` as `Money.to_dict` writes them, by currency.

            >>> MoneyBag([Money("5", "EUR")]).to_dict()
            {'moneys': [{'amount': '5.00', 'currency': 'EUR'}]}
        """
        return {"moneys": [money.to_dict() for money in self.moneys]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "MoneyBag":
        """
        Return the bag that `to_dict` wrote.

        Raises:
            InvalidAmountError: If *data* has other keys, or something else than a list of money.
            InvalidCurrencyError: If there is no such currency.
        """
        moneys = data["moneys"] if has_keys(data, {"moneys"}, set()) else None
        if not isinstance(moneys, list | tuple):
            reason = "must have the key 'moneys' alone, a list of money"
            raise InvalidAmountError(shown(data), reason).about("data")
        return cls(map(Money.from_dict, moneys))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        return schema_of(cls, {"moneys": list_field(money_fields())})

    def __getitem__(self, currency: Currency | str) -> Money:
        found = to_currency(currency)
        for money in self.moneys:
            if money.currency == found:
                return money
        return Money.zero(found)

    def __iter__(self) -> Iterator[Money]:
        return iter(self.moneys)

    def __len__(self) -> int:
        return len(self.moneys)

    def __add__(self, other: "MoneyBag | Money") -> "MoneyBag":
        if type(other) is MoneyBag:
            return MoneyBag((*self.moneys, *other.moneys))
        if type(other) is Money:
            return MoneyBag((*self.moneys, other))
        return NotImplemented

    def __radd__(self, other: Money | int) -> "MoneyBag":
        # `sum` begins with the int 0.
        if type(other) is int and other == 0:
            return self
        return self.__add__(other)  # type: ignore[operator]  # it checks the type

    def __sub__(self, other: "MoneyBag | Money") -> "MoneyBag":
        if type(other) is MoneyBag or type(other) is Money:
            return self + -other
        return NotImplemented

    def __rsub__(self, other: Money) -> "MoneyBag":
        return (-self).__add__(other)

    def __neg__(self) -> "MoneyBag":
        return MoneyBag(-money for money in self.moneys)

    # Python tries these for `>=` and `>` too, with the two bags exchanged.
    def __le__(self, other: "MoneyBag") -> bool:
        if type(other) is not MoneyBag:
            return NotImplemented
        return all(money.amount_minor > 0 for money in other - self)

    def __lt__(self, other: "MoneyBag") -> bool:
        if type(other) is not MoneyBag:
            return NotImplemented
        return self != other and self <= other

    def __str__(self) -> str:
        return ", ".join(map(str, self.moneys))

    def __repr__(self) -> str:
        return f"MoneyBag({list(self.moneys)})" if self.moneys else "MoneyBag()"
