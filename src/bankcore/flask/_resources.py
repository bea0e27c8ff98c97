"""
The resources: paths, methods, fields and parameters, and how the bank is asked.

Decided here: each endpoint is one entry of `ENDPOINTS`, from which the routes and the OpenAPI
document are made. An endpoint that sends a command takes its fields from the command's class.
Every handler gets a bank that acts for the sender of the request. A cursor belongs to the resource
and the query that it was given for, and grants nothing: the policy decides each page.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

import attrs
from flask import Response

from bankcore.access import Principal
from bankcore.bank import Bank
from bankcore.commands import BY_KIND
from bankcore.flask._answers import answer
from bankcore.flask._batches import BATCH_BODY, commands_from, outcome_dict, problem_of_batch
from bankcore.flask._fields import NO_BODY, TOKEN_BODY, Body, body_of, instant_from_json
from bankcore.flask._validation import BATCH_BODY_LENGTH_MAX, BODY_LENGTH_MAX
from bankcore.http import bad_request, status_of
from bankcore.ledger import Cursor, Refusal, Transaction
from bankcore.ledger._errors import InvalidCursorError, InvalidLimitError
from bankcore.ledger._find import amount_from_text
from bankcore.money._currency import EXPONENT_MAX
from bankcore.values import AccountId, Metadata
from bankcore.values._errors import (
    BankError,
    InvalidMetadataError,
    InvalidRequestError,
    InvalidTimeError,
    naming,
    shown,
)
from bankcore.values._ids import to_account_id

#: The most entries of a page, and how many there are by default.
LIMIT_MAX: Final = 200
LIMIT_DEFAULT: Final = 50
#: The longest span of one statement, in days: 100 years.
SPAN_DAYS_MAX: Final = 36_525

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_ids_in_path: Final[Callable[[str], list[str]]] = re.compile(r"{(\w+)}").findall


@attrs.frozen
class Call:
    """A request: ids as text, parameters as they were read, and the fields of a POST's command."""

    bank: Bank
    path: Mapping[str, str]
    query: Mapping[str, Any]
    fields: Mapping[str, Any] = _NOTHING


@attrs.frozen
class Endpoint:
    """
    One method of one path; with a *body*, a POST.

    If it *is_keyed*, it sends the command whose kind is its *name*, once for each idempotency key.
    """

    name: str
    path: str
    summary: str
    handle: Callable[[Call], Response]
    schema: str
    query: Mapping[str, Callable[[Any], Any]] = _NOTHING
    body: Body | None = None
    is_keyed: bool = False
    length_max: int = BODY_LENGTH_MAX

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def ids(self) -> list[str]:
        return _ids_in_path(self.path)


def post(
    kind: str,
    path: str,
    summary: str,
    *,
    without: Iterable[str] = (),
    renamed: Mapping[str, str] = _NOTHING,
) -> Endpoint:
    """
    Return the endpoint that sends a command of *kind*, whose body has the fields that are not in
    the path or *without*; *renamed* gives the command's name of an id in the path.
    """
    command = BY_KIND[kind]

    def send(call: Call) -> Response:
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
    return Endpoint(kind, path, summary, send, "Transaction", body=body, is_keyed=True)


def _receipt(transaction: Transaction) -> Response:
    headers = {"Idempotency-Replayed": "true"} if transaction.replayed else {}
    if transaction.postings:
        headers["ETag"] = f'"{transaction.postings[0].version}"'
    status = HTTPStatus.OK if transaction.replayed else HTTPStatus.CREATED
    return answer(transaction.to_dict(), status, headers)


_CURSOR_LENGTH_MAX: Final = 400
#: The form of a cursor, as JSON Schema has it.
CURSOR_SCHEMA: Final = {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{12,{_CURSOR_LENGTH_MAX}}}$"}
_SUM_LENGTH: Final = 8

_Position = TypeVar("_Position", str, int)


def _to_cursor(resource: str, position: str | int | None) -> str | None:
    """Return the cursor to *position* in *resource*; None for None."""
    if position is None:
        return None
    data = json.dumps(position).encode()
    tied = f"bankcore cursor 1\n{len(resource)}:{resource}".encode() + data
    return urlsafe_b64encode(sha256(tied).digest()[:_SUM_LENGTH] + data).decode().rstrip("=")


