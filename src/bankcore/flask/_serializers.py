"""
Serializers: the bank's values as JSON.

Decided here: amounts are text, with their currency beside them once for each object; instants are
RFC 3339 in UTC.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from flask import Response

from bankcore.accounts import Account, Hold
from bankcore.ledger import Posting, Statement, StatementLine, Transaction
from bankcore.money import Money
from bankcore.money._formatting import decimal_text
from bankcore.values import AccountId

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def answer(
    members: Mapping[str, Any],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] = _NOTHING,
    content_type: str = "application/json",
) -> Response:
    """Return the response whose body is *members* as a line of JSON."""
    return Response(f"{_encode(members)}\n", status, dict(headers), content_type=content_type)


def instant_text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def amount_text(money: Money) -> str:
    """Return the amount without its currency, with all of the currency's decimals."""
    return decimal_text(money.amount_minor, money.currency.exponent)


def fact_json(value: object) -> Any:  # noqa: ANN401  # whatever JSON has
    """Return a fact of an error as JSON has it."""
    if isinstance(value, Money):
        return value.to_dict()
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int):
        return value
    if isinstance(value, tuple | list | frozenset):
        return [fact_json(each) for each in value]
    return str(value)


def money_json(thing: object, *names: str) -> dict[str, Any]:
    """Return the amounts that *thing* has under these names, behind the currency of them all."""
    currency = getattr(thing, names[0]).currency
    found = {"currency": currency.code}
    if not currency.is_listed:
        found["exponent"] = currency.exponent
    for name in names:
        found[name] = decimal_text(getattr(thing, name).amount_minor, currency.exponent)
    return found


def account_json(account: Account) -> dict[str, Any]:
    return {
        "id": account.id.value,
        **money_json(account, "balance", "held", "available", "overdraft_limit"),
        "status": account.status.value,
        "restriction": account.restriction.value,
        "restriction_reason": account.restriction_reason,
        "restriction_ends_at": instant_text(account.restriction_ends_at),
        "version": account.version,
    }


def _posting_json(posting: Posting) -> dict[str, Any]:
    return {
        "account_id": posting.account_id.value,
        **money_json(posting, "amount", "balance", "held", "available", "overdraft_limit"),
        "version": posting.version,
    }


def transaction_json(transaction: Transaction) -> dict[str, Any]:
    command = transaction.command
    # A reversal whose accounts the principal may not read names none.
    is_named = bool(transaction.postings or command.account_ids)
    return {
        "id": transaction.id.value,
        "kind": command.kind,
        "account_id": transaction.account_id.value if is_named else None,
        "booked_at": instant_text(transaction.booked_at),
        "description": command.description,
        "postings": list(map(_posting_json, transaction.postings)),
        "replayed": transaction.replayed,
    }


def statement_json(statement: Statement) -> dict[str, Any]:
    return {
        "account_id": statement.account_id.value,
        **money_json(statement, "opening_balance"),
        "lines": [_line_json(line, statement.account_id) for line in statement.lines],
        "closing_balance": amount_text(statement.closing_balance),
    }


def _line_json(line: StatementLine, account_id: AccountId) -> dict[str, Any]:
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


def hold_json(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id.value,
        **money_json(hold, "amount", "captured", "left"),
        "expires_at": instant_text(hold.expires_at),
        "description": hold.description,
    }
