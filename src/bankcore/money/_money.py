"""
Money: an exact amount of one currency.

Decided here: exact arithmetic. Inside, an amount is an integer of minor units (cents), and
nothing rounds unless the caller says how. Absent on purpose: locales and a default rounding.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from fractions import Fraction
from functools import total_ordering
from typing import Any, ClassVar, overload

import attrs

from bankcore.money._allocation import Allocation, allocate, to_allocation, to_parts, to_weights
from bankcore.money._amounts import (
    AMOUNT_PATTERN,
    AMOUNT_TEXT_LENGTH,
    DIGITS_MAX,
    MINOR_BOUND,
    POWERS,
    bounded,
    minor_units,
    too_precise,
)
from bankcore.money._currency import (
    CODE_PATTERN,
    EXPONENT_MAX,
    Currency,
    currency_from_items,
    to_currency,
    to_exponent,
)
from bankcore.money._errors import (
    CurrencyMismatchError,
    DivisionByZeroError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidFactorError,
    InvalidOperandError,
    RoundingRequiredError,
)
from bankcore.money._formatting import decimal_text, format_money, parse_money
from bankcore.money._rounding import Exact, Rounding, exact_ratio, round_ratio, to_rounding
from bankcore.values._errors import naming, shown


# `==` is by hand: that of attrs says the same, and costs twice as much. There are no weak
# references to money, as to numbers.
@total_ordering
@attrs.frozen(init=False, weakref_slot=False)
class Money:
    """
    An exact *amount* of *currency*, in whole units.

        >>> Money("12.34", "EUR").amount_minor
        1234
        >>> Money(5, "EUR") + Money("0.10", "EUR")
        Money('5.10', 'EUR')
        >>> Money("2.345", "EUR", rounding=Rounding.HALF_EVEN)
        Money('2.34', 'EUR')

    The amount is text (``-``, digits, at most one point), an ``int`` or a ``Decimal``; it has at
    most 64 digits and, unless a *rounding* is given, no more decimals than the currency. The
    currency is a `Currency` or an ISO 4217 code.

    Money is immutable. It adds, subtracts and compares within one currency, multiplies with an
    ``int``, divides by an ``int`` or by money with ``//``, ``%`` and `divmod` (rounded down, as
    Python does), and by money with ``/``, which gives a ``Fraction``. It is false if it is zero.
    In a pattern it is ``Money(amount, currency)``.

    Raises:
        InvalidAmountError: If the amount is anything else, such as a ``float``, a ``bool``,
            NaN, ``"1e3"``, ``" 5"``, ``"+5"``, ``"007"``, ``"-0"`` or ``"1_000"``.
        RoundingRequiredError: If it has more decimals than its currency and no rounding.
        AmountTooLargeError: If it has more than 64 digits.
        InvalidCurrencyError: If there is no such currency.
    """

    # As in `__init__`: `case Money(5, currency)` is five whole units.
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
            currency = to_currency(currency)
        _set_currency(self, currency)
        # A short cut for text like "1234.50" EUR, with as many decimals as the currency has;
        # `isdigit` is true for digits of any script. Anything else goes through `minor_units`.
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
                return
        mode = None if rounding is None else to_rounding(rounding)
        _set_minor(self, minor_units(amount, currency, mode))

    def __attrs_post_init__(self) -> None:
        # msgspec fills an attrs class without calling `__init__`, but calls this.
        bounded(self.amount_minor, "amount_minor")
        _set_currency(self, Currency(self.currency.code, self.currency.exponent))

    @classmethod
    def from_minor(
        cls,
        amount_minor: int,
        currency: Currency | str,
        exponent: int | None = None,
        rounding: Rounding | str | None = None,
    ) -> "Money":
        """
        Return the money of *amount_minor* minor units (cents), a plain ``int``.

            >>> Money.from_minor(1234, "EUR")
            Money('12.34', 'EUR')

        If a payment provider counts in other units than ISO 4217, *exponent* says how many
        decimals its units have.

            >>> Money.from_minor(500, "UGX", exponent=2)
            Money('5', 'UGX')

        Raises:
            InvalidAmountError: If it is not exactly an ``int``, or has over 64 digits.
            RoundingRequiredError: If it is not exact in minor units and no rounding was given.
            InvalidCurrencyError: If there is no such currency, or no such exponent.
        """
        if type(amount_minor) is not int:
            reason = "must be a plain int"
            raise InvalidAmountError(shown(amount_minor), reason).about("amount_minor")
        if type(currency) is not Currency:
            currency = to_currency(currency)
        if not -MINOR_BOUND < amount_minor < MINOR_BOUND:
            bounded(amount_minor, "amount_minor")
        if exponent is None:
            # As `_make` does: every amount that a store reads passes here.
            made = _new(Money)
            _set_minor(made, amount_minor)
            _set_currency(made, currency)
            return made
        return from_ratio(
            amount_minor * POWERS[currency.exponent],
            POWERS[to_exponent(exponent)],
            currency,
            rounding,
            decimal_text(amount_minor, exponent),
        )

    @classmethod
    def zero(cls, currency: Currency | str) -> "Money":
        """Return zero money in *currency*."""
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
        Return the money that the whole *text* says, with the separators given.

            >>> Money.parse("EUR 1,234.56", group_mark=",")
            Money('1234.56', 'EUR')
            >>> Money.parse("-1.234,5 €", "EUR", decimal_mark=",", group_mark=".")
            Money('-1234.50', 'EUR')

        It parses what `str` and `format` of money write, in at most 128 characters. The currency
        is the ISO code in front or behind, or *currency*; then its code or symbol may be there.
        Groups have three digits, and may be left out. A space stands for no-break spaces too.

        Raises:
            InvalidAmountError: If the whole text is not one amount of the currency.
            CurrencyMismatchError: If it names another currency than *currency*.
            InvalidCurrencyError: If there is no such currency.
            InvalidFormatError: If a separator is not one character, or both are the same.
        """
        given = None if currency is None else to_currency(currency)
        amount, found = parse_money(text, given, decimal_mark, group_mark)
        return naming("text", cls, amount, found)

    @classmethod
    def sum(cls, moneys: Iterable["Money"], currency: Currency | str | None = None) -> "Money":
        """
        Return the sum of *moneys*, in one pass; of an empty iterable, zero in *currency*.

            >>> Money.sum([Money("1.10", "EUR"), Money("2.20", "EUR")])
            Money('3.30', 'EUR')
            >>> Money.sum([], currency="EUR")
            Money('0.00', 'EUR')

        The built-in `sum` works too; of nothing, it gives the int 0.

        Raises:
            CurrencyMismatchError: If not all are of one currency, or of *currency*.
            InvalidAmountError: If something is not `Money`, or there is none and no currency.
        """
        total = 0
        found = None if currency is None else to_currency(currency)
        for money in moneys:
            if type(money) is not Money or money.currency is not found:
                found = require_money(money, "moneys", found)
            total += money.amount_minor
        if found is None:
            raise InvalidAmountError("none", "must have money, or pass currency=…").about("moneys")
        return _make(total, found)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units, with all the currency's decimals."""
        return Decimal(decimal_text(self.amount_minor, self.currency.exponent))

    def __add__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        currency = self.currency
        if other.currency is not currency:
            require_same_currency(self, other)
        # As `_make` does; these three are called the most.
        made = _new(Money)
        _set_minor(made, self.amount_minor + other.amount_minor)
        _set_currency(made, currency)
        return made

    def __radd__(self, other: int) -> "Money":
        # `sum(moneys)` begins with the int 0. Nothing else that is not money is added.
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        currency = self.currency
        if other.currency is not currency:
            require_same_currency(self, other)
        made = _new(Money)
        _set_minor(made, self.amount_minor - other.amount_minor)
        _set_currency(made, currency)
        return made

    def __mul__(self, factor: int) -> "Money":
        if type(factor) is not int:
            _refuse_number("*", factor, "an int (use times(…, rounding=…))")
            return NotImplemented
        return _make(bounded(self.amount_minor * factor), self.currency)

    __rmul__ = __mul__

    def __truediv__(self, other: "Money") -> Fraction:
        if type(other) is not Money:
            _refuse_number("/", other, "a Money (use divided_by(…, rounding=…), or split)")
            return NotImplemented
        return Fraction(self.amount_minor, _divisor(self, other))

    @overload
    def __floordiv__(self, other: int) -> "Money": ...
    @overload
    def __floordiv__(self, other: "Money") -> int: ...
    def __floordiv__(self, other: "int | Money") -> "Money | int":
        if not _divides("//", other):
            return NotImplemented
        quotient = self.amount_minor // _divisor(self, other)
        return quotient if type(other) is Money else _make(quotient, self.currency)

    def __mod__(self, other: "int | Money") -> "Money":
        if not _divides("%", other):
            return NotImplemented
        return _make(self.amount_minor % _divisor(self, other), self.currency)

    @overload
    def __divmod__(self, other: int) -> "tuple[Money, Money]": ...
    @overload
    def __divmod__(self, other: "Money") -> "tuple[int, Money]": ...
    def __divmod__(self, other: "int | Money") -> "tuple[Money | int, Money]":
        if not _divides("divmod", other):
            return NotImplemented
        return self // other, self % other

    def __neg__(self) -> "Money":
        made = _new(Money)
        _set_minor(made, -self.amount_minor)
        _set_currency(made, self.currency)
        return made

    def __pos__(self) -> "Money":
        return self

    def __abs__(self) -> "Money":
        return _make(abs(self.amount_minor), self.currency)

    def times(self, factor: Exact, rounding: Rounding | str | None = None) -> "Money":
        """
        Return this money *factor* times, rounded once to minor units as *rounding* says.

            >>> Money("9.99", "EUR").times("0.21", rounding=Rounding.HALF_UP)
            Money('2.10', 'EUR')

        The factor is an ``int``, a ``Decimal``, a ``Fraction`` or decimal text of up to 64 digits.

        Raises:
            RoundingRequiredError: If the product is not exact and no rounding was given.
            InvalidFactorError: If the factor is anything else, such as a ``float``.
            AmountTooLargeError: If the product has more than 64 digits.
        """
        numerator, denominator = exact_ratio(factor, InvalidFactorError, "factor")
        minor = self.amount_minor * numerator
        return from_ratio(minor, denominator, self.currency, rounding, "{} times {}", self, factor)

    def divided_by(self, divisor: Exact, rounding: Rounding | str | None = None) -> "Money":
        """
        Return this money divided by *divisor*, rounded once to minor units as *rounding* says.

            >>> Money("10", "EUR").divided_by(3, rounding=Rounding.HALF_UP)
            Money('3.33', 'EUR')

        The divisor is like the factor of `times`. To lose no cent, see `split` and `allocate`.

        Raises:
            DivisionByZeroError: If the divisor is zero. Other errors are those of `times`.
        """
        denominator, numerator = exact_ratio(divisor, InvalidFactorError, "divisor")
        if denominator == 0:
            raise DivisionByZeroError(str(self)).about("divisor")
        minor = self.amount_minor * (numerator if denominator > 0 else -numerator)
        said = "{} divided by {}"
        return from_ratio(minor, abs(denominator), self.currency, rounding, said, self, divisor)

    def rounded_to(
        self, step: "str | int | Decimal | Money", rounding: Rounding | str | None = None
    ) -> "Money":
        """
        Return the nearest multiple of *step*, in whole units, in the direction of *rounding*.

            >>> price = Money("9.98", "CHF")
            >>> price.rounded_to(price.currency.cash_step, rounding=Rounding.HALF_UP)
            Money('10.00', 'CHF')
            >>> price.rounded_to("0.50", rounding=Rounding.DOWN)
            Money('9.50', 'CHF')

        Raises:
            RoundingRequiredError: If it is no multiple of the step and no rounding was given,
                or the step itself is finer than the currency.
            InvalidAmountError: If the step is not an amount above zero.
            CurrencyMismatchError: If the step is money of another currency.
        """
        unit = step if type(step) is Money else naming("step", Money, step, self.currency)
        require_same_currency(self, unit, "step")
        if unit.amount_minor <= 0:
            raise InvalidAmountError(str(unit), "must be above zero").about("step")
        multiple = round_ratio(self.amount_minor, unit.amount_minor, rounding)
        if multiple is None:
            raise RoundingRequiredError(str(self), f"must be a multiple of {unit}")
        return _make(bounded(multiple * unit.amount_minor), self.currency)

    def clamp(self, lowest: "Money", highest: "Money") -> "Money":
        """
        Return this money if it is from *lowest* to *highest*, else the nearer of the two.

            >>> Money("12", "EUR").clamp(Money("0", "EUR"), Money("10", "EUR"))
            Money('10.00', 'EUR')

        Raises:
            CurrencyMismatchError: If the three are not of one currency.
            InvalidAmountError: If a bound is not `Money`, or *lowest* is above *highest*.
        """
        for name, bound in (("lowest", lowest), ("highest", highest)):
            require_money(bound, name, self.currency)
        if lowest > highest:
            raise InvalidAmountError(str(lowest), f"must not be above {highest}").about("lowest")
        return max(lowest, min(self, highest))

    def allocate(
        self, weights: Iterable[Exact], mode: Allocation = Allocation.LARGEST_REMAINDER
    ) -> tuple["Money", ...]:
        """
        Return this money divided in proportion to *weights*: the sum of the parts is the money.

            >>> [str(part) for part in Money("100", "EUR").allocate([1, 1, 1])]
            ['EUR 33.34', 'EUR 33.33', 'EUR 33.33']

        Each part is less than one minor unit from its exact share. *mode* says who gets what
        rounding leaves over. Negative money is allocated as the positive is; a weight of zero
        gets nothing. Weights are like the factor of `times`, and not negative.

        Raises:
            InvalidWeightsError: If there are none or over a million, one is negative or not an
                exact number, all are zero, or *mode* is not an `Allocation`.
        """
        return self._allocated(to_weights(weights), mode)

    def split(
        self, parts: int, mode: Allocation = Allocation.LARGEST_REMAINDER
    ) -> tuple["Money", ...]:
        """
        Return this money in *parts* that differ by one minor unit at most: the larger ones first.

            >>> [str(part) for part in Money("10", "EUR").split(3)]
            ['EUR 3.34', 'EUR 3.33', 'EUR 3.33']

        Same as `allocate` with equal weights.

        Raises:
            InvalidWeightsError: If *parts* is not an ``int`` from 1 to a million.
        """
        return self._allocated([1] * to_parts(parts), mode)

    def _allocated(self, weights: Sequence[int], mode: Allocation) -> tuple["Money", ...]:
        parts = allocate(self.amount_minor, weights, to_allocation(mode))
        return tuple(_make(part, self.currency) for part in parts)

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

    def __bool__(self) -> bool:
        return self.amount_minor != 0

    def __str__(self) -> str:
        return f"{self.currency.code} {decimal_text(self.amount_minor, self.currency.exponent)}"

    def __repr__(self) -> str:
        currency = self.currency
        named = repr(currency.code) if currency.is_listed else repr(currency)
        return f"Money({decimal_text(self.amount_minor, currency.exponent)!r}, {named})"

    def __format__(self, spec: str) -> str:
        """
        Return this money in the format ``[[fill]align][sign][width][group][~][beside]``.

            >>> f"{Money('1234.50', 'EUR'):>14,}"
            '  EUR 1,234.50'
            >>> f"{Money('1234.50', 'EUR'):+_~S}"
            '+1_234.5 €'

        *align* is ``<`` (the default), ``>`` or ``^``; *sign* is ``-`` (the default), ``+`` or a
        space; *group* is ``,`` or ``_``, every three digits; ``~`` leaves out zeros at the end
        of the decimals. *beside* is ``c`` (the code in front, the default), ``C`` (the code
        behind), ``s`` (the symbol in front), ``S`` (the symbol behind) or ``n`` (the number
        alone). The width is at most 999.

        Raises:
            InvalidFormatError: If the format is anything else.
        """
        return format_money(self.amount_minor, self.currency, spec) if spec else str(self)

    def to_minor(self, exponent: int | None = None, rounding: Rounding | str | None = None) -> int:
        """
        Return the amount in minor units; in units of *exponent* decimals, if a payment provider
        counts in other units than ISO 4217.

            >>> Money("5", "UGX").to_minor(exponent=2)
            500

        Raises:
            RoundingRequiredError: If it is not exact in such units and no rounding was given.
            InvalidCurrencyError: If the exponent is not an ``int`` from 0 to 18.
        """
        if exponent is None:
            return self.amount_minor
        units = round_ratio(
            self.amount_minor * POWERS[to_exponent(exponent)],
            POWERS[self.currency.exponent],
            rounding,
        )
        if units is None:
            reason = f"must not have more decimals than asked for ({exponent})"
            raise RoundingRequiredError(str(self), reason)
        return units

    def to_dict(self) -> dict[str, Any]:
        """
        Return this money for JSON: ``amount`` as text, ``currency`` by its code, and
        ``exponent`` if the code does not say it.

            >>> Money("12.34", "EUR").to_dict()
            {'amount': '12.34', 'currency': 'EUR'}
            >>> Money("0.5", Currency("BTC", exponent=8)).to_dict()
            {'amount': '0.50000000', 'currency': 'BTC', 'exponent': 8}
        """
        currency = self.currency
        amount = decimal_text(self.amount_minor, currency.exponent)
        items = {"amount": amount, "currency": currency.code}
        return items if currency.is_listed else {**items, "exponent": currency.exponent}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Money":
        """
        Return the money that `to_dict` wrote.

        Raises:
            InvalidAmountError: If *data* has other keys, or no text of an amount.
            InvalidCurrencyError: If there is no such currency.
        """
        if not has_keys(data, {"amount", "currency"}, {"exponent"}):
            reason = "must have the keys 'amount' and 'currency', and may have 'exponent'"
            raise InvalidAmountError(shown(data), reason).about("data")
        amount = data["amount"]
        if not isinstance(amount, str):
            raise InvalidAmountError(shown(amount), "must be text in a dictionary").about("amount")
        return cls(amount, currency_from_items(data, "currency", "exponent"))

    def __composite_values__(self) -> tuple[int, str]:
        # What SQLAlchemy's `composite(Money.from_minor, …)` keeps in its two columns.
        if not self.currency.is_listed:
            reason = "must be of ISO 4217, because a composite's columns keep no exponent"
            raise InvalidCurrencyError(repr(self.currency), reason).about("currency")
        return self.amount_minor, self.currency.code

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        # As JSON, it is the object of `to_dict`.
        from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

        amount = schema.str_schema(
            strict=True, max_length=AMOUNT_TEXT_LENGTH, pattern=f"^{AMOUNT_PATTERN}$"
        )
        code = schema.str_schema(strict=True, pattern=f"^{CODE_PATTERN}$")
        exponent = schema.int_schema(strict=True, ge=0, le=EXPONENT_MAX)
        fields = schema.typed_dict_schema(
            {
                "amount": schema.typed_dict_field(amount),
                "currency": schema.typed_dict_field(code),
                "exponent": schema.typed_dict_field(exponent, required=False),
            },
            extra_behavior="forbid",
        )
        from_dict = schema.no_info_after_validator_function(cls.from_dict, fields)
        return schema.json_or_python_schema(
            json_schema=from_dict,
            python_schema=schema.union_schema([schema.is_instance_schema(cls), from_dict]),
            serialization=schema.plain_serializer_function_ser_schema(
                cls.to_dict, return_schema=fields, when_used="json"
            ),
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int, Currency]]:
        return _make, (self.amount_minor, self.currency)