def _from_cursor(
    resource: str, text: str | None, kind: type[_Position], field: str = "cursor"
) -> _Position | None:
    """Return the position in *resource* for which the cursor *text* was made; None for None."""
    if text is None:
        return None
    if len(text) <= _CURSOR_LENGTH_MAX and text.isascii():
        # Neither base64 nor JSON may be valid.
        with suppress(ValueError):
            data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            position = json.loads(data[_SUM_LENGTH:])
            # Made again, so that only one text is this cursor.
            if type(position) is kind and _to_cursor(resource, position) == text:
                return position
    raise InvalidCursorError(shown(text)).about(field)


def _account(call: Call) -> Response:
    account = call.bank.account(call.path["account_id"])
    return answer(account.to_dict(), headers={"ETag": f'"{account.version}"'})


def _accounts(call: Call) -> Response:
    limit = call.query.get("limit", LIMIT_DEFAULT)
    asked, resource = _asked("accounts", call.query)
    cursor = _from_cursor(resource, call.query.get("cursor"), str)
    after = None if cursor is None else AccountId(cursor)
    found = list(islice(call.bank.accounts(**asked, after=after), limit + 1))
    page = found[:limit]
    position = page[-1].id.value if len(found) > limit else None
    members = {"accounts": [account.to_dict() for account in page]}
    return answer({**members, "next": _to_cursor(resource, position)})


def _transactions(call: Call) -> Response:
    limit = call.query.get("limit", LIMIT_DEFAULT)
    asked, resource = _asked("transactions", call.query)
    exponent = asked.pop("exponent", None)
    for name in ("at_least", "at_most"):
        if name in asked:
            asked[name] = naming(name, amount_from_text, asked[name], exponent)
    # The position is the last transaction that was told: it says nothing of any other.
    after = _from_cursor(resource, call.query.get("cursor"), str)
    found = call.bank.transactions(**asked, after=after, limit=limit + 1)
    page = found[:limit]
    position = page[-1].id.value if len(found) > limit else None
    members = {"transactions": [transaction.to_dict() for transaction in page]}
    return answer({**members, "next": _to_cursor(resource, position)})


