"""
Shapes: how the bank's values look in JSON, out and in.

Decided here: amounts are text, with their currency beside them once for each object; instants
are RFC 3339 in UTC; and each field of a body has one meaning, one reader and one schema,
from which the OpenAPI document is made.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from bankcore.accounts import Account, Hold, Restriction
from bankcore.ledger import Posting, StatementLine, Transaction
from bankcore.money import Currency, Money
from bankcore.money._formatting import decimal_text
from bankcore.values import AccountId, PrincipalId
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import to_instant

# -- Out ---------------------------------------------------------------------

_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode


def json_text(members: Mapping[str, Any]) -> str:
    """
    *members* as a line of JSON.
    """
    return f"{_encoded(members)}\n"


def instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: object) -> Any:  # noqa: ANN401  # whatever JSON has
    """
    A fact of an error as JSON has it.
    """
    if isinstance(value, Money):
        return value.to_dict()
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int):
        return value
    if isinstance(value, tuple | list | frozenset):
        return [plain(each) for each in value]
    return str(value)


def amount_text(money: Money) -> str:
    """
    The amount alone, with all of its currency's decimals.
    """
    return decimal_text(money.amount_minor, money.currency.exponent)


def currency_shape(currency: Currency) -> dict[str, Any]:
    """
    The members that say the currency.
    """
    given = Money.zero(currency).to_dict()
    del given["amount"]
    return given


def account_shape(account: Account) -> dict[str, Any]:
    ends_at = account.restriction_ends_at
    return {
        "id": account.id.value,
        **currency_shape(account.balance.currency),
        "balance": amount_text(account.balance),
        "held": amount_text(account.held),
        "available": amount_text(account.available),
        "overdraft_limit": amount_text(account.overdraft_limit),
        "status": account.status.value,
        "restriction": account.restriction.value,
        "restriction_reason": account.restriction_reason,
        "restriction_ends_at": None if ends_at is None else instant_text(ends_at),
        "version": account.version,
    }


def _posting_shape(posting: Posting) -> dict[str, Any]:
    return {
        "account_id": posting.account_id.value,
        **currency_shape(posting.amount.currency),
        "amount": amount_text(posting.amount),
        "balance": amount_text(posting.balance),
        "held": amount_text(posting.held),
        "available": amount_text(posting.available),
        "overdraft_limit": amount_text(posting.overdraft_limit),
        "version": posting.version,
    }


def transaction_shape(transaction: Transaction) -> dict[str, Any]:
    command = transaction.command
    return {
        "id": transaction.id.value,
        "kind": command.kind,
        "account_id": transaction.account_id.value,
        "booked_at": instant_text(transaction.booked_at),
        "description": command.description,
        "postings": [_posting_shape(posting) for posting in transaction.postings],
        "replayed": transaction.replayed,
    }


def line_shape(line: StatementLine, account_id: AccountId) -> dict[str, Any]:
    transaction = line.transaction
    return {
        "transaction_id": transaction.id.value,
        "kind": transaction.command.kind,
        "booked_at": instant_text(line.booked_at),
        "amount": amount_text(line.amount),
        "balance": amount_text(line.balance),
        "version": transaction.posting(account_id).version,
        "description": transaction.command.description,
    }


def hold_shape(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id.value,
        **currency_shape(hold.amount.currency),
        "amount": amount_text(hold.amount),
        "captured": amount_text(hold.captured),
        "left": amount_text(hold.left),
        "expires_at": None if hold.expires_at is None else instant_text(hold.expires_at),
        "description": hold.description,
    }


# -- In ----------------------------------------------------------------------

_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?",
    re.ASCII,
).fullmatch
_INSTANT_HINT: Final = "it is like 2026-03-01T12:00:00Z, or a date like 2026-03-01"


def instant_from(text: str) -> datetime:
    """
    The instant of an RFC 3339 text; a date alone is its midnight in UTC.

    Raises:
        InvalidTimeError: If it is anything else.
    """
    match = _INSTANT(text)
    if match is None:
        raise InvalidTimeError(shown(text), _INSTANT_HINT)
    try:
        if match[1] is None:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return to_instant(datetime.fromisoformat(text))
    except ValueError as error:
        raise InvalidTimeError(shown(text), _INSTANT_HINT) from error


class Field(NamedTuple):
    """
    A field of a body: what JSON it is, how it is read, and what OpenAPI says of it.
    """

    type: type
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


def _text(read: Callable[[str], Any], **schema: Any) -> Field:  # noqa: ANN401  # whatever JSON has
    return Field(str, read, {"type": "string", **schema})


#: The form of an id, as JSON Schema has it.
ID_SCHEMA: Final = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$",
}
_AMOUNT: Final = _text(
    str,
    pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$",
    maxLength=66,
    description="Text, with no more decimals than the currency has.",
)

#: Every field that a body can have, by its name.
FIELDS: Final[Mapping[str, Field]] = {
    "amount": _AMOUNT,
    "initial_balance": _AMOUNT,
    "overdraft_limit": _AMOUNT,
    "currency": _text(
        str, pattern="^[A-Z0-9]{2,12}$", description="A code of ISO 4217, or the bank's own."
    ),
    "exponent": Field(
        int,
        int,
        {
            "type": "integer",
            "minimum": 0,
            "maximum": 18,
            "description": "How many decimals the currency has, where ISO 4217 does not say.",
        },
    ),
    "description": _text(str, maxLength=500, description="One line, for people."),
    "source_id": Field(str, AccountId, ID_SCHEMA),
    "destination_id": Field(str, AccountId, ID_SCHEMA),
    "holder": _text(
        PrincipalId,
        pattern="^[!-~]{1,128}$",
        description="Who holds all rights on the new account; of an owner, itself.",
    ),
    "sweep_to": Field(str, AccountId, ID_SCHEMA),
    "expires_at": _text(instant_from, format="date-time"),
    "ends_at": _text(instant_from, format="date-time"),
    "final": Field(
        bool, bool, {"type": "boolean", "description": "Frees what is left of the hold. Default."}
    ),
    "restriction": _text(str, enum=[each.value for each in Restriction]),
    "reason": _text(str, maxLength=500, description="One line: why."),
}

#: What JSON calls each type.
JSON_NAMES: Final = {str: "text", int: "a whole number", bool: "true or false"}


def money_of(body: Mapping[str, Any], name: str = "amount") -> Money:
    """
    The money that the body's field *name* and its currency say.
    """
    currency = Currency(body["currency"], body.get("exponent"))
    return Money(body[name], currency)


def receipt_status(transaction: Transaction) -> int:
    """
    201 for what was booked now, 200 for what had been booked before.
    """
    return HTTPStatus.OK if transaction.replayed else HTTPStatus.CREATED
