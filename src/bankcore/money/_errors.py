"""The errors of money: amounts, currencies, rounding, allocation and exchange rates."""

import attrs

from bankcore.values._errors import InvalidRequestError, InvalidValueError


class InvalidAmountError(InvalidValueError, ValueError):
    """An amount that is not exact, not a number, or of the wrong type or sign."""

    code = "invalid_amount"
    noun = "The amount"


class AmountTooLargeError(InvalidAmountError):
    """An amount that is too large to be represented or booked."""

    code = "amount_too_large"


class RoundingRequiredError(InvalidAmountError):
    """An amount finer than its currency or step allows, with no rounding given."""

    code = "rounding_required"
    sentence = "{0._subject} {0.reason}, got {0.value}; round it first{0._advice}."
    _form_of_advice = ", or {}"


class InvalidRoundingError(InvalidValueError, ValueError):
    """Something that is not a rounding mode."""

    code = "invalid_rounding"
    noun = "The rounding"


class InvalidFactorError(InvalidValueError, ValueError):
    """A factor or divisor that is not an exact number, or has too many digits."""

    code = "invalid_factor"
    noun = "The factor"


class InvalidOperandError(InvalidValueError, TypeError):
    """Money times or divided by a number that only a method with a ``rounding`` takes."""

    code = "invalid_operand"
    noun = "The operand"


@attrs.define(slots=False)
class DivisionByZeroError(InvalidRequestError, ZeroDivisionError):
    """A division of money by zero, or by money that is zero."""

    code = "division_by_zero"
    noun = "The divisor"
    sentence = "{0._subject} must not be zero: {0.value} cannot be divided by it."
    value: str


class InvalidWeightsError(InvalidValueError, ValueError):
    """Weights that are none or all zero, or one that is negative or not a number."""

    code = "invalid_weights"
    noun = "The weights"


class InvalidRateError(InvalidValueError, ValueError):
    """An exchange rate that is not an exact number above zero."""

    code = "invalid_rate"
    noun = "The exchange rate"


class InvalidFormatError(InvalidValueError, ValueError):
    """A format or a separator of money that is not supported."""

    code = "invalid_format"
    noun = "The format"


class InvalidCurrencyError(InvalidValueError, ValueError):
    """A malformed currency code or exponent."""

    code = "invalid_currency"
    noun = "The currency"


class UnknownCurrencyError(InvalidCurrencyError, LookupError):
    """A code that ISO 4217 does not list, without an exponent."""

    code = "unknown_currency"


@attrs.define(slots=False)
class AmbiguousCurrencyError(InvalidCurrencyError, LookupError):
    """A country or number with several currencies, where one is needed."""

    code = "ambiguous_currency"
    codes: tuple[str, ...]


@attrs.define(slots=False)
class CurrencyMismatchError(InvalidRequestError, ValueError):
    """Two currencies where one is needed. An account never changes its own: the call is wrong."""

    code = "currency_mismatch"
    noun = "The amount"
    sentence = "{0._subject} must be in {0.expected}, got {0.given}."
    expected: str
    given: str