def _asked(name: str, query: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what a search asks for, and the resource to which its cursors belong."""
    asked = {each: query[each] for each in sorted(query) if each not in _PAGE}
    return asked, " ".join([name, *(f"{each}={value}" for each, value in asked.items())])


def _kinds(text: str) -> list[str]:
    return text.split(",")


def _exponent(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= EXPONENT_MAX):
        reason = f"exponent must be a whole number from 0 to {EXPONENT_MAX}."
        raise bad_request("invalid_parameter", reason, "exponent")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        name = "newest_first"
        raise bad_request("invalid_parameter", f"{name} must be true or false.", name)
    return text == "true"


def _metadata(pairs: Sequence[str]) -> Metadata:
    found: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition(":")
        if key in found or ":" not in pair:
            reason = "must be keys and values such as order:1017, each key once"
            raise InvalidMetadataError(shown(pair), reason)
        found[key] = value
    return Metadata(found)


def _holds(call: Call) -> Response:
    holds = call.bank.holds(call.path["account_id"])
    return answer({"holds": [hold.to_dict() for hold in holds]})


def _holders(call: Call) -> Response:
    holders = call.bank.account(call.path["account_id"]).holders
    return answer({"holders": [holder.to_dict() for holder in holders]})


def _closing(call: Call) -> Response:
    sweep_to = call.query.get("sweep_to")
    found = call.bank.can_close(call.path["account_id"], sweep_to=sweep_to)
    # What is no rule of the bank's, such as an account that is not there, is no answer.
    if found.error is not None and status_of(found.error) != HTTPStatus.CONFLICT:
        raise found.error
    return answer(found.to_dict())


def _transaction(call: Call) -> Response:
    return answer(call.bank.transaction(call.path["transaction_id"]).to_dict())


def _reversals(call: Call) -> Response:
    original_id = call.path["transaction_id"]
    limit = call.query.get("limit", LIMIT_DEFAULT)
    resource = f"reversals {original_id}"
    start = _from_cursor(resource, call.query.get("cursor"), int) or 0
    found = call.bank.reversals(original_id)
    end = start + limit
    members = {"transactions": [each.to_dict() for each in found[start:end]]}
    position = end if len(found) > end else None
    return answer({**members, "next": _to_cursor(resource, position)})


def _statement(call: Call) -> Response:
    account_id = to_account_id(call.path["account_id"])
    start, end = call.query.get("start"), call.query.get("end")
    if start is not None and end is not None and end - start > timedelta(days=SPAN_DAYS_MAX):
        reason = f"must be at most {SPAN_DAYS_MAX:,} days after the start"
        raise InvalidTimeError(end.isoformat(), reason).about("end")
    limit = call.query.get("limit", LIMIT_DEFAULT)
    resource = f"statement {account_id} {start} {end}"
    after = _from_cursor(resource, call.query.get("cursor"), int)
    statement = call.bank.statement(
        account_id, start=start, end=end, after_version=after, limit=limit + 1
    )
    members = attrs.evolve(statement, lines=statement.lines[:limit]).to_dict()
    position = members["lines"][-1]["version"] if len(statement.lines) > limit else None
    return answer({**members, "next": _to_cursor(resource, position)})


def _batch(call: Call) -> Response:
    return _outcomes(call, call.bank.execute)


def _preview(call: Call) -> Response:
    return _outcomes(call, call.bank.preview)


def _outcomes(call: Call, send: Callable[..., list[Transaction | BankError]]) -> Response:
    principal = cast("Principal", call.bank.principal)
    commands = commands_from(call.fields["commands"], principal.id)
    try:
        found = send(commands, atomic=call.fields.get("atomic") is True)
    except BankError as error:
        if error.place is None:  # the store's, and no command's
            raise
        raise problem_of_batch(error, error.place) from error
    return answer({"outcomes": list(map(outcome_dict, found))})


def _events(call: Call) -> Response:
    text = call.query.get("after")
    token = _from_cursor("events", text, str, "after")
    after = None if token is None else Cursor(token)
    try:
        page = call.bank.journal(after=after, limit=call.query.get("limit", LIMIT_DEFAULT))
    except InvalidCursorError as error:
        raise error.about("after") from None
    position = None if page.next is None else page.next.token
    events = list(map(_event, page.records))
    return answer({"events": events, "next": _to_cursor("events", position)})


def _event(record: Transaction | Refusal) -> dict[str, Any]:
    if isinstance(record, Transaction):
        return {"event": "booked", "transaction": record.to_dict()}
    return {"event": "refused", "refusal": record.to_dict()}


def _denials(call: Call) -> Response:
    found = call.bank.denials(limit=call.query.get("limit", LIMIT_DEFAULT))
    return answer({"denials": [denial.to_dict() for denial in found]})


def _tokens(call: Call) -> Response:
    limit = call.query.get("limit", LIMIT_DEFAULT)
    after = _from_cursor("tokens", call.query.get("cursor"), str)
    found = list(islice(call.bank.tokens(after=after or ""), limit + 1))
    position = found[limit - 1].id if len(found) > limit else None
    members = {"tokens": [token.to_dict() for token in found[:limit]]}
    return answer({**members, "next": _to_cursor("tokens", position)})


def _issue_token(call: Call) -> Response:
    name, roles, scopes, *_ = (call.fields.get(each) for each in TOKEN_BODY.fields)
    options = {each: call.fields.get(each) for each in ("expires_at", "description")}
    issued = call.bank.issue_token(_principal(name, roles, scopes), **options)
    return answer({"text": issued.text, **issued.token.to_dict()}, HTTPStatus.CREATED)


def _principal(name: Any, roles: Any, scopes: Any) -> Principal:  # noqa: ANN401  # it checks them
    try:
        return Principal(name, roles or (), scopes or ())
    except InvalidRequestError as error:
        raise error.about("principal" if error.field == "id" else error.field) from None


def _revoke_token(call: Call) -> Response:
    return answer(call.bank.revoke_token(call.path["token_id"]).to_dict())


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LIMIT_MAX):
        raise InvalidLimitError(shown(text), f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(text)


_PAGE: Final[Mapping[str, Callable[[Any], Any]]] = {"limit": _limit, "cursor": str}

_ACCOUNTS: Final = "/accounts"
_ACCOUNT: Final = "/accounts/{account_id}"
_HOLDS: Final = f"{_ACCOUNT}/holds"
_HOLD: Final = f"{_HOLDS}/{{hold_id}}"
_TRANSACTION: Final = "/transactions/{transaction_id}"

#: Everything that a known principal can ask for.
ENDPOINTS: Final = (
    Endpoint(
        "list_accounts",
        _ACCOUNTS,
        "The accounts that you may read, in the order of their ids.",
        _accounts,
        "Accounts",
        {"metadata": _metadata, "holder": str, **_PAGE},
    ),
    post(
        "open_account",
        _ACCOUNTS,
        "Open an account; the bank makes its id.",
        without=("account_id",),
    ),
    Endpoint("read_account", _ACCOUNT, "An account as it is now.", _account, "Account"),
    Endpoint(
        "can_close",
        f"{_ACCOUNT}/closing",
        "Whether the account can be closed now, and all that stands in the way.",
        _closing,
        "Possibility",
        {"sweep_to": str},
    ),
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
    post("post", "/posts", "Book several legs at once, each account judged on its net."),
    Endpoint(
        "list_holds",
        _HOLDS,
        "The account's open holds, in the order in which they were placed.",
        _holds,
        "Holds",
    ),
    post("place_hold", _HOLDS, "Reserve money; the hold's id is that of the transaction."),
    post(
        "capture_hold",
        f"{_HOLD}/captures",
        "Take reserved money, all that is left of it or an amount.",
    ),
    post("release_hold", f"{_HOLD}/release", "Free what is left of a hold."),
    post("extend_hold", f"{_HOLD}/extension", "Let a hold expire later, or never."),
    post(
        "restrict",
        f"{_ACCOUNT}/restrictions",
        "Stop debits, credits or both, or nothing any more.",
    ),
    post(
        "set_overdraft_limit",
        f"{_ACCOUNT}/overdraft-limit",
        "Set how far the account may be overdrawn.",
    ),
    Endpoint(
        "list_holders",
        f"{_ACCOUNT}/holders",
        "Who holds which rights on the account.",
        _holders,
        "Holders",
    ),
    post(
        "grant_access",
        f"{_ACCOUNT}/grants",
        "Give a principal rights on the account, in place of those it held.",
    ),
    post(
        "revoke_access",
        f"{_ACCOUNT}/revocations",
        "Take all rights on the account from a principal.",
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
        "list_transactions",
        "/transactions",
        "The transactions that you may read and that fit, in the order of their times.",
        _transactions,
        "Transactions",
        {
            "account_id": str,
            "start": instant_from_json,
            "end": instant_from_json,
            "kinds": _kinds,
            "at_least": str,
            "at_most": str,
            "exponent": _exponent,
            "metadata": _metadata,
            "text": str,
            "newest_first": _flag,
            **_PAGE,
        },
    ),
    Endpoint(
        "read_transaction",
        _TRANSACTION,
        "A transaction, with the postings that you may see.",
        _transaction,
        "Transaction",
    ),
    Endpoint(
        "list_reversals",
        f"{_TRANSACTION}/reversals",
        "What reversed a transaction, in order: nothing, all of it, or one part after the other.",
        _reversals,
        "Transactions",
        _PAGE,
    ),
    post(
        "reverse",
        f"{_TRANSACTION}/reversals",
        "Book the opposite of a transaction, all that is left of it or an amount.",
        renamed={"transaction_id": "original_id"},
    ),
    Endpoint(
        "execute",
        "/batches",
        "Book several commands with one durable write, and answer each.",
        _batch,
        "Outcomes",
        body=BATCH_BODY,
        length_max=BATCH_BODY_LENGTH_MAX,
    ),
    Endpoint(
        "preview",
        "/previews",
        "What would come of a batch now. Nothing is booked, and no key is used up.",
        _preview,
        "Outcomes",
        body=BATCH_BODY,
        length_max=BATCH_BODY_LENGTH_MAX,
    ),
    Endpoint(
        "read_journal",
        "/events",
        "The journal from the cursor on, in order: what was booked, and what was refused.",
        _events,
        "Events",
        {"limit": _limit, "after": str},
    ),
    Endpoint(
        "read_denials",
        "/denials",
        "The latest requests that were denied, the last first.",
        _denials,
        "Denials",
        {"limit": _limit},
    ),
    Endpoint(
        "list_tokens",
        "/tokens",
        "The tokens, without their secrets, expired and revoked ones too.",
        _tokens,
        "Tokens",
        _PAGE,
    ),
    Endpoint(
        "issue_token",
        "/tokens",
        "Issue a token. Its text is in this answer alone.",
        _issue_token,
        "IssuedToken",
        body=TOKEN_BODY,
    ),
    Endpoint(
        "revoke_token",
        "/tokens/{token_id}/revocation",
        "Let a token be worth nothing from now on.",
        _revoke_token,
        "Token",
        body=NO_BODY,
    ),
)
