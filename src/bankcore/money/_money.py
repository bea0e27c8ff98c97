"""
Money: an exact amount of one currency.

Decided here: what counts as an amount, and exact arithmetic with it. Inside, an
amount is an integer of minor units (cents); a float never gets in, and nothing
rounds unless the caller says how. No limit of any account is known here: `Money` is
exact at any size that can be written, and an account checks its own bounds.

Absent on purpose: locales, a default rounding, and rates (`bankcore.money._exchange`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any, ClassVar, Final, overload

import attrs

from bankcore.money._allocation import Allocation, shares, to_allocation, to_parts, to_weights
from bankcore.money._currency import EXPONENT_MAX, SEEN, Currency, to_currency, to_exponent
from bankcore.money._errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    DivisionByZeroError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidFactorError,
    InvalidOperandError,
    RoundingRequiredError,
)
from bankcore.money._formatting import laid_out, read, written
from bankcore.money._rounding import Exact, Rounding, exact_ratio, rounded, scaled, to_rounding
from bankcore.values._errors import shown

#: The most digits that an amount may be given with, in minor units or as text.
DIGITS_MAX: Final = 64

_MINOR_BOUND: Final = 10**DIGITS_MAX
_TEXT_LENGTH_MAX: Final = DIGITS_MAX + 2  # a sign and a point
# `to_currency` finds the same ones; asking here first only saves time.
_seen: Final = SEEN.get
_POWERS: Final[tuple[int, ...]] = tuple(10**n for n in range(DIGITS_MAX))


# What attrs would generate for `eq` says the same, and costs twice as much. No slot for weak
# references, as numbers have none: `_Unfrozen` needs the same layout.
@attrs.frozen(init=False, eq=False, order=False, repr=False, match_args=False, weakref_slot=False)
class Money:
    """
    An exact *amount* of *currency*, in whole units.

        >>> Money("12.34", "EUR")
        Money('12.34', 'EUR')
        >>> Money("12.34", "EUR").amount_minor
        1234
        >>> Money(5, "EUR") + Money("0.10", "EUR")
        Money('5.10', 'EUR')
        >>> Money("2.345", "EUR", rounding=Rounding.HALF_EVEN)
        Money('2.34', 'EUR')

    The amount is text (``-``, digits, at most one point), an ``int`` or a
    ``Decimal``; it has at most 64 digits and, unless a *rounding* is given, no more
    decimals than the currency. The currency is a `Currency` or an ISO 4217 code.

    Money is immutable. It adds, subtracts and compares within one currency, multiplies
    with an ``int``, divides by an ``int`` or by money with ``//``, ``%`` and `divmod`
    (rounded down, as Python does), and by money with ``/``, which gives a ``Fraction``.
    It is false where it is zero. In a pattern it is ``Money(amount, currency)``.

    Raises:
        InvalidAmountError: If the amount is anything else, such as a ``float``, a
            ``bool``, NaN, ``"1e3"``, ``" 5"``, ``"+5"``, ``"007"``, ``"-0"`` or
            ``"1_000"``. Nothing is ever guessed.
        RoundingRequiredError: If it has more decimals than the currency, and no rounding
            was given.
        AmountTooLargeError: If it has more than 64 digits.
        InvalidCurrencyError: If there is no such currency.
    """

    # In the order of the arguments: `case Money(5, currency)` is five whole units.
    __match_args__: ClassVar = ("amount", "currency")

    amount_minor: int
    currency: Currency

    def __init__(
        self,
        amount: str | int | Decimal,
        currency: Currency | str,
        rounding: Rounding | str | None = None,
    ) -> None:
        if type(currency) is not Currency:
            known = _seen(currency) if type(currency) is str else None
            currency = to_currency(currency) if known is None else known
        # The usual way, "1234.50" EUR, in the fewest steps: as many decimals as the currency
        # has, digits on both sides of the point (of any script for `isdigit`, hence
        # `isascii`), and no needless zero. Whatever else there is, is judged further down:
        # what this refuses of a good amount costs time, and changes no result.
        if type(amount) is str and rounding is None:
            whole, _, decimals = amount.partition(".")
            if (
                len(decimals) == currency.exponent
                and len(amount) <= DIGITS_MAX
                and (amount >= "1" or whole == "0")
                and whole.isdigit()
                and decimals.isdigit()
                and amount.isascii()
            ):
                _set_minor(self, int(whole + decimals))
                _set_currency(self, currency)
                return
        if rounding is not None:
            rounding = to_rounding(rounding)
        _set_minor(
            self,
            _minor_from_text(amount, currency, rounding)
            if type(amount) is str
            else _minor_units(amount, currency, rounding),
        )
        _set_currency(self, currency)

    def __attrs_post_init__(self) -> None:
        # For those who fill an attrs class without asking it, as msgspec does: the checks,
        # and the currency's own object.
        _bounded(self.amount_minor)
        _set_currency(self, Currency(self.currency.code, self.currency.exponent))

    # -- Other ways to make it --

    @classmethod
    def from_minor(
        cls,
        amount_minor: int,
        currency: Currency | str,
        exponent: int | None = None,
        rounding: Rounding | str | None = None,
    ) -> "Money":
        """
        The money of *amount_minor* minor units (cents), a plain ``int``.

            >>> Money.from_minor(1234, "EUR")
            Money('12.34', 'EUR')

        Where a payment provider counts in other units than ISO 4217, *exponent* says
        how many decimals its units have.

            >>> Money.from_minor(500, "UGX", exponent=2)
            Money('5', 'UGX')

        Raises:
            InvalidAmountError: If it is not exactly an ``int``, or has over 64 digits.
            RoundingRequiredError: If units at *exponent* are no whole number of minor
                units, and no rounding was given.
            InvalidCurrencyError: If there is no such currency, or no such exponent.
        """
        if type(amount_minor) is not int:
            raise InvalidAmountError(shown(amount_minor), "minor units are a plain int")
        if type(currency) is not Currency:
            known = _seen(currency) if type(currency) is str else None
            currency = to_currency(currency) if known is None else known
        if exponent is not None:
            return money_of_ratio(
                _bounded(amount_minor) * _POWERS[currency.exponent],
                _POWERS[to_exponent(exponent)],
                currency,
                rounding,
                lambda: written(amount_minor, exponent),
            )
        if not -_MINOR_BOUND < amount_minor < _MINOR_BOUND:
            raise _too_large()
        made = _Unfrozen()
        made.amount_minor = amount_minor
        made.currency = currency
        made.__class__ = Money
        return made  # type: ignore[return-value]  # it has become that

    @classmethod
    def zero(cls, currency: Currency | str) -> "Money":
        """
        No money, of *currency*.
        """
        return cls.from_minor(0, currency)

    @classmethod
    def parse(
        cls,
        text: str,
        currency: Currency | str | None = None,
        *,
        decimal_mark: str = ".",
        group_mark: str | None = None,
    ) -> "Money":
        """
        The money that *text* says, all of it, with separators as named.

            >>> Money.parse("EUR 1,234.56", group_mark=",")
            Money('1234.56', 'EUR')
            >>> Money.parse("-1.234,5 €", "EUR", decimal_mark=",", group_mark=".")
            Money('-1234.50', 'EUR')

        It reads whatever `str` and `format` of money write. The currency is the ISO code
        in front or behind, or *currency*; then its code or symbol may be there. Groups
        are of three digits, and may be left out. A space in a text or as *group_mark*
        stands for the no-break spaces too. A text has at most 128 characters.

        Raises:
            InvalidAmountError: If the whole text is not one amount. Nothing is skipped,
                guessed or rounded.
            RoundingRequiredError: If it has more decimals than the currency.
            AmountTooLargeError: If the text or the amount is too long.
            CurrencyMismatchError: If it names another currency than *currency*.
            InvalidCurrencyError: If there is no such currency.
            InvalidFormatError: If a separator is not one character, or both are the same.
        """
        amount, found = read(
            text, None if currency is None else to_currency(currency), decimal_mark, group_mark
        )
        return cls(amount, found)

    @classmethod
    def sum(cls, moneys: Iterable["Money"], currency: Currency | str | None = None) -> "Money":
        """
        The sum of *moneys*, in one pass; of none of them, no money in *currency*.

            >>> Money.sum([Money("1.10", "EUR"), Money("2.20", "EUR")])
            Money('3.30', 'EUR')
            >>> Money.sum([], currency="EUR")
            Money('0.00', 'EUR')

        The built-in `sum` works too; of nothing, it gives the int 0.

        Raises:
            CurrencyMismatchError: If not all are of one currency, or of *currency*.
            InvalidAmountError: If something is not `Money`, or there is nothing to add
                and no currency was given.
        """
        return _sum(moneys, None if currency is None else to_currency(currency))

    @property
    def amount(self) -> Decimal:
        """
        The amount in whole units, with all the currency's decimals.
        """
        return Decimal(written(self.amount_minor, self.currency.exponent))

    # -- Arithmetic --

    def __add__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        made = _Unfrozen()
        made.amount_minor = self.amount_minor + other.amount_minor
        made.currency = self.currency
        made.__class__ = Money
        return made  # type: ignore[return-value]  # it has become that

    def __radd__(self, other: int) -> "Money":
        # `sum(moneys)` begins with the int 0. Nothing else that is not money is taken.
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        made = _Unfrozen()
        made.amount_minor = self.amount_minor - other.amount_minor
        made.currency = self.currency
        made.__class__ = Money
        return made  # type: ignore[return-value]  # it has become that

    def __mul__(self, factor: int) -> "Money":
        if type(factor) is not int:
            _require_no_number("*", factor, "use times(…, rounding=…)")
            return NotImplemented
        return _make(_bounded(self.amount_minor * factor), self.currency)

    __rmul__ = __mul__

    def __truediv__(self, other: "Money") -> Fraction:
        if type(other) is not Money:
            _require_no_number("/", other, "use divided_by(…, rounding=…), or split into parts")
            return NotImplemented
        return Fraction(self.amount_minor, _divisor(self, other))

    @overload
    def __floordiv__(self, other: int) -> "Money": ...
    @overload
    def __floordiv__(self, other: "Money") -> int: ...
    def __floordiv__(self, other: "int | Money") -> "Money | int":
        if type(other) is Money:
            return self.amount_minor // _divisor(self, other)
        if type(other) is not int:
            _require_no_number("//", other, "use divided_by(…, rounding=…)")
            return NotImplemented
        return _make(self.amount_minor // _divisor(self, other), self.currency)

    def __mod__(self, other: "int | Money") -> "Money":
        if type(other) is not Money and type(other) is not int:
            _require_no_number("%", other, "use divided_by(…, rounding=…)")
            return NotImplemented
        return _make(self.amount_minor % _divisor(self, other), self.currency)

    @overload
    def __divmod__(self, other: int) -> "tuple[Money, Money]": ...
    @overload
    def __divmod__(self, other: "Money") -> "tuple[int, Money]": ...
    def __divmod__(self, other: "int | Money") -> "tuple[Money | int, Money]":
        if type(other) is not Money and type(other) is not int:
            _require_no_number("divmod", other, "use divided_by(…, rounding=…)")
            return NotImplemented
        quotient, rest = divmod(self.amount_minor, _divisor(self, other))
        return (
            quotient if type(other) is Money else _make(quotient, self.currency),
            _make(rest, self.currency),
        )

    def __neg__(self) -> "Money":
        return _make(-self.amount_minor, self.currency)

    def __pos__(self) -> "Money":
        return self

    def __abs__(self) -> "Money":
        return _make(abs(self.amount_minor), self.currency)

    def times(self, factor: Exact, rounding: Rounding | str | None = None) -> "Money":
        """
        This money *factor* times, rounded once to minor units as *rounding* says.

            >>> Money("9.99", "EUR").times("0.21", rounding=Rounding.HALF_UP)
            Money('2.10', 'EUR')

        The factor is an ``int``, a ``Decimal``, a ``Fraction`` or decimal text, of at
        most 64 digits.

        Raises:
            RoundingRequiredError: If the product is no whole number of minor units, and
                no rounding was given.
            InvalidFactorError: If the factor is anything else, such as a ``float``.
            AmountTooLargeError: If the product has more than 64 digits.
        """
        numerator, denominator = exact_ratio(factor, InvalidFactorError)
        return money_of_ratio(
            self.amount_minor * numerator,
            denominator,
            self.currency,
            rounding,
            lambda: f"{self} times {factor}",
        )

    def divided_by(self, divisor: Exact, rounding: Rounding | str | None = None) -> "Money":
        """
        This money divided by *divisor*, rounded once to minor units as *rounding* says.

            >>> Money("10", "EUR").divided_by(3, rounding=Rounding.HALF_UP)
            Money('3.33', 'EUR')

        The divisor is like the factor of `times`. To share money out, with no cent lost,
        see `split` and `allocate`.

        Raises:
            DivisionByZeroError: If the divisor is zero.
            RoundingRequiredError: If the quotient is no whole number of minor units, and
                no rounding was given.
            InvalidFactorError: If the divisor is no such number, such as a ``float``.
            AmountTooLargeError: If the quotient has more than 64 digits.
        """
        numerator, denominator = exact_ratio(divisor, InvalidFactorError)
        if numerator == 0:
            raise DivisionByZeroError(str(self))
        # What is below the line is above zero: the sign goes to the other side.
        if numerator < 0:
            numerator, denominator = -numerator, -denominator
        return money_of_ratio(
            self.amount_minor * denominator,
            numerator,
            self.currency,
            rounding,
            lambda: f"{self} divided by {divisor}",
        )

    def rounded_to(
        self, step: "str | int | Decimal | Money", rounding: Rounding | str | None = None
    ) -> "Money":
        """
        The nearest multiple of *step*, in whole units, in the direction of *rounding*.

            >>> price = Money("9.98", "CHF")
            >>> price.rounded_to(price.currency.cash_step, rounding=Rounding.HALF_UP)
            Money('10.00', 'CHF')
            >>> price.rounded_to("0.50", rounding=Rounding.DOWN)
            Money('9.50', 'CHF')

        Raises:
            RoundingRequiredError: If it is no multiple of the step and no rounding was
                given, or if the step itself is finer than the currency.
            InvalidAmountError: If the step is no amount, or not above zero.
            CurrencyMismatchError: If the step is money of another currency.
        """
        unit = step if type(step) is Money else Money(step, self.currency)  # type: ignore[arg-type]  # judged there
        require_same_currency(self, unit)
        if unit.amount_minor <= 0:
            raise InvalidAmountError(str(unit), "a step is above zero")
        if rounding is None:
            if self.amount_minor % unit.amount_minor:
                raise RoundingRequiredError(str(self), f"is no multiple of {unit}")
            return self
        multiple = rounded(self.amount_minor, unit.amount_minor, to_rounding(rounding))
        return _make(_bounded(multiple * unit.amount_minor), self.currency)

    def clamp(self, lowest: "Money", highest: "Money") -> "Money":
        """
        This money where it is from *lowest* to *highest*, else the nearer of the two.

            >>> Money("12", "EUR").clamp(Money("0", "EUR"), Money("10", "EUR"))
            Money('10.00', 'EUR')

        Raises:
            CurrencyMismatchError: If the three are not of one currency.
            InvalidAmountError: If a bound is not `Money`, or *lowest* is above *highest*.
        """
        for bound in (lowest, highest):
            if type(bound) is not Money:
                raise InvalidAmountError(shown(bound), "a bound is a Money")
            require_same_currency(self, bound)
        if lowest > highest:
            raise InvalidAmountError(str(lowest), f"the lowest is not above {highest}")
        return max(lowest, min(self, highest))

    # -- Sharing --

    def allocate(
        self, weights: Iterable[Exact], mode: Allocation = Allocation.LARGEST_REMAINDER
    ) -> tuple["Money", ...]:
        """
        This money shared out in proportion to *weights*: the sum of the parts is the money.

            >>> [str(part) for part in Money("100", "EUR").allocate([1, 1, 1])]
            ['EUR 33.34', 'EUR 33.33', 'EUR 33.33']

        Each part is less than one minor unit from its exact share. *mode* says who gets
        what rounding leaves over. Negative money is shared as the positive is; a weight
        of zero gets nothing. Weights are like the factor of `times`, and not negative.

        Raises:
            InvalidWeightsError: If there are none or over a million, one is negative or
                no exact number, all are zero, or *mode* is no `Allocation`.
        """
        return self._shared(to_weights(weights), mode)

    def split(
        self, parts: int, mode: Allocation = Allocation.LARGEST_REMAINDER
    ) -> tuple["Money", ...]:
        """
        This money in *parts* that differ by one minor unit at most: the larger ones first.

            >>> [str(part) for part in Money("10", "EUR").split(3)]
            ['EUR 3.34', 'EUR 3.33', 'EUR 3.33']

        Same as `allocate` with equal weights.

        Raises:
            InvalidWeightsError: If the number is not an ``int`` from 1 to a million, or
                *mode* is no `Allocation`.
        """
        return self._shared([1] * to_parts(parts), mode)

    def _shared(self, weights: Sequence[int], mode: Allocation) -> tuple["Money", ...]:
        parts = shares(self.amount_minor, weights, to_allocation(mode))
        return tuple(_make(part, self.currency) for part in parts)

    # -- Comparison --

    def __eq__(self, other: object) -> bool:
        if type(other) is not Money:
            return NotImplemented
        return self.amount_minor == other.amount_minor and (
            self.currency is other.currency or self.currency == other.currency
        )

    def __hash__(self) -> int:
        return hash((self.amount_minor, self.currency.code))

    def __lt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor < other.amount_minor

    def __le__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor <= other.amount_minor

    def __gt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor > other.amount_minor

    def __ge__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor >= other.amount_minor

    def __bool__(self) -> bool:
        return self.amount_minor != 0

    # -- Text --

    def __str__(self) -> str:
        return f"{self.currency.code} {written(self.amount_minor, self.currency.exponent)}"

    def __repr__(self) -> str:
        currency = self.currency
        named = repr(currency.code) if currency.is_listed else repr(currency)
        return f"Money({written(self.amount_minor, currency.exponent)!r}, {named})"

    def __format__(self, spec: str) -> str:
        """
        This money laid out by ``[[fill]align][sign][width][group][~][beside]``.

            >>> f"{Money('1234.50', 'EUR'):>14,}"
            '  EUR 1,234.50'
            >>> f"{Money('1234.50', 'EUR'):+_~S}"
            '+1_234.5 €'

        *align* is ``<`` (the default), ``>`` or ``^``; *sign* is ``-`` (the default),
        ``+`` or a space; *group* is ``,`` or ``_``, every three digits; ``~`` leaves out
        zeros at the end of the decimals. *beside* is ``c`` (the code in front, the
        default), ``C`` (the code behind), ``s`` (the symbol in front), ``S`` (the symbol
        behind) or ``n`` (the number alone). The width is at most 999.

        Raises:
            InvalidFormatError: If the format is anything else. Nothing is cut off.
        """
        return laid_out(self.amount_minor, self.currency, spec) if spec else str(self)

    # -- Other worlds --

    def to_minor(self, exponent: int | None = None, rounding: Rounding | str | None = None) -> int:
        """
        The amount in minor units; in units of *exponent* decimals, where a payment
        provider counts otherwise than ISO 4217.

            >>> Money("5", "UGX").to_minor(exponent=2)
            500

        Raises:
            RoundingRequiredError: If it is no whole number of such units, and no rounding
                was given.
            InvalidCurrencyError: If the exponent is not an ``int`` from 0 to 18.
        """
        if exponent is None:
            return self.amount_minor
        numerator = self.amount_minor * _POWERS[to_exponent(exponent)]
        denominator = _POWERS[self.currency.exponent]
        if rounding is not None:
            return rounded(numerator, denominator, to_rounding(rounding))
        units, rest = divmod(numerator, denominator)
        if rest:
            raise RoundingRequiredError(
                str(self), f"has more decimals than asked for ({exponent})"
            )
        return units

    def to_dict(self) -> dict[str, Any]:
        """
        This money for JSON: ``amount`` as text, ``currency`` by its code, and
        ``exponent`` where the code does not say it.

            >>> Money("12.34", "EUR").to_dict()
            {'amount': '12.34', 'currency': 'EUR'}
            >>> Money("0.5", Currency("BTC", exponent=8)).to_dict()
            {'amount': '0.50000000', 'currency': 'BTC', 'exponent': 8}
        """
        amount = written(self.amount_minor, self.currency.exponent)
        return {"amount": amount, **_currency_items(self.currency)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Money":
        """
        The money that `to_dict` wrote.

        Raises:
            InvalidAmountError: If *data* has other keys, or an amount that is not text or
                no amount of the currency.
            InvalidCurrencyError: If there is no such currency.
        """
        if not has_keys(data, {"amount", "currency"}, {"exponent"}):
            raise InvalidAmountError(
                shown(data), "it has the keys 'amount' and 'currency', and may have 'exponent'"
            )
        amount = data["amount"]
        if not isinstance(amount, str):
            raise InvalidAmountError(shown(amount), "in a dictionary an amount is text")
        return cls(amount, Currency(data["currency"], data.get("exponent")))

    def __composite_values__(self) -> tuple[int, str]:
        # What SQLAlchemy's `composite(Money.from_minor, …)` keeps in its two columns.
        if not self.currency.is_listed:
            raise InvalidCurrencyError(
                repr(self.currency), "two columns keep the code of ISO 4217 alone, no exponent"
            )
        return self.amount_minor, self.currency.code

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is Pydantic's
        # Pydantic asks for it; only then is it there to be imported.
        from pydantic_core import core_schema  # noqa: PLC0415

        fields = core_schema.typed_dict_schema(
            {
                "amount": core_schema.typed_dict_field(
                    core_schema.str_schema(
                        strict=True,
                        max_length=_TEXT_LENGTH_MAX,
                        pattern=r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$",
                    )
                ),
                "currency": core_schema.typed_dict_field(
                    core_schema.str_schema(strict=True, pattern=r"^[A-Z][A-Z0-9]{1,11}$")
                ),
                "exponent": core_schema.typed_dict_field(
                    core_schema.int_schema(strict=True, ge=0, le=EXPONENT_MAX), required=False
                ),
            },
            extra_behavior="forbid",
        )
        read_dict = core_schema.no_info_after_validator_function(cls.from_dict, fields)
        return core_schema.json_or_python_schema(
            json_schema=read_dict,
            python_schema=core_schema.union_schema(
                [core_schema.is_instance_schema(cls), read_dict]
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.to_dict, return_schema=fields, when_used="json"
            ),
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int, Currency]]:
        return _make, (self.amount_minor, self.currency)


# `Money` is frozen, so `__init__` fills its slots through their own descriptors.
_set_minor = Money.__dict__["amount_minor"].__set__
_set_currency = Money.__dict__["currency"].__set__


class _Unfrozen:
    """
    Money that is being made: the same slots, which may still be written.

    It becomes money by its ``__class__``. That is the quickest way there is to build a frozen
    object, by a third: it is in `_make`, and written out in `from_minor`, ``+`` and ``-``,
    which are called the most.
    """

    __slots__ = ("amount_minor", "currency")

    amount_minor: int
    currency: Currency
    __class__: Any


def _make(amount_minor: int, currency: Currency) -> Money:
    made = _Unfrozen()
    made.amount_minor = amount_minor
    made.currency = currency
    made.__class__ = Money
    return made  # type: ignore[return-value]  # it has become that


def money_of_ratio(
    numerator: int,
    denominator: int,
    currency: Currency,
    rounding: Rounding | str | None,
    said: Callable[[], str],
) -> Money:
    """
    The money of *numerator* / *denominator*, above zero, minor units of *currency*.

    Raises:
        RoundingRequiredError: If that is no whole number, and no rounding was given.
            *said* tells what was asked for.
        AmountTooLargeError: If it has more than 64 digits.
    """
    if rounding is not None:
        return _make(_bounded(rounded(numerator, denominator, to_rounding(rounding))), currency)
    amount_minor, rest = divmod(numerator, denominator)
    if rest:
        raise _too_precise(said(), currency)
    return _make(_bounded(amount_minor), currency)


def require_same_currency(expected: Money, given: Money, field: str = "amount") -> None:
    """
    Raise unless both are of one currency; *field* is the name of the given one.

    Raises:
        CurrencyMismatchError: If they are not.
    """
    if expected.currency is not given.currency and expected.currency != given.currency:
        raise _mismatch(expected.currency, given.currency).about(field)


def _mismatch(expected: Currency, given: Currency) -> CurrencyMismatchError:
    by_code = expected.code != given.code
    return CurrencyMismatchError(
        expected.code if by_code else repr(expected), given.code if by_code else repr(given)
    )


def _sum(moneys: Iterable[Money], currency: Currency | None) -> Money:
    total = 0
    for some in _batches(moneys):
        if currency is None:
            _checked(some[0], None)
            currency = some[0].currency
        # One comprehension and one `sum` of integers cost half of a loop that looks at each
        # type. What is no money is told by its fields here, and by the total's type; what
        # has a `Currency` and integers in the same fields would be added as what it says.
        try:
            minor = [money.amount_minor for money in some if money.currency is currency]
            subtotal = sum(minor)
        except (AttributeError, TypeError):
            subtotal = None
        if type(subtotal) is not int or len(minor) != len(some):
            subtotal = sum(_checked(money, currency) for money in some)
        total += subtotal
    if currency is None:
        raise InvalidAmountError("The sum of nothing", "it has no currency; pass currency=…")
    return _make(total, currency)


def _batches(moneys: Iterable[Money]) -> Iterator[Sequence[Money]]:
    """
    *moneys* in lists, none of them empty, so that an iterator's are not held all at once.
    How long a list is, and whether one that is there already is used, changes no sum.
    """
    if type(moneys) is list or type(moneys) is tuple:
        if moneys:
            yield moneys
        return
    iterator = iter(moneys)
    while some := list(islice(iterator, 1_000)):
        yield some


def _checked(money: Money, currency: Currency | None) -> int:
    if type(money) is not Money:
        raise InvalidAmountError(shown(money), "only Money is added")
    # Two equal currencies are nearly always, and not quite always, the very same object.
    if currency is not None and money.currency != currency:
        raise _mismatch(currency, money.currency)
    return money.amount_minor


def _divisor(money: Money, other: int | Money) -> int:
    if type(other) is Money:
        require_same_currency(money, other)
        other = other.amount_minor
    if other == 0:
        raise DivisionByZeroError(str(money))
    return other  # type: ignore[return-value]  # an int by now


def _require_no_number(operator: str, other: object, instead: str) -> None:
    # Whatever else there is may know itself what to do with money: Python asks it next.
    if type(other) is int or isinstance(other, float | Decimal | Fraction):
        raise InvalidOperandError(f"Money {operator} {type(other).__name__}", instead)


def _bounded(amount_minor: int) -> int:
    if -_MINOR_BOUND < amount_minor < _MINOR_BOUND:
        return amount_minor
    raise _too_large()


def _too_large() -> AmountTooLargeError:
    return AmountTooLargeError(
        "An integer", f"an amount has at most {DIGITS_MAX} digits in minor units"
    )


def _minor_units(amount: object, currency: Currency, rounding: Rounding | None) -> int:
    """
    *amount* in minor units of *currency*. The kinds are told apart by exact type:
    ``bool`` and the integers of NumPy are ints by inheritance, and are refused.
    """
    if type(amount) is int:
        return _bounded(_bounded(amount) * _POWERS[currency.exponent])
    if type(amount) is Decimal:
        return _minor_from_decimal(amount, currency, rounding)
    if isinstance(amount, str):
        return _minor_from_text(str.__str__(amount), currency, rounding)
    hint = "; write it as text, such as '0.10'" if isinstance(amount, float) else ""
    raise InvalidAmountError(shown(amount), f"an amount is text, an int or a Decimal{hint}")


def _minor_from_text(text: str, currency: Currency, rounding: Rounding | None) -> int:
    # Length first: `int()` of a text of thousands of digits is slow.
    if len(text) > _TEXT_LENGTH_MAX:
        raise AmountTooLargeError(shown(text), f"an amount has at most {DIGITS_MAX} digits")
    found = scaled(text)
    if found is None:
        if text[:1] == "-" and scaled(text[1:]):
            raise InvalidAmountError(shown(text), "there is no negative zero")
        raise InvalidAmountError(shown(text), "an amount is written like '12', '12.34' or '-0.50'")
    number, decimals = found
    missing = currency.exponent - decimals
    if missing >= 0:
        return _bounded(number * _POWERS[missing])
    if rounding is None:
        raise _too_precise(text, currency)
    return _bounded(rounded(number, _POWERS[-missing], rounding))


def _minor_from_decimal(amount: Decimal, currency: Currency, rounding: Rounding | None) -> int:
    if not amount.is_finite():
        raise InvalidAmountError(str(amount), "an amount is a finite number")
    if not amount:
        return 0
    # Magnitude first, before any conversion: Decimal("1E+999999") is a short text. Only the
    # order of size matters here; `_bounded` has the last word.
    sign, digits, exponent = amount.as_tuple()
    if amount.adjusted() > DIGITS_MAX or len(digits) > 2 * DIGITS_MAX:
        raise AmountTooLargeError("A Decimal", f"an amount has at most {DIGITS_MAX} digits")
    # Finite, so the exponent is an int. A Decimal counts by its value: the zeros that
    # trail in Decimal("1.500") say nothing.
    places = int(exponent) + currency.exponent
    number = int("".join(map(str, digits)))
    if sign:
        number = -number
    # At exactly 0 either way will do.
    if places >= 0:
        return _bounded(number * 10**places)
    # With 128 digits at most, whatever is smaller than 10⁻¹²⁹ rounds alike.
    denominator = 10 ** min(-places, 2 * DIGITS_MAX + 1)
    if rounding is not None:
        return _bounded(rounded(number, denominator, rounding))
    if number % denominator:
        raise _too_precise(str(amount), currency)
    return _bounded(number // denominator)


def _too_precise(value: str, currency: Currency) -> RoundingRequiredError:
    return RoundingRequiredError(
        value, f"has more decimals than {currency.code} allows ({currency.exponent})"
    )


def has_keys(data: object, required: AbstractSet[str], optional: AbstractSet[str]) -> bool:
    """
    Whether *data* is a mapping with all *required* keys, and else *optional* ones only.
    """
    return isinstance(data, Mapping) and required <= set(data) <= required | optional


def _currency_items(currency: Currency) -> dict[str, Any]:
    if currency.is_listed:
        return {"currency": currency.code}
    return {"currency": currency.code, "exponent": currency.exponent}