# `Money` is frozen: its slots are filled through their descriptors, which is quicker than
# `object.__setattr__`.
_new = object.__new__
_set_minor = Money.__dict__["amount_minor"].__set__
_set_currency = Money.__dict__["currency"].__set__


def _make(amount_minor: int, currency: Currency) -> Money:
    made = _new(Money)
    _set_minor(made, amount_minor)
    _set_currency(made, currency)
    return made


def from_ratio(
    numerator: int,
    denominator: int,
    currency: Currency,
    rounding: Rounding | str | None,
    said: str,
    *given: object,
) -> Money:
    """Return *numerator* / *denominator* minor units; an error says that *said* was asked for."""
    amount_minor = round_ratio(numerator, denominator, rounding)
    if amount_minor is None:
        raise too_precise(said.format(*given), currency)
    return _make(bounded(amount_minor), currency)


def require_same_currency(expected: Money, given: Money, field: str | None = None) -> None:
    """Raise `CurrencyMismatchError` about *field* unless both are of one currency."""
    require_money(given, field, expected.currency)


def require_money(value: object, field: str | None, currency: Currency | None = None) -> Currency:
    """Raise unless *value* is `Money` (in *currency*, if one is given); return its currency."""
    if type(value) is not Money:
        raise InvalidAmountError(shown(value), "must be Money").about(field)
    given = value.currency
    # Equal currencies are nearly always, and not quite always, the very same object.
    if currency is None or given is currency or given == currency:
        return currency or given
    name = repr if given.code == currency.code else str
    raise CurrencyMismatchError(name(currency), name(given)).about(field)


def _divides(operator: str, other: object) -> bool:
    if type(other) is Money or type(other) is int:
        return True
    _refuse_number(operator, other, "an int or a Money (use divided_by(…, rounding=…))")
    return False


def _divisor(money: Money, other: int | Money) -> int:
    if type(other) is Money:
        require_same_currency(money, other)
        other = other.amount_minor
    if other == 0:
        raise DivisionByZeroError(str(money))
    return other  # type: ignore[return-value]  # an int by now


def _refuse_number(operator: str, other: object, expected: str) -> None:
    # Anything but a number may know what to do with money: Python asks it next.
    if type(other) is int or isinstance(other, float | Decimal | Fraction):
        found = f"Money {operator} {type(other).__name__}"
        raise InvalidOperandError(found, f"must be {expected}")


def has_keys(data: object, required: AbstractSet[str], optional: AbstractSet[str]) -> bool:
    """Return True if *data* is a mapping with all *required* keys and no others but *optional*."""
    return isinstance(data, Mapping) and required <= set(data) <= required | optional
