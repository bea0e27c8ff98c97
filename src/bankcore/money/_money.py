"""
Money: an exact amount of one currency.

Decided here: exact arithmetic. Inside, an amount is an integer of minor units (cents), and
nothing rounds unless the caller says how. Absent on purpose: locales and a default rounding.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, final, overload

import attrs

from bankcore.money._allocation import (
    Allocation,
    allocate,
    split,
    to_allocation,
    to_parts,
    to_weights,
)
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
    LISTED,
    Currency,
    currency_fields,
    currency_from_items,
    forbid_subclass,
    has_keys,
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
from bankcore.money._formatting import SHIFTS, decimal_text, format_money, parse_money, scaled
from bankcore.money._rounding import Exact, Rounding, exact_ratio, round_ratio
from bankcore.values._errors import naming, shown
from bankcore.values._schemas import schema_of, text_field


# For attrs and msgspec: money is these two fields.
@attrs.define(init=False, eq=False, repr=False, match_args=False, weakref_slot=False)
class _Fields:
    amount_minor: int
    currency: Currency


def _filled_once(slot: str, doc: str) -> property:
    """Return the property that reads *slot*, and fills it only while it is empty."""
    read = attrgetter(slot)

    def fill(money: "Money", value: object) -> None:
        # msgspec fills the fields of a new object one by one.
        if hasattr(money, slot):
            raise attrs.exceptions.FrozenInstanceError
        setattr(money, slot, value)

    return property(read, fill, doc=doc)


# Not frozen by attrs, which makes each new object cost twice as much: the slots have private names
# instead, as those of `fractions.Fraction` have, and the public names are properties.
@final
class Money(_Fields):
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

    __slots__ = ()
    __attrs_attrs__: ClassVar = attrs.fields(_Fields)  # msgspec looks for it here
    _minor = _Fields.amount_minor  # type: ignore[misc]  # its slot, under another name
    _currency = _Fields.currency  # type: ignore[misc]  # the same

    if TYPE_CHECKING:

        @property
        def amount_minor(self) -> int: ...  # type: ignore[override]  # read-only for all others
        @property
        def currency(self) -> Currency: ...  # type: ignore[override]  # the same
    else:
        amount_minor = _filled_once("_minor", "The amount in minor units (cents), an ``int``.")
        currency = _filled_once("_currency", "The `Currency`.")

    def __init__(
        self,
        amount: str | int | Decimal,
        currency: Currency | str,
        rounding: Rounding | str | None = None,
    ) -> None:
        if type(currency) is not Currency:
            try:
                # Nearly every currency was asked for before.
                currency = LISTED[currency]
            except (KeyError, TypeError):
                currency = to_currency(currency)
        self._currency = currency
        # A short cut for what has as many decimals as the currency, such as "1234.50" in EUR;
        # anything else goes through `minor_units`.
        exponent = currency.exponent
        if rounding is None and exponent:
            try:
                if type(amount) is str:
                    if amount[~exponent] == "." and (amount >= "1" or amount[1] == "."):
                        digits = amount.replace(".", "", 1)
                        # `isdigit` is true for digits of any script.
                        if digits.isdigit() and digits.isascii() and len(digits) <= DIGITS_MAX:
                            self._minor = int(digits)
                            return
                elif type(amount) is Decimal:
                    text = str(amount)
                    if text[~exponent] == "." and len(text) <= DIGITS_MAX:
                        self._minor = int(text.replace(".", "", 1))
                        return
            except (IndexError, ValueError):
                pass  # a text that is too short, or "1.2E-7"
        self._minor = minor_units(amount, currency, rounding)

    def __init_subclass__(cls) -> None:
        forbid_subclass(cls)

    def __attrs_post_init__(self) -> None:
        # msgspec fills an attrs class without calling `__init__`, but calls this.
        bounded(self._minor, "amount_minor")
        self._currency = Currency(self._currency.code, self._currency.exponent)

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
            return _make(amount_minor, currency)
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

        It parses what `str` of money writes, and `format` where it neither pads nor puts a space
        for a plus, in at most 128 characters. The currency is the ISO code in front or behind, or
        *currency*; then its code or symbol may be there. Groups have three digits, and may be
        left out. A space stands for no-break and thin spaces too.

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
            # The slots, because a property costs more than all the rest.
            if type(money) is not Money or money._currency is not found:  # type: ignore[redundant-expr]  # noqa: SLF001  # callers may be untyped
                found = require_money(money, "moneys", found)
            total += money._minor  # noqa: SLF001  # as above
        if found is None:
            error = InvalidAmountError("none", "must have money").about("moneys")
            raise error.advising("or pass currency=…")
        return _make(bounded(total), found)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units, with all the currency's decimals."""
        return scaled(self._minor, SHIFTS[self._currency.exponent])

    def __add__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        currency = self._currency
        if other._currency is not currency:
            require_same_currency(self, other)
        amount_minor = self._minor + other._minor
        if not -MINOR_BOUND < amount_minor < MINOR_BOUND:
            bounded(amount_minor)
        # As `_make` does; + and - are called the most.
        made = _new(Money)
        made._minor = amount_minor
        made._currency = currency
        return made

    def __radd__(self, other: int) -> "Money":
        # `sum(moneys)` begins with the int 0. Nothing else that is not money is added.
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        currency = self._currency
        if other._currency is not currency:
            require_same_currency(self, other)
        amount_minor = self._minor - other._minor
        if not -MINOR_BOUND < amount_minor < MINOR_BOUND:
            bounded(amount_minor)
        made = _new(Money)
        made._minor = amount_minor
        made._currency = currency
        return made

    def __mul__(self, factor: int) -> "Money":
        if type(factor) is not int:
            _refuse_number("*", factor, "an int (use times(…, rounding=…))")
            return NotImplemented
        return _make(bounded(self._minor * factor), self._currency)

    __rmul__ = __mul__

    def __truediv__(self, other: "Money") -> Fraction:
        if type(other) is not Money:
            _refuse_number("/", other, "a Money (use divided_by(…, rounding=…), or split)")  # type: ignore[unreachable]  # callers may be untyped
            return NotImplemented
        return Fraction(self._minor, _divisor(self, other))

    @overload
    def __floordiv__(self, other: int) -> "Money": ...
    @overload
    def __floordiv__(self, other: "Money") -> int: ...
    def __floordiv__(self, other: "int | Money") -> "Money | int":
        if not _divides("//", other):
            return NotImplemented
        quotient = self._minor // _divisor(self, other)
        return quotient if type(other) is Money else _make(quotient, self._currency)

    def __mod__(self, other: "int | Money") -> "Money":
        if not _divides("%", other):
            return NotImplemented
        return _make(self._minor % _divisor(self, other), self._currency)

    @overload
    def __divmod__(self, other: int) -> "tuple[Money, Money]": ...
    @overload
    def __divmod__(self, other: "Money") -> "tuple[int, Money]": ...
    def __divmod__(self, other: "int | Money") -> "tuple[Money | int, Money]":
        if not _divides("divmod", other):
            return NotImplemented
        return self // other, self % other

    def __neg__(self) -> "Money":
        return _make(-self._minor, self._currency)

    def __pos__(self) -> "Money":
        return self

    def __abs__(self) -> "Money":
        return _make(abs(self._minor), self._currency)

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
        minor = self._minor * numerator
        return from_ratio(
            minor, denominator, self._currency, rounding, "{} times {}", self, factor
        )

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
        minor = self._minor * (numerator if denominator > 0 else -numerator)
        said = "{} divided by {}"
        return from_ratio(minor, abs(denominator), self._currency, rounding, said, self, divisor)

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
        unit = step if type(step) is Money else naming("step", Money, step, self._currency)
        require_same_currency(self, unit, "step")
        if unit.amount_minor <= 0:
            raise InvalidAmountError(str(unit), "must be above zero").about("step")
        multiple = round_ratio(self._minor, unit.amount_minor, rounding)
        if multiple is None:
            error = RoundingRequiredError(str(self), f"must be a multiple of {unit}")
            raise error.advising("pass rounding=…")
        return _make(bounded(multiple * unit.amount_minor), self._currency)

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
            require_money(bound, name, self._currency)
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
        currency = self._currency
        parts = allocate(self._minor, to_weights(weights), to_allocation(mode))
        return tuple([_make(part, currency) for part in parts])

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
        # Equal parts are one object: money never changes.
        counted = split(self._minor, to_parts(parts), to_allocation(mode))
        return tuple(chain(*([_make(part, self._currency)] * times for part, times in counted)))

    def __eq__(self, other: object) -> bool:
        if type(other) is not Money:
            return NotImplemented
        return self._minor == other._minor and (
            self._currency is other._currency or self._currency == other._currency
        )

    def __hash__(self) -> int:
        # Equal amounts of two currencies share it, which costs less than to mix the code in.
        return self._minor

    def __lt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other._currency is not self._currency:
            require_same_currency(self, other)
        return self._minor < other._minor

    def __le__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other._currency is not self._currency:
            require_same_currency(self, other)
        return self._minor <= other._minor

    def __gt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other._currency is not self._currency:
            require_same_currency(self, other)
        return self._minor > other._minor

    def __ge__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other._currency is not self._currency:
            require_same_currency(self, other)
        return self._minor >= other._minor

    def __bool__(self) -> bool:
        return self._minor != 0

    def __str__(self) -> str:
        return f"{self._currency.code} {decimal_text(self._minor, self._currency.exponent)}"

    def __repr__(self) -> str:
        currency = self._currency
        code, exponent = currency.code, currency.exponent
        # The first condition says the same as the second, nearly always and quicker.
        if (code in LISTED and LISTED[code] is currency) or currency.is_listed:
            # As `decimal_text` does: no currency of ISO 4217 has more than 6 decimals.
            return f"Money('{scaled(self._minor, SHIFTS[exponent])!s}', '{code}')"
        return f"Money('{decimal_text(self._minor, exponent)}', {currency!r})"

    def __copy__(self) -> "Money":
        return self

    def __deepcopy__(self, memo: object) -> "Money":
        return self

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
        currency = self._currency
        if spec == ",":
            # What is asked for most needs no look at the format.
            return f"{currency.code} {scaled(self._minor, SHIFTS[currency.exponent]):,f}"
        return format_money(self._minor, currency, spec) if spec else str(self)

    def to_minor(self, exponent: int | None = None, rounding: Rounding | str | None = None) -> int:
        """
        Return the amount in minor units; in units of *exponent* decimals, if a payment provider
        counts in other units than ISO 4217.

            >>> Money("5", "UGX").to_minor(exponent=2)
            500

        Raises:
            RoundingRequiredError: If it is not exact in such units and no rounding was given.
            AmountTooLargeError: If it has over 64 digits in such units.
            InvalidCurrencyError: If the exponent is not an ``int`` from 0 to 18.
        """
        if exponent is None:
            return self._minor
        units = round_ratio(
            self._minor * POWERS[to_exponent(exponent)], POWERS[self._currency.exponent], rounding
        )
        if units is None:
            reason = f"must not have more decimals than asked for ({exponent})"
            raise RoundingRequiredError(str(self), reason).advising("pass rounding=…")
        return bounded(units)

    def to_dict(self) -> dict[str, Any]:
        """
        Return this money for JSON: ``amount`` as text, ``currency`` by its code, and
        ``exponent`` if the code does not say it.

            >>> Money("12.34", "EUR").to_dict()
            {'amount': '12.34', 'currency': 'EUR'}
            >>> Money("0.5", Currency("BTC", exponent=8)).to_dict()
            {'amount': '0.50000000', 'currency': 'BTC', 'exponent': 8}
        """
        currency = self._currency
        amount = decimal_text(self._minor, currency.exponent)
        code = currency.code
        if (code in LISTED and LISTED[code] is currency) or currency.is_listed:
            return {"amount": amount, "currency": code}
        return {"amount": amount, "currency": code, "exponent": currency.exponent}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Money":
        """
        Return the money that `to_dict` wrote.

        Raises:
            InvalidAmountError: If *data* has other keys, or no text of an amount.
            InvalidCurrencyError: If there is no such currency.
        """
        # A short cut for what is nearly always given.
        if type(data) is dict and len(data) == 2:
            code, amount = data.get("currency"), data.get("amount")
            if type(amount) is str and type(code) is str and code in LISTED:
                try:
                    return cls(amount, LISTED[code])
                except InvalidAmountError as error:
                    raise error.about("amount") from None
        if not has_keys(data, _KEYS, {"exponent"}):
            reason = "must have the keys 'amount' and 'currency', and may have 'exponent'"
            raise InvalidAmountError(shown(data), reason).about("data")
        amount = data["amount"]
        if not isinstance(amount, str):
            raise InvalidAmountError(shown(amount), "must be text in a dictionary").about("amount")
        currency = currency_from_items(data, "currency", "exponent")
        return naming("amount", cls, amount, currency)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return how Django writes this money in a migration: its class and its arguments."""
        currency = self._currency.code if self._currency.is_listed else self._currency
        amount = decimal_text(self._minor, self._currency.exponent)
        return "bankcore.Money", (amount, currency), {}

    def __composite_values__(self) -> tuple[int, str]:
        # What SQLAlchemy's `composite(Money.from_minor, …)` keeps in its two columns.
        if not self._currency.is_listed:
            reason = "must be of ISO 4217, because a composite's columns keep no exponent"
            raise InvalidCurrencyError(repr(self._currency), reason).about("currency")
        return self._minor, self._currency.code

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        return schema_of(cls, money_fields())

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int, Currency]]:
        return _make, (self._minor, self._currency)


_new = object.__new__
_KEYS = {"amount", "currency"}


def _make(amount_minor: int, currency: Currency) -> Money:
    made = _new(Money)
    made._minor = amount_minor  # noqa: SLF001  # what makes money fills it
    made._currency = currency  # noqa: SLF001  # the same
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
    return other


def _refuse_number(operator: str, other: object, expected: str) -> None:
    # Anything but a number may know what to do with money: Python asks it next.
    if type(other) is int or isinstance(other, float | Decimal | Fraction):
        found = f"Money {operator} {type(other).__name__}"
        raise InvalidOperandError(found, f"must be {expected}")


def money_fields() -> dict[str, Any]:
    """Return the fields of money in a schema of pydantic."""
    amount = text_field(AMOUNT_PATTERN, AMOUNT_TEXT_LENGTH)
    return {"amount": amount, **currency_fields("currency", "exponent")}
