"""
The errors of money: amounts, currencies, rounding, allocation and exchange rates.
"""

import attrs

from bankcore.values._errors import InvalidRequestError


@attrs.define(slots=False)
class InvalidAmountError(InvalidRequestError, ValueError):
    """
    An amount that is not exact, not a number, of the wrong type or sign.
    """

    code = "invalid_amount"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid amount: {self.reason}."


@attrs.define(slots=False)
class AmountTooLargeError(InvalidAmountError):
    """
    An amount beyond what can be represented or booked.
    """

    code = "amount_too_large"


@attrs.define(slots=False)
class RoundingRequiredError(InvalidAmountError):
    """
    An amount finer than its currency or step allows, where no rounding was asked for.
    """

    code = "rounding_required"

    def _message(self) -> str:
        return f"{self.value} {self.reason}; pass rounding=…, such as Rounding.HALF_EVEN."


@attrs.define(slots=False)
class InvalidRoundingError(InvalidRequestError, ValueError):
    """
    Something that is not one of the modes of rounding.
    """

    code = "invalid_rounding"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid rounding: {self.reason}."


@attrs.define(slots=False)
class InvalidFactorError(InvalidRequestError, ValueError):
    """
    A factor or divisor that is not an exact number, or has too many digits.
    """

    code = "invalid_factor"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid factor: {self.reason}."


@attrs.define(slots=False)
class InvalidOperandError(InvalidRequestError, TypeError):
    """
    An operator between money and a number with which the result may not be exact.

    The methods that take a ``rounding`` do what was meant.
    """

    code = "invalid_operand"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not an operation of Money: {self.reason}."


@attrs.define(slots=False)
class DivisionByZeroError(InvalidRequestError, ZeroDivisionError):
    """
    A division of money by zero, or by money that is zero.
    """

    code = "division_by_zero"
    value: str

    def _message(self) -> str:
        return f"{self.value} cannot be divided by zero."


@attrs.define(slots=False)
class InvalidWeightsError(InvalidRequestError, ValueError):
    """
    Weights by which nothing can be shared: none, all zero, one negative or no number.
    """

    code = "invalid_weights"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} cannot share money out: {self.reason}."


@attrs.define(slots=False)
class InvalidRateError(InvalidRequestError, ValueError):
    """
    An exchange rate that cannot be.
    """

    code = "invalid_rate"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid exchange rate: {self.reason}."


@attrs.define(slots=False)
class InvalidFormatError(InvalidRequestError, ValueError):
    """
    A format of money, or a pair of separators, that means nothing.
    """

    code = "invalid_format"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid format of money: {self.reason}."


@attrs.define(slots=False)
class InvalidCurrencyError(InvalidRequestError, ValueError):
    """
    A currency that cannot be: a malformed code, or no usable exponent.
    """

    code = "invalid_currency"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid currency: {self.reason}."


@attrs.define(slots=False)
class UnknownCurrencyError(InvalidCurrencyError, LookupError):
    """
    A code that ISO 4217 does not list, given without an exponent.
    """

    code = "unknown_currency"


@attrs.define(slots=False)
class AmbiguousCurrencyError(InvalidCurrencyError, LookupError):
    """
    A country or number that stands for several currencies, where one was asked for.
    """

    code = "ambiguous_currency"
    codes: tuple[str, ...]


@attrs.define(slots=False)
class CurrencyMismatchError(InvalidRequestError, ValueError):
    """
    Two currencies where there must be one.

    An account never changes its currency, so this does not depend on the state.
    """

    code = "currency_mismatch"
    expected: str
    given: str

    def _message(self) -> str:
        return f"The amount must be in {self.expected}, and it is in {self.given}."
