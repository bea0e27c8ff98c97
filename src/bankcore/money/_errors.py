"""
The errors of money: amounts, currencies, rounding, allocation and exchange rates.
"""

import attrs

from bankcore.values._errors import InvalidRequestError, InvalidValueError


@attrs.define(slots=False)
class InvalidAmountError(InvalidValueError, ValueError):
    """
    An amount that is not exact, not a number, or of the wrong type or sign.
    """

    code = "invalid_amount"
    noun = "The amount"


@attrs.define(slots=False)
class AmountTooLargeError(InvalidAmountError):
    """
    An amount that is too large to be represented or booked.
    """

    code = "amount_too_large"


@attrs.define(slots=False)
class RoundingRequiredError(InvalidAmountError):
    """
    An amount finer than its currency or step allows, with no rounding given.
    """

    code = "rounding_required"

    def __str__(self) -> str:
        return (
            f"{self._subject} {self.reason}, got {self.value}; round it first, or pass a rounding"
            " if the call takes one."
        )


@attrs.define(slots=False)
class InvalidRoundingError(InvalidValueError, ValueError):
    """
    Something that is not a rounding mode.
    """

    code = "invalid_rounding"
    noun = "The rounding"


@attrs.define(slots=False)
class InvalidFactorError(InvalidValueError, ValueError):
    """
    A factor or divisor that is not an exact number, or has too many digits.
    """

    code = "invalid_factor"
    noun = "The factor"


@attrs.define(slots=False)
class InvalidOperandError(InvalidValueError, TypeError):
    """
    An operator between money and a number whose result may not be exact.

    Call a method that takes a ``rounding`` instead.
    """

    code = "invalid_operand"
    noun = "The operand"


@attrs.define(slots=False)
class DivisionByZeroError(InvalidRequestError, ZeroDivisionError):
    """
    A division of money by zero, or by money that is zero.
    """

    code = "division_by_zero"
    noun = "The divisor"
    value: str

    def __str__(self) -> str:
        return f"{self._subject} must not be zero: {self.value} cannot be divided by it."


@attrs.define(slots=False)
class InvalidWeightsError(InvalidValueError, ValueError):
    """
    Weights that are none or all zero, or one that is negative or not a number.
    """

    code = "invalid_weights"
    noun = "The weights"


@attrs.define(slots=False)
class InvalidRateError(InvalidValueError, ValueError):
    """
    An exchange rate that is not an exact number above zero.
    """

    code = "invalid_rate"
    noun = "The exchange rate"


@attrs.define(slots=False)
class InvalidFormatError(InvalidValueError, ValueError):
    """
    A format or a separator of money that is not supported.
    """

    code = "invalid_format"
    noun = "The format"


@attrs.define(slots=False)
class InvalidCurrencyError(InvalidValueError, ValueError):
    """
    A malformed currency code or exponent.
    """

    code = "invalid_currency"
    noun = "The currency"


@attrs.define(slots=False)
class UnknownCurrencyError(InvalidCurrencyError, LookupError):
    """
    A code that ISO 4217 does not list, without an exponent.
    """

    code = "unknown_currency"


@attrs.define(slots=False)
class AmbiguousCurrencyError(InvalidCurrencyError, LookupError):
    """
    A country or number with several currencies, where one is needed.
    """

    code = "ambiguous_currency"
    codes: tuple[str, ...]


@attrs.define(slots=False)
class CurrencyMismatchError(InvalidRequestError, ValueError):
    """
    Two different currencies where they must be the same.

    An account never changes its currency, so this does not depend on the state.
    """

    code = "currency_mismatch"
    noun = "The amount"
    expected: str
    given: str

    def __str__(self) -> str:
        return f"{self._subject} must be in {self.expected}, got {self.given}."
