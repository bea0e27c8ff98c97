"""
The resources: paths, methods, fields and parameters, and how the bank is asked.

Decided here: each endpoint is one entry of `ENDPOINTS`, from which the routes and the OpenAPI
document are made. An endpoint that sends a command takes its fields from the command's class.
Every handler gets a bank that acts for the sender of the request.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import attrs

from bankcore.bank import Bank
from bankcore.commands import BY_KIND
from bankcore.flask._cursors import from_cursor, to_cursor
from bankcore.flask._fields import Body, body_of, instant_from_json
from bankcore.flask._serializers import account_json, hold_json, statement_json, transaction_json
from bankcore.ledger import Transaction
from bankcore.ledger._errors import InvalidLimitError
from bankcore.values import AccountId
from bankcore.values._errors import BankError, InvalidRequestError, InvalidTimeError, shown
from bankcore.values._ids import to_account_id

#: The most entries of a page, and how many there are by default.
LIMIT_MAX: Final = 200
LIMIT_DEFAULT: Final = 50
#: The longest span of one statement, in days: 100 years.
SPAN_DAYS_MAX: Final = 36_525

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_ids_in_path: Final = re.compile(r"{(\w+)}").findall


@attrs.frozen
class Call:
    """
    A request, as its handler gets it: *path* has ids as text, *query* has parameters as they were
    read, and *fields* has the fields of a POST's command that are not in the path.
    """

    bank: Bank
    path: Mapping[str, str]
    query: Mapping[str, Any]
    fields: Mapping[str, Any] = _NOTHING


@attrs.frozen
class Reply:
    """A successful answer."""

    members: Mapping[str, Any]
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = _NOTHING


@attrs.frozen
class Endpoint:
    """
    One method of one path; with a *body*, a POST.

    Attributes:
        name: Its name in logs, in OpenAPI, and for the hook that limits rates; of a POST, the
            kind of its command.
        schema: The name of its answer's schema in OpenAPI.
    """

    name: str
    path: str
    summary: str
    handle: Callable[[Call], Reply]
    schema: str
    query: Mapping[str, Callable[[str], Any]] = _NOTHING
    body: Body | None = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def ids(self) -> list[str]:
        found: list[str] = _ids_in_path(self.path)
        return found


def post(
    kind: str,
    path: str,
    summary: str,
    *,
    without: Iterable[str] = (),
    renamed: Mapping[str, str] = _NOTHING,
) -> Endpoint:
    """
    Return the endpoint that sends a command of *kind*.

    Its body has the command's fields but for those in the path and those in *without*. *renamed*
    gives the command's name of an id that has another name in the path.
    """
    command = BY_KIND[kind]

    def send(call: Call) -> Reply:
        ids: dict[str, Any] = dict(call.path)
        for name, field in renamed.items():
            ids[field] = ids.pop(name)
        try:
            sent = command(**ids, **call.fields)
        except InvalidRequestError as error:
            for name, field in renamed.items():
                if error.field == field:
                    error.about(name)
            raise
        (outcome,) = call.bank.execute((sent,))
        if isinstance(outcome, BankError):
            raise outcome
        return _receipt(outcome)

    ids = [renamed.get(name, name) for name in _ids_in_path(path)]
    body = body_of(command, {*ids, *without})
    return Endpoint(kind, path, summary, send, "Transaction", body=body)


def _receipt(transaction: Transaction) -> Reply:
    headers: dict[str, str] = {}
    if transaction.replayed:
        headers["Idempotency-Replayed"] = "true"
    if transaction.postings:
        headers["ETag"] = f'"{transaction.postings[0].version}"'
    status = HTTPStatus.OK if transaction.replayed else HTTPStatus.CREATED
    return Reply(transaction_json(transaction), status, headers)


def _account(call: Call) -> Reply:
    account = call.bank.account(call.path["account_id"])
    return Reply(account_json(account), headers={"ETag": f'"{account.version}"'})


def _accounts(call: Call) -> Reply:
    limit = call.query.get("limit", LIMIT_DEFAULT)
    after = None
    if "cursor" in call.query:
        after = AccountId(from_cursor("accounts", call.query["cursor"], str))
    found = list(islice(call.bank.accounts(after=after), limit + 1))
    page = found[:limit]
    following = to_cursor("accounts", page[-1].id.value) if len(found) > limit else None
    return Reply({"accounts": list(map(account_json, page)), "next": following})


def _holds(call: Call) -> Reply:
    return Reply({"holds": list(map(hold_json, call.bank.holds(call.path["account_id"])))})


def _transaction(call: Call) -> Reply:
    return Reply(transaction_json(call.bank.transaction(call.path["transaction_id"])))


def _statement(call: Call) -> Reply:
    account_id = to_account_id(call.path["account_id"])
    start, end = call.query.get("start"), call.query.get("end")
    if start is not None and end is not None and end - start > timedelta(days=SPAN_DAYS_MAX):
        reason = f"must be at most {SPAN_DAYS_MAX:,} days after the start"
        raise InvalidTimeError(end.isoformat(), reason).about("end")
    limit = call.query.get("limit", LIMIT_DEFAULT)
    # A cursor belongs to its account and span.
    resource = f"statement {account_id} {start} {end}"
    after = None
    if "cursor" in call.query:
        after = from_cursor(resource, call.query["cursor"], int)
    statement = call.bank.statement(
        account_id, start=start, end=end, after_version=after, limit=limit + 1
    )
    members = statement_json(attrs.evolve(statement, lines=statement.lines[:limit]))
    members["next"] = None
    if len(statement.lines) > limit:
        members["next"] = to_cursor(resource, members["lines"][-1]["version"])
    return Reply(members)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LIMIT_MAX):
        raise InvalidLimitError(shown(text), f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(text)


_PAGE: Final[Mapping[str, Callable[[str], Any]]] = {"limit": _limit, "cursor": str}


_ACCOUNTS: Final = "/accounts"
_ACCOUNT: Final = "/accounts/{account_id}"
_HOLD: Final = f"{_ACCOUNT}/holds/{{hold_id}}"
_TRANSACTION: Final = "/transactions/{transaction_id}"

#: Everything that a known principal can ask for.
ENDPOINTS: Final = (
    Endpoint(
        "list_accounts",
        _ACCOUNTS,
        "The accounts that you may read, in the order of their ids.",
        _accounts,
        "Accounts",
        _PAGE,
    ),
    post(
        "open_account",
        _ACCOUNTS,
        "Open an account; the bank makes its id.",
        without=("account_id",),
    ),
    Endpoint("read_account", _ACCOUNT, "An account as it is now.", _account, "Account"),
    post(
        "close_account",
        f"{_ACCOUNT}/closing",
        "Close the account for ever; what is left goes to another one.",
    ),
    post("deposit", f"{_ACCOUNT}/deposits", "Take money into the account, from outside the bank."),
    post(
        "withdraw", f"{_ACCOUNT}/withdrawals", "Pay money out of the account, if there is enough."
    ),
    post("transfer", "/transfers", "Move money from one account to another."),
    Endpoint(
        "list_holds",
        f"{_ACCOUNT}/holds",
        "The account's open holds, in the order in which they were placed.",
        _holds,
        "Holds",
    ),
    post(
        "place_hold",
        f"{_ACCOUNT}/holds",
        "Reserve money; the hold's id is that of the transaction.",
    ),
    post(
        "capture_hold",
        f"{_HOLD}/captures",
        "Take reserved money, all that is left of it or an amount.",
    ),
    post("release_hold", f"{_HOLD}/release", "Free what is left of a hold."),
    post(
        "restrict",
        f"{_ACCOUNT}/restrictions",
        "Stop debits, credits or both, or nothing any more.",
    ),
    Endpoint(
        "read_statement",
        f"{_ACCOUNT}/statement",
        "What moved money on the account in a span of time, with the balances around it.",
        _statement,
        "Statement",
        {"start": instant_from_json, "end": instant_from_json, **_PAGE},
    ),
    Endpoint(
        "read_transaction",
        _TRANSACTION,
        "A transaction, with the postings that you may see.",
        _transaction,
        "Transaction",
    ),
    post(
        "reverse",
        f"{_TRANSACTION}/reversals",
        "Book the opposite of a transaction, whole and once.",
        renamed={"transaction_id": "original_id"},
    ),
)
