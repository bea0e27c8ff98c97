"""
Amounts in an object of JSON: text, with all decimals, and their currency once beside them all.

`Money.to_dict` is the form of money that stands alone.
"""

from typing import Any, Final

from bankcore.money._amounts import AMOUNT_PATTERN
from bankcore.money._currency import CODE_PATTERN, EXPONENT_MAX
from bankcore.money._exchange import RATE_LENGTH, RATE_PATTERN
from bankcore.money._formatting import decimal_text
from bankcore.money._money import Money
from bankcore.values._json import Json, object_schema

#: The form of a currency's code, as JSON Schema has it.
CURRENCY_SCHEMA: Final[Json] = {
    "type": "string",
    "pattern": f"^{CODE_PATTERN}$",
    "examples": ["EUR"],
}
AMOUNT_SCHEMA: Final[Json] = {"type": "string", "pattern": f"^{AMOUNT_PATTERN}$"}
EXPONENT_SCHEMA: Final[Json] = {"type": "integer", "minimum": 0, "maximum": EXPONENT_MAX}
#: What `ExchangeRate.to_dict` returns.
RATE_SCHEMA: Final = object_schema(
    {
        "base": CURRENCY_SCHEMA,
        "quote": CURRENCY_SCHEMA,
        "rate": {"type": "string", "pattern": f"^{RATE_PATTERN}$", "maxLength": RATE_LENGTH},
        "base_exponent": EXPONENT_SCHEMA,
        "quote_exponent": EXPONENT_SCHEMA,
    },
    optional=("base_exponent", "quote_exponent"),
)


def amount_text(money: Money) -> str:
    """Return the amount without its currency, with all of the currency's decimals."""
    return decimal_text(money.amount_minor, money.currency.exponent)


def amounts_of(thing: object, *names: str) -> dict[str, Any]:
    """Return the amounts that *thing* has under these names, behind the currency of them all."""
    currency = getattr(thing, names[0]).currency
    found = {"currency": currency.code}
    if not currency.is_listed:
        found["exponent"] = currency.exponent
    for name in names:
        found[name] = decimal_text(getattr(thing, name).amount_minor, currency.exponent)
    return found


def amounts_schema(*names: str) -> Json:
    """Return the members of `amounts_of` and their schemas; ``exponent`` is optional."""
    members = {"currency": CURRENCY_SCHEMA, "exponent": EXPONENT_SCHEMA}
    return members | dict.fromkeys(names, AMOUNT_SCHEMA)
