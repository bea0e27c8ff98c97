"""
The resources: what can be asked for under which path, and how the bank is asked.

Decided here: paths, methods, fields and parameters, each endpoint one entry of `ENDPOINTS`,
from which the routes and the OpenAPI document are made. Every handler is given a bank that
acts as the one who asks, and nothing else of the bank.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import attrs

from bankcore.bank import Bank
from bankcore.flask._cursors import cursor_text, place_of
from bankcore.flask._problems import Problem
from bankcore.flask._shapes import (
    account_shape,
    amount_text,
    currency_shape,
    hold_shape,
    instant_from,
    line_shape,
    money_of,
    receipt_status,
    transaction_shape,
)
from bankcore.ledger import Transaction
from bankcore.ledger._errors import InvalidLimitError
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import InvalidTimeError, shown

#: The most entries of a page, and how many there are where nobody says.
LIMIT_MAX: Final = 200
LIMIT_DEFAULT: Final = 50
#: The longest span of one statement, in days: 100 years.
SPAN_DAYS_MAX: Final = 36_525

_MONEY: Final = ("amount", "currency")
_SAID: Final = ("exponent", "description")
_AMOUNT_FIELDS: Final = frozenset({"amount", "currency", "exponent"})


@attrs.frozen
class Call:
    """
    What a handler knows of a request.

    Attributes:
        bank: The bank, for the one who asks.
        path: The ids in the path, as text.
        body: The fields of the body, read.
        query: The query parameters, read.
        transaction_id: The id that its idempotency key stands for; None for a GET.
        expected_version: What If-Match asked for.
    """

    bank: Bank
    path: Mapping[str, str]
    body: Mapping[str, Any]
    query: Mapping[str, Any]
    transaction_id: TransactionId | None
    expected_version: int | None

    @property
    def account_id(self) -> AccountId:
        return AccountId(self.path["account_id"])

    @property
    def options(self) -> dict[str, Any]:
        """
        What every command takes.
        """
        return {
            "transaction_id": self.transaction_id,
            "description": self.body.get("description"),
            "expected_version": self.expected_version,
        }


@attrs.frozen
class Reply:
    """
    A "yes": its members, status, and headers.
    """

    members: Mapping[str, Any]
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Endpoint:
    """
    One thing that can be asked for.

    Attributes:
        name: What it is called in logs, in OpenAPI, and to the hook that limits rates.
        schema: The name of what comes back, in OpenAPI.
    """

    name: str
    method: str
    path: str
    summary: str
    handle: Callable[[Call], Reply]
    schema: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    query: Mapping[str, Callable[[str], Any]] = attrs.field(factory=dict)

    @property
    def is_write(self) -> bool:
        return self.method == "POST"


# -- Accounts ----------------------------------------------------------------


def _booked(transaction: Transaction, **headers: str) -> Reply:
    if transaction.replayed:
        headers["Idempotency-Replayed"] = "true"
    if transaction.postings:
        headers["ETag"] = f'"{transaction.postings[0].version}"'
    return Reply(transaction_shape(transaction), receipt_status(transaction), headers)


def _open_account(call: Call) -> Reply:
    limit = money_of(call.body, "overdraft_limit") if "overdraft_limit" in call.body else None
    transaction = call.bank.open_account(
        initial_balance=money_of(call.body, "initial_balance"),
        overdraft_limit=limit,
        holder=call.body.get("holder"),
        **call.options,
    )
    return _booked(transaction)


def _account(call: Call) -> Reply:
    account = call.bank.account(call.account_id)
    return Reply(account_shape(account), headers={"ETag": f'"{account.version}"'})


def _accounts(call: Call) -> Reply:
    limit = call.query.get("limit", LIMIT_DEFAULT)
    after = None
    if "cursor" in call.query:
        after = AccountId(place_of("accounts", call.query["cursor"], str))
    found = list(islice(call.bank.accounts(after=after), limit + 1))
    page = found[:limit]
    more = cursor_text("accounts", page[-1].id.value) if len(found) > limit else None
    return Reply({"accounts": list(map(account_shape, page)), "next": more})


def _close_account(call: Call) -> Reply:
    sweep_to = call.body.get("sweep_to")
    return _booked(call.bank.close_account(call.account_id, sweep_to=sweep_to, **call.options))


def _restrict(call: Call) -> Reply:
    transaction = call.bank.restrict(
        call.account_id,
        call.body["restriction"],
        reason=call.body.get("reason"),
        ends_at=call.body.get("ends_at"),
        **call.options,
    )
    return _booked(transaction)


# -- Money -------------------------------------------------------------------


def _deposit(call: Call) -> Reply:
    return _booked(call.bank.deposit(call.account_id, money_of(call.body), **call.options))


def _withdraw(call: Call) -> Reply:
    return _booked(call.bank.withdraw(call.account_id, money_of(call.body), **call.options))


def _transfer(call: Call) -> Reply:
    transaction = call.bank.transfer(
        call.body["source_id"], call.body["destination_id"], money_of(call.body), **call.options
    )
    return _booked(transaction)


def _reverse(call: Call) -> Reply:
    return _booked(call.bank.reverse(call.path["transaction_id"], **call.options))


# -- Holds -------------------------------------------------------------------


def _holds(call: Call) -> Reply:
    return Reply({"holds": [hold_shape(hold) for hold in call.bank.holds(call.account_id)]})


def _place_hold(call: Call) -> Reply:
    transaction = call.bank.place_hold(
        call.account_id,
        money_of(call.body),
        expires_at=call.body.get("expires_at"),
        **call.options,
    )
    return _booked(transaction)


def _capture_hold(call: Call) -> Reply:
    amount = None
    if not _AMOUNT_FIELDS.isdisjoint(call.body):
        missing = [name for name in _MONEY if name not in call.body]
        if missing:
            raise Problem(
                HTTPStatus.BAD_REQUEST, "missing_field", f"The field {missing[0]} is missing."
            )
        amount = money_of(call.body)
    transaction = call.bank.capture_hold(
        call.account_id,
        call.path["hold_id"],
        amount,
        final=call.body.get("final", True),
        destination_id=call.body.get("destination_id"),
        **call.options,
    )
    return _booked(transaction)


def _release_hold(call: Call) -> Reply:
    return _booked(call.bank.release_hold(call.account_id, call.path["hold_id"], **call.options))


# -- What happened -----------------------------------------------------------


def _transaction(call: Call) -> Reply:
    return Reply(transaction_shape(call.bank.transaction(call.path["transaction_id"])))


def _statement(call: Call) -> Reply:
    account_id = call.account_id
    start, end = call.query.get("start"), call.query.get("end")
    if start is not None and end is not None and end - start > timedelta(days=SPAN_DAYS_MAX):
        raise InvalidTimeError(
            end.isoformat(), f"a statement covers at most {SPAN_DAYS_MAX:,} days"
        )
    limit = call.query.get("limit", LIMIT_DEFAULT)
    # A cursor goes with its account and its span.
    resource = f"statement {account_id} {start} {end}"
    after = None
    if "cursor" in call.query:
        after = place_of(resource, call.query["cursor"], int)
    statement = call.bank.statement(
        account_id, start=start, end=end, after_version=after, limit=limit + 1
    )
    lines = [line_shape(line, account_id) for line in statement.lines[:limit]]
    more = None
    if len(statement.lines) > limit:
        more = cursor_text(resource, lines[-1]["version"])
    balance = statement.lines[:limit][-1].balance if lines else statement.opening_balance
    return Reply(
        {
            "account_id": account_id.value,
            **currency_shape(balance.currency),
            "opening_balance": amount_text(statement.opening_balance),
            "lines": lines,
            "closing_balance": amount_text(balance),
            "next": more,
        }
    )


# -- All of them -------------------------------------------------------------


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LIMIT_MAX):
        raise InvalidLimitError(shown(text), f"a limit is a whole number from 1 to {LIMIT_MAX}")
    return int(text)


_PAGE: Final[Mapping[str, Callable[[str], Any]]] = {"limit": _limit, "cursor": str}


def _get(
    name: str,
    path: str,
    summary: str,
    handle: Callable[[Call], Reply],
    schema: str,
    query: Mapping[str, Callable[[str], Any]] = MappingProxyType({}),
) -> Endpoint:
    return Endpoint(name, "GET", path, summary, handle, schema, query=query)


def _post(
    name: str,
    path: str,
    summary: str,
    handle: Callable[[Call], Reply],
    required: Iterable[str] = (),
    optional: Iterable[str] = ("description",),
) -> Endpoint:
    return Endpoint(
        name, "POST", path, summary, handle, "Transaction", tuple(required), tuple(optional)
    )


#: Everything that can be asked for, by principals that are known.
ENDPOINTS: Final = (
    _get(
        "list_accounts",
        "/accounts",
        "The accounts that you may read, in the order of their ids.",
        _accounts,
        "Accounts",
        query=_PAGE,
    ),
    _post(
        "open_account",
        "/accounts",
        "Open an account; the bank makes its id.",
        _open_account,
        ("initial_balance", "currency"),
        ("overdraft_limit", "holder", *_SAID),
    ),
    _get(
        "read_account", "/accounts/{account_id}", "An account as it is now.", _account, "Account"
    ),
    _post(
        "close_account",
        "/accounts/{account_id}/closing",
        "Close the account for ever; what is left goes to another one.",
        _close_account,
        (),
        ("sweep_to", "description"),
    ),
    _post(
        "deposit",
        "/accounts/{account_id}/deposits",
        "Take money into the account, from outside the bank.",
        _deposit,
        _MONEY,
        _SAID,
    ),
    _post(
        "withdraw",
        "/accounts/{account_id}/withdrawals",
        "Pay money out of the account, if there is enough.",
        _withdraw,
        _MONEY,
        _SAID,
    ),
    _post(
        "transfer",
        "/transfers",
        "Move money from one account to another.",
        _transfer,
        ("source_id", "destination_id", *_MONEY),
        _SAID,
    ),
    _get(
        "list_holds",
        "/accounts/{account_id}/holds",
        "The account's open holds, in the order in which they were placed.",
        _holds,
        "Holds",
    ),
    _post(
        "place_hold",
        "/accounts/{account_id}/holds",
        "Reserve money; the hold's id is that of the transaction.",
        _place_hold,
        _MONEY,
        ("expires_at", *_SAID),
    ),
    _post(
        "capture_hold",
        "/accounts/{account_id}/holds/{hold_id}/captures",
        "Take reserved money, all that is left of it or an amount.",
        _capture_hold,
        (),
        (*_MONEY, "final", "destination_id", *_SAID),
    ),
    _post(
        "release_hold",
        "/accounts/{account_id}/holds/{hold_id}/release",
        "Free what is left of a hold.",
        _release_hold,
    ),
    _post(
        "restrict",
        "/accounts/{account_id}/restrictions",
        "Stop debits, credits or both, or nothing any more.",
        _restrict,
        ("restriction",),
        ("reason", "ends_at", "description"),
    ),
    _get(
        "read_statement",
        "/accounts/{account_id}/statement",
        "What moved money on the account in a span of time, with the balances around it.",
        _statement,
        "Statement",
        query={"start": instant_from, "end": instant_from, **_PAGE},
    ),
    _get(
        "read_transaction",
        "/transactions/{transaction_id}",
        "A transaction, with the postings that you may see.",
        _transaction,
        "Transaction",
    ),
    _post(
        "reverse",
        "/transactions/{transaction_id}/reversals",
        "Book the opposite of a transaction, whole and once.",
        _reverse,
    ),
)
