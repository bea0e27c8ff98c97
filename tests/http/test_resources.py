"""
What each resource does, for those who may ask for it.
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import Enum
from itertools import chain, combinations
from types import MappingProxyType
from typing import Any, cast

import pytest
from web import JSON, PRINCIPALS, Web, euros, told
from werkzeug.test import TestResponse

from bankcore.access import POLICY_TABLE, SCOPES, Principal, Tokens
from bankcore.accounts import Right
from bankcore.bank import Bank
from bankcore.commands import BY_KIND, Command, ExtendHold, OpenAccount, Reverse
from bankcore.commands._holds import HoldCommand
from bankcore.errors import InvalidArgumentError, RoundingRequiredError, TransactionIdReusedError
from bankcore.flask import (
    TokenAuthenticator,
    _blueprint,
    _openapi,
    _resources,
    create_app,
    create_blueprint,
)
from bankcore.flask._fields import body_of
from bankcore.flask._problems import to_problem
from bankcore.flask._resources import post
from bankcore.ledger import Refusal, Transaction
from bankcore.money import Currency, ExchangeRate, Money
from bankcore.stores import MemoryStore
from bankcore.testing._commands import FIELDS, command_of, values_of
from bankcore.values import Metadata, TransactionId
from bankcore.values._json import json_of


@pytest.fixture
def web() -> Web:
    return Web()


def balance(web: Web, account_id: str) -> str:
    return str(told(web.get(f"/accounts/{account_id}"))["balance"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"bank": MemoryStore()}, "bank"),
        ({"authenticate": None}, "authenticate"),
        ({"throttle": 60}, "throttle"),
        ({"observe": []}, "observe"),
    ],
)
def test_parts_of_the_wrong_kind_are_refused_at_once(wrong: dict[str, Any], field: str) -> None:
    """The application ends where it is made, not with its first request."""
    parts = {"bank": Bank(MemoryStore()), "authenticate": lambda _: None, **wrong}
    for make in (create_app, create_blueprint):
        with pytest.raises(InvalidArgumentError, match=f"^{field} must be a ") as caught:
            make(**parts)

        assert field == caught.value.field


def test_an_authenticator_needs_tokens() -> None:
    """A store is not yet its tokens."""
    with pytest.raises(InvalidArgumentError, match=r"^tokens must be tokens, such as Tokens\(st"):
        TokenAuthenticator(cast("Any", MemoryStore()))


def test_a_bank_account(web: Web) -> None:
    """Open with 100, deposit 50, withdraw 30; 1,000 are refused, and 120 are left."""
    account = web.open("100")
    deposit = web.post(f"/accounts/{account}/deposits", euros("50"))
    withdrawal = web.post(f"/accounts/{account}/withdrawals", euros("30"))
    refused = web.post(f"/accounts/{account}/withdrawals", euros("1000"))

    assert (201, 201, 409) == (deposit.status_code, withdrawal.status_code, refused.status_code)
    assert "150.00" == told(deposit)["postings"][0]["balance"]
    assert "-30.00" == told(withdrawal)["postings"][0]["amount"]
    assert "insufficient_funds" == told(refused)["code"]
    assert {
        "account_id": account,
        "available": {"amount": "120.00", "currency": "EUR"},
        "requested": {"amount": "1000.00", "currency": "EUR"},
        "shortfall": {"amount": "880.00", "currency": "EUR"},
    } == told(refused)["facts"]
    assert "120.00" == balance(web, account)


def test_an_account_as_it_is_told(web: Web) -> None:
    """An account's amounts are text with the currency's decimals, and its ETag its version."""
    response = web.get(f"/accounts/{(account := web.open('5'))}")

    assert {
        "id": account,
        "currency": "EUR",
        "balance": "5.00",
        "held": "0.00",
        "available": "5.00",
        "overdraft_limit": "0.00",
        "status": "open",
        "restriction": "none",
        "restriction_reason": None,
        "restriction_ends_at": None,
        "metadata": {},
        "version": 1,
    } == told(response)
    assert '"1"' == response.headers["ETag"]


def test_a_currency_of_ones_own(web: Web) -> None:
    """A currency that ISO 4217 does not know comes with its exponent, in and out."""
    body = {"initial_balance": "0.5", "currency": "BTC", "exponent": 8}
    account = told(web.post("/accounts", body))["account_id"]
    paid = web.post(
        f"/accounts/{account}/deposits", {"amount": "0.00000001", "currency": "BTC", "exponent": 8}
    )

    assert ("BTC", 8, "0.50000001") == tuple(
        told(paid)["postings"][0][name] for name in ("currency", "exponent", "balance")
    )
    assert 8 == told(web.get(f"/accounts/{account}"))["exponent"]
    assert 8 == told(web.get(f"/accounts/{account}/statement"))["exponent"]


def test_an_overdraft_is_for_those_who_may_give_one(web: Web) -> None:
    """An owner gives itself no overdraft; the bank's own code has no such bounds."""
    body = {"initial_balance": "0", "currency": "EUR", "overdraft_limit": "100"}

    assert 403 == web.post("/accounts", body).status_code
    assert 201 == web.post("/accounts", {**body, "overdraft_limit": "0"}).status_code


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/accounts", {"currency": "EUR"}, "missing_field", "initial_balance"),
        (
            "/accounts",
            {"initial_balance": "1e3", "currency": "EUR"},
            "invalid_amount",
            "initial_balance",
        ),
        (
            "/accounts",
            {"initial_balance": "1", "overdraft_limit": "x", "currency": "EUR"},
            "invalid_amount",
            "overdraft_limit",
        ),
        (
            "/accounts",
            {"initial_balance": "5", "overdraft_limit": "-1", "currency": "EUR"},
            "invalid_amount",
            "overdraft_limit",
        ),
        ("/accounts/a%20b/deposits", euros("1"), "invalid_id", "account_id"),
        ("/accounts/a/holds/a%20b/release", {}, "invalid_id", "hold_id"),
        ("/transactions/a%20b/reversals", {}, "invalid_id", "transaction_id"),
        ("/accounts/a/closing", {"sweep_to": "a b"}, "invalid_id", "sweep_to"),
        ("/accounts/a/restrictions", {"restriction": "x"}, "invalid_restriction", "restriction"),
        (
            "/accounts/a/deposits",
            {**euros("1"), "description": "\n"},
            "invalid_text",
            "description",
        ),
        ("/accounts/a/deposits", {**euros("1"), "currency": "EU"}, "unknown_currency", "currency"),
        ("/accounts/a/deposits", {**euros("1"), "amount": 1}, "invalid_field", "amount"),
        ("/accounts/a/deposits", {**euros("1"), "memo": "x"}, "unknown_field", "memo"),
        ("/accounts/a/deposits", {**euros("1"), "\ud800": "x"}, "unknown_field", "\\ud800"),
        ("/accounts/a/holds", {**euros("1"), "expires_at": "may"}, "invalid_time", "expires_at"),
        ("/accounts/a/holds/h/captures", {"amount": "1"}, "missing_field", "currency"),
        ("/accounts/a/holds/h/captures", {"currency": "EUR"}, "missing_field", "amount"),
    ],
)
def test_a_problem_names_the_field(
    web: Web, path: str, body: dict[str, Any], code: str, field: str
) -> None:
    """A problem about one field of the body says which, beside its facts."""
    problem = told(web.post(path, body))

    assert (code, field) == (problem["code"], problem["field"])
    assert problem["detail"].startswith((f"{field} ", "Unknown field "))
    assert "field" not in problem.get("facts", {})


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_limit", "limit"),
        ("limit=1&limit=1", "invalid_parameter", "limit"),
        ("cursor=x", "invalid_cursor", "cursor"),
        ("start=may", "invalid_time", "start"),
        ("start=0001-01-01&end=9999-12-31", "invalid_time", "end"),
        ("offset=1", "unknown_parameter", "offset"),
    ],
)
def test_a_problem_names_the_parameter(web: Web, query: str, code: str, field: str) -> None:
    """A problem about one parameter of the query says which."""
    problem = told(web.get(f"/accounts/{web.open()}/statement?{query}"))

    assert (code, field) == (problem["code"], problem["field"])


def test_a_transfer(web: Web) -> None:
    """A transfer moves money to an account that is not one's own, and tells nothing of it."""
    mine, theirs = web.open("100"), web.open("0", me="bob")
    body = {"source_id": mine, "destination_id": theirs, **euros("40"), "description": "rent"}
    response = web.post("/transfers", body)

    assert 201 == response.status_code
    assert [mine] == [posting["account_id"] for posting in told(response)["postings"]]
    assert "rent" == told(response)["description"]
    assert ("60.00", "40.00") == (
        balance(web, mine),
        told(web.get(f"/accounts/{theirs}", me="bob"))["balance"],
    )


def test_up_to_what_is_there(web: Web) -> None:
    """With `up_to`, what is there is taken where that is less, and the answer says how much."""
    account, other = web.open("100"), web.open("0")
    hold = web.post(f"/accounts/{account}/holds", {**euros("30"), "up_to": True})
    capture = f"/accounts/{account}/holds/{told(hold)['id']}/captures"
    taken = [
        web.post(path, {**body, **euros("500"), "up_to": True})
        for path, body in (
            (capture, {}),
            ("/transfers", {"source_id": account, "destination_id": other}),
            (f"/accounts/{other}/withdrawals", {}),
            (f"/accounts/{other}/withdrawals", {}),
        )
    ]

    assert [201, 201, 201, 409] == [response.status_code for response in taken]
    assert ["-30.00", "-70.00", "-70.00"] == [
        told(response)["postings"][0]["amount"] for response in taken[:3]
    ]
    assert "insufficient_funds" == told(taken[3])["code"]


def test_a_transaction_can_be_read_again(web: Web) -> None:
    """A transaction reads as its receipt; for others there is none."""
    paid = told(web.post(f"/accounts/{web.open()}/deposits", euros("1")))

    assert paid == told(web.get(f"/transactions/{paid['id']}"))
    assert 404 == web.get(f"/transactions/{paid['id']}", me="bob").status_code
    assert 404 == web.get("/transactions/none").status_code


def test_the_life_of_a_hold(web: Web) -> None:
    """A hold is placed, listed, captured in parts, and released."""
    account = web.open("100")
    body = {**euros("60"), "expires_at": "2099-01-01T00:00:00Z", "description": "hotel"}
    hold = told(web.post(f"/accounts/{account}/holds", body))["id"]
    (listed,) = told(web.get(f"/accounts/{account}/holds"))["holds"]
    part = web.post(f"/accounts/{account}/holds/{hold}/captures", {**euros("20"), "final": False})
    free = web.post(f"/accounts/{account}/holds/{hold}/release", {})
    late = web.post(f"/accounts/{account}/holds/{hold}/release", {})

    assert {
        "id": hold,
        "currency": "EUR",
        "amount": "60.00",
        "captured": "0.00",
        "left": "60.00",
        "expires_at": "2099-01-01T00:00:00Z",
        "description": "hotel",
    } == listed
    assert ("40.00", "40.00") == tuple(
        told(part)["postings"][0][name] for name in ("held", "available")
    )
    assert "80.00" == told(free)["postings"][0]["available"]
    assert (409, "hold_not_active") == (late.status_code, told(late)["code"])


def test_all_of_a_hold_goes_to_another_account(web: Web) -> None:
    """Without an amount, all that is left is captured; it may go to another account."""
    account, other = web.open("100"), web.open("0")
    hold = told(web.post(f"/accounts/{account}/holds", euros("60")))["id"]
    web.post(f"/accounts/{account}/holds/{hold}/captures", {"destination_id": other})

    assert ("40.00", "60.00") == (balance(web, account), balance(web, other))
    assert [] == told(web.get(f"/accounts/{account}/holds"))["holds"]


@pytest.mark.parametrize("given", ["amount", "currency", "exponent"])
def test_an_amount_is_captured_whole_or_not_said(web: Web, given: str) -> None:
    """Of an amount and its currency, a capture has both or neither."""
    account = web.open()
    hold = told(web.post(f"/accounts/{account}/holds", euros("60")))["id"]
    body = {"amount": "5", "currency": "EUR", "exponent": 2}
    response = web.post(f"/accounts/{account}/holds/{hold}/captures", {given: body[given]})

    assert (400, "missing_field") == (response.status_code, told(response)["code"])


def test_what_a_teller_booked_can_be_reversed(web: Web) -> None:
    """A reversal books the opposite of a part, and then of the rest."""
    account = web.open("100")
    paid = told(web.post(f"/accounts/{account}/deposits", euros("7"), me="tom"))["id"]
    path = f"/transactions/{paid}/reversals"
    part, more, rest, again = (
        web.post(path, body, me="tom") for body in (euros("3"), euros("5"), {}, {})
    )

    assert (201, "-3.00") == (part.status_code, told(part)["postings"][0]["amount"])
    assert (409, "reversal_exceeded") == (more.status_code, told(more)["code"])
    assert {"currency": "EUR", "amount": "4.00"} == told(more)["facts"]["left"]
    assert (201, "-4.00") == (rest.status_code, told(rest)["postings"][0]["amount"])
    assert (409, "already_reversed") == (again.status_code, told(again)["code"])
    assert "100.00" == balance(web, account)


def test_what_reversed_a_transaction(web: Web) -> None:
    """Each part in order, page by page, for those who may read the transaction."""
    account = web.open("100")
    paid = told(web.post(f"/accounts/{account}/deposits", euros("7"), me="tom"))["id"]
    path = f"/transactions/{paid}/reversals"
    none = told(web.get(path))
    parts = [told(web.post(path, euros(each), me="tom"))["id"] for each in ("3", "2", "1")]
    first = told(web.get(f"{path}?limit=2"))
    rest = told(web.get(f"{path}?limit=2&cursor={first['next']}"))
    elsewhere = web.get(f"/transactions/{parts[0]}/reversals?cursor={first['next']}")
    hidden = web.get(path, me="bob")

    assert {"transactions": [], "next": None} == none
    assert parts == [each["id"] for page in (first, rest) for each in page["transactions"]]
    assert ["-3.00"] == [each["amount"] for each in first["transactions"][0]["postings"]]
    assert rest["next"] is None
    assert (400, "invalid_cursor") == (elsewhere.status_code, told(elsewhere)["code"])
    assert (404, "transaction_not_found") == (hidden.status_code, told(hidden)["code"])


def test_a_restriction(web: Web) -> None:
    """An operator stops an account until an end, and lets it go on."""
    account = web.open("100")
    body = {"restriction": "all", "reason": "theft", "ends_at": "2099-01-01T00:00:00+01:00"}
    stopped = web.post(f"/accounts/{account}/restrictions", body, me="otto")
    refused = web.post(f"/accounts/{account}/deposits", euros("1"))
    seen = told(web.get(f"/accounts/{account}"))
    web.post(f"/accounts/{account}/restrictions", {"restriction": "none"}, me="otto")

    assert 201 == stopped.status_code
    assert (409, "account_restricted") == (refused.status_code, told(refused)["code"])
    assert ("all", "theft", "2098-12-31T23:00:00Z") == (
        seen["restriction"],
        seen["restriction_reason"],
        seen["restriction_ends_at"],
    )
    assert 201 == web.post(f"/accounts/{account}/deposits", euros("1")).status_code


def test_closing(web: Web) -> None:
    """What stands in the way of a closing is told; what is left goes to another account."""
    account, other = web.open("100"), web.open("0")
    blocked = web.post(f"/accounts/{account}/closing", {})
    closed = web.post(f"/accounts/{account}/closing", {"sweep_to": other})

    assert (409, "close_blocked") == (blocked.status_code, told(blocked)["code"])
    assert ["its balance is EUR 100.00, not zero"] == told(blocked)["facts"]["blockers"]
    assert 201 == closed.status_code
    assert ("closed", "100.00") == (
        told(web.get(f"/accounts/{account}"))["status"],
        balance(web, other),
    )


def test_a_longer_hold(web: Web) -> None:
    """A hold expires later, or never if its new end is null."""
    account = web.open("100")
    body = {**euros("60"), "expires_at": "2099-01-01"}
    hold = told(web.post(f"/accounts/{account}/holds", body))["id"]
    path = f"/accounts/{account}/holds/{hold}/extension"
    later = web.post(path, {"expires_at": "2100-01-01"})
    earlier = web.post(path, {"expires_at": "2098-01-01"})
    unsaid = web.post(path, {})
    never = web.post(path, {"expires_at": None})
    (listed,) = told(web.get(f"/accounts/{account}/holds"))["holds"]

    assert [201, 400, 400, 201] == [each.status_code for each in (later, earlier, unsaid, never)]
    assert ("invalid_time", "expires_at") == (told(earlier)["code"], told(earlier)["field"])
    assert listed["expires_at"] is None


def test_a_limit(web: Web) -> None:
    """An operator lets an account be overdrawn."""
    account = web.open("0")
    body = {"overdraft_limit": "50", "currency": "EUR"}
    done = web.post(f"/accounts/{account}/overdraft-limit", body, me="otto")

    assert 201 == done.status_code
    assert 201 == web.post(f"/accounts/{account}/withdrawals", euros("50")).status_code


def test_access_is_granted_and_revoked(web: Web) -> None:
    """Who holds rights on an account may be read, given and taken."""
    account = web.open("5")
    grants = f"/accounts/{account}/grants"
    given = web.post(grants, {"principal": "bob", "rights": ["debit", "read"]}, me="otto")
    holders = told(web.get(f"/accounts/{account}/holders", me="bob"))["holders"]
    taken = web.post(f"/accounts/{account}/revocations", {"principal": "bob"}, me="otto")
    again = web.post(f"/accounts/{account}/revocations", {"principal": "bob"}, me="otto")

    assert [
        {"principal": "bob", "rights": ["read", "debit"]},
        {"principal": "mary", "rights": ["read", "credit", "debit"]},
    ] == holders
    assert [201, 201, 404] == [each.status_code for each in (given, taken, again)]
    assert 404 == web.get(f"/accounts/{account}", me="bob").status_code
    assert "holder_not_found" == told(again)["code"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"principal": "bob", "rights": []}, "invalid_rights", "rights"),
        ({"principal": "bob", "rights": ["own"]}, "invalid_rights", "rights"),
        ({"principal": "bob", "rights": [["read"]]}, "invalid_rights", "rights"),
        ({"principal": "bob", "rights": "read"}, "invalid_field", "rights"),
        ({"principal": "b b", "rights": ["read"]}, "invalid_id", "principal"),
    ],
)
def test_rights_that_are_none(web: Web, body: dict[str, Any], code: str, field: str) -> None:
    """They are refused, and the field is named."""
    told_ = told(web.post(f"/accounts/{web.open()}/grants", body, me="otto"))

    assert (400, code, field) == (told_["status"], told_["code"], told_["field"])


def leg(account: str, amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"account_id": account, "amount": amount, "currency": currency}


def test_several_legs_at_once(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A post books all its legs, in whatever currencies, or none."""
    may_post = Principal("shop", ["service"], ["posts:write", "accounts:read"])
    monkeypatch.setitem(cast("dict[str, Principal]", PRINCIPALS), "shop", may_post)
    buyer, seller, fees = web.open("100"), web.open("0"), web.open("0")
    legs = [leg(buyer, "-50"), leg(seller, "48.50"), leg(fees, "1.50")]
    done = web.post("/posts", {"legs": legs}, me="shop")
    uneven = web.post("/posts", {"legs": legs[:2]}, me="shop")
    outside = web.post("/posts", {"legs": legs[:2], "crosses_boundary": True}, me="shop")
    refused = web.post("/posts", {"legs": legs}, me="shop")

    assert [201, 400, 201, 409] == [each.status_code for each in (done, uneven, outside, refused)]
    assert ("invalid_legs", "legs") == (told(uneven)["code"], told(uneven)["field"])
    assert ["-50.00", "48.50", "1.50"] == [each["amount"] for each in told(done)["postings"]]
    assert ["0.00", "97.00", "1.50"] == [balance(web, each) for each in (buyer, seller, fees)]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"legs": []}, "invalid_legs", "legs"),
        ({"legs": ["alice"]}, "invalid_legs", "legs"),
        ({"legs": [euros("5")]}, "invalid_legs", "legs"),
        ({"legs": [{"account_id": "a"}]}, "invalid_amount", "legs"),
        ({"legs": [{**leg("a", "5"), "memo": "x"}]}, "invalid_amount", "legs"),
        ({"legs": [{**leg("a", "5"), "amount": 5}]}, "invalid_amount", "legs"),
        ({"legs": [{**leg("a", "5"), "account_id": 5}]}, "invalid_id", "legs"),
        ({"legs": [leg("a", "0")]}, "invalid_amount", "legs"),
        ({"legs": [leg("a", "5", "ZZZ")]}, "unknown_currency", "legs"),
        ({"legs": {}}, "invalid_field", "legs"),
        ({"legs": [leg("a", "5")], "exchange_rate": []}, "invalid_field", "exchange_rate"),
        (
            {"legs": [leg("a", "5")], "exchange_rate": {"base": "EUR"}},
            "invalid_rate",
            "exchange_rate",
        ),
    ],
)
def test_legs_that_are_none(web: Web, body: dict[str, Any], code: str, field: str) -> None:
    """They are refused before anybody asks who sends them, and the field is named."""
    members = told(web.post("/posts", body))

    assert (400, code, field) == (members["status"], members["code"], members["field"])


def test_whether_an_account_can_be_closed(web: Web) -> None:
    """All that stands in the way is told, and nothing is closed."""
    account, other = web.open("100"), web.open("0")
    web.post(f"/accounts/{account}/holds", euros("5"))
    path = f"/accounts/{account}/closing"
    found = told(web.get(path))
    swept = told(web.get(f"{path}?sweep_to={other}"))
    empty = told(web.get(f"/accounts/{other}/closing"))

    assert not found["possible"]
    assert "its balance is EUR 100.00, not zero" in found["blockers"]
    assert 2 == len(found["blockers"])
    assert 1 == len(swept["blockers"])
    assert {"possible": True, "blockers": []} == empty
    assert "open" == told(web.get(f"/accounts/{other}"))["status"]
    assert 404 == web.get(path, me="bob").status_code
    assert 404 == web.get("/accounts/none/closing", me="otto").status_code
    assert 403 == web.get(path, me="tom").status_code
    assert 400 == web.get(f"{path}?sweep_to=a%20b").status_code
    third = web.open("5")
    assert 404 == web.get(f"/accounts/{third}/closing?sweep_to=none").status_code


def test_one_row_makes_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint for one more command is one row: its fields follow from the command's class."""
    path = "/accounts/{account_id}/credit"
    row = post("set_overdraft_limit", path, "Set how far the account may be overdrawn.")
    for module in (_blueprint, _openapi):
        monkeypatch.setattr(module, "ENDPOINTS", (*_resources.ENDPOINTS, row))
    web = Web()
    account = web.open()
    operation = told(web.send("GET", "/openapi.json"))["paths"][path]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = {"overdraft_limit": "50", "currency": "EUR", "description": "trust"}
    done = web.send("POST", f"/accounts/{account}/credit", body, me="otto")
    wrong = web.send("POST", f"/accounts/{account}/credit", {}, me="otto")

    assert ["overdraft_limit", "currency"] == schema["required"]
    assert {"overdraft_limit", "currency", "exponent", "description", "metadata"} == set(
        schema["properties"]
    )
    assert (201, "50.00") == (done.status_code, told(done)["postings"][0]["overdraft_limit"])
    assert (400, "overdraft_limit") == (wrong.status_code, told(wrong)["field"])


# -- Pages -------------------------------------------------------------------


def pages(web: Web, path: str, name: str, me: str = "mary") -> list[list[Any]]:
    """
    What the pages from *path* on have under *name*.
    """
    found, cursor = [], ""
    while True:
        page = told(web.get(f"{path}{cursor}", me=me))
        found.append(page[name])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (200, [5])]
)
def test_accounts_come_in_pages(web: Web, limit: int, expected: list[int]) -> None:
    """The accounts that one may read come in the order of their ids, each once."""
    mine = sorted(web.open(me="mary" if number % 2 else "bob") for number in range(10))
    found = pages(web, f"/accounts?limit={limit}", "accounts")
    ids = [account["id"] for page in found for account in page]

    assert expected == [len(page) for page in found]
    assert sorted(ids) == ids
    assert set(ids) < set(mine)


@pytest.mark.parametrize(("limit", "expected"), [(1, [1] * 4), (3, [3, 1]), (4, [4]), (50, [4])])
def test_a_statement_comes_in_pages(web: Web, limit: int, expected: list[int]) -> None:
    """Each page begins with the balance at which the one before it ended."""
    account = web.open("10")
    for amount in ("1", "2", "3"):
        web.post(f"/accounts/{account}/deposits", euros(amount))
        web.post(f"/accounts/{account}/holds", euros("0.01"))
    path = f"/accounts/{account}/statement?limit={limit}"
    found = pages(web, path, "lines")
    first = told(web.get(path))

    assert expected == [len(page) for page in found]
    assert ["10.00", "11.00", "13.00", "16.00"] == [
        line["balance"] for page in found for line in page
    ]
    assert ("0.00", found[0][-1]["balance"]) == (
        first["opening_balance"],
        first["closing_balance"],
    )
    if first["next"] is not None:
        second = told(web.get(f"{path}&cursor={first['next']}"))
        assert first["closing_balance"] == second["opening_balance"]


def test_the_span_of_a_statement(web: Web) -> None:
    """A statement covers its start and not its end, and is empty where nothing happened."""
    account = web.open("10")
    (line,) = told(web.get(f"/accounts/{account}/statement"))["lines"]
    at = line["booked_at"]
    covered = web.get(f"/accounts/{account}/statement?start={at}&end=2099-01-01")
    before = web.get(f"/accounts/{account}/statement?end={at}")

    assert [line] == told(covered)["lines"]
    assert ([], "0.00") == (told(before)["lines"], told(before)["closing_balance"])


# -- Oversight ---------------------------------------------------------------


def test_events_are_the_journal(web: Web) -> None:
    """What was booked and what was refused comes in order, and later what came later."""
    account = web.open("5")
    web.post(f"/accounts/{account}/withdrawals", euros("9"), key="k")
    first = told(web.get("/events?limit=1", me="ann"))
    second = told(web.get(f"/events?after={first['next']}", me="ann"))
    none = told(web.get(f"/events?after={second['next']}", me="ann"))
    web.post(f"/accounts/{account}/deposits", euros("1"))
    later = told(web.get(f"/events?after={none['next']}", me="ann"))
    (opened,), (refused,), (paid,) = (each["events"] for each in (first, second, later))

    assert ("booked", "open_account") == (opened["event"], opened["transaction"]["kind"])
    assert ("refused", "withdraw") == (refused["event"], refused["refusal"]["kind"])
    assert "insufficient_funds" == refused["refusal"]["error"]["code"]
    assert [account] == refused["refusal"]["account_ids"]
    assert "deposit" == paid["transaction"]["kind"]
    assert [] == none["events"]
    assert second["next"] == none["next"] != later["next"]


def test_events_of_an_empty_bank() -> None:
    """There is no cursor before there is a record."""
    assert {"events": [], "next": None} == told(Web().get("/events", me="ann"))


@pytest.mark.parametrize("cursor", ["x", "AAAAAAAAAAAAAAAA"])
def test_a_cursor_of_events_that_is_none(web: Web, cursor: str) -> None:
    """It is refused, and so is one of the store's that was tied to nothing."""
    for text in (cursor, _resources._to_cursor("events", "none of this store")):
        problem = told(web.get(f"/events?after={text}", me="ann"))

        assert (400, "invalid_cursor") == (problem["status"], problem["code"])


def test_denials_are_listed(web: Web) -> None:
    """Those who run the bank see who was denied what, the last first."""
    account = web.open()
    web.get(f"/accounts/{account}", me="bob")
    denied = web.get("/denials", me="bob")
    latest, first = told(web.get("/denials", me="otto"))["denials"]

    assert 403 == denied.status_code
    assert ("bob", "read_denials", []) == (
        latest["principal"],
        latest["action"],
        latest["account_ids"],
    )
    assert ("read_account", [account], "account_not_visible") == (
        first["action"],
        first["account_ids"],
        first["code"],
    )
    assert [latest] == told(web.get("/denials?limit=1", me="ann"))["denials"]


@pytest.fixture
def office(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """
    A bank in which the shop may issue tokens.
    """
    may = Principal("shop", ["service"], ["tokens:issue"])
    monkeypatch.setitem(cast("dict[str, Principal]", PRINCIPALS), "shop", may)
    return web


def test_the_life_of_a_token(office: Web) -> None:
    """A token is issued, is good, is listed without its secret, and is revoked."""
    body = {
        "principal": "mary",
        "roles": ["owner"],
        "expires_at": "2099-01-01",
        "description": "x",
    }
    issued = office.send("POST", "/tokens", body, me="shop", key=None, operation="post /tokens")
    text, token_id = told(issued)["text"], told(issued)["id"]
    tokens = Tokens(office.bank._store)
    principal = tokens.authenticate(text)
    listed = office.get("/tokens", me="otto")
    path = f"/tokens/{token_id}/revocation"
    operation = "post /tokens/{token_id}/revocation"
    revoked = [office.send("POST", path, {}, me="otto", operation=operation) for _ in range(2)]
    unknown = office.send(
        "POST", f"/tokens/{'0' * 16}/revocation", {}, me="otto", operation=operation
    )

    assert 201 == issued.status_code
    assert Principal("mary", ["owner"]) == principal
    assert told(listed)["tokens"] == [
        {name: value for name, value in told(issued).items() if name != "text"}
    ]
    assert text not in listed.text
    assert [200, 200] == [each.status_code for each in revoked]
    assert told(revoked[0]) == told(revoked[1])
    assert told(revoked[0])["revoked_at"] is not None
    assert tokens.authenticate(text) is None
    assert (404, "token_not_found") == (unknown.status_code, told(unknown)["code"])


def test_tokens_come_in_pages(office: Web) -> None:
    """Each comes once, in the order of their ids."""
    for _ in range(5):
        office.send("POST", "/tokens", {"principal": "mary"}, me="shop")
    found = pages(office, "/tokens?limit=2", "tokens", me="otto")
    ids = [token["id"] for page in found for token in page]

    assert [2, 2, 1] == [len(page) for page in found]
    assert sorted(set(ids)) == ids


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "principal"),
        ({"principal": "a b"}, "invalid_id", "principal"),
        ({"principal": "mary", "roles": ["king"]}, "invalid_principal", "roles"),
        ({"principal": "mary", "scopes": [5]}, "invalid_principal", "scopes"),
        ({"principal": "mary", "scopes": "accounts:read"}, "invalid_field", "scopes"),
        ({"principal": "mary", "expires_at": "2020-01-01"}, "invalid_time", "expires_at"),
        ({"principal": "mary", "description": "a\nb"}, "invalid_text", "description"),
        ({"principal": "mary", "secret": "x"}, "unknown_field", "secret"),
    ],
)
def test_tokens_that_are_none(office: Web, body: dict[str, Any], code: str, field: str) -> None:
    """Nothing is issued, and the field is named."""
    problem = told(office.send("POST", "/tokens", body, me="shop", operation="post /tokens"))

    assert (400, code, field) == (problem["status"], problem["code"], problem["field"])
    assert [] == told(office.get("/tokens", me="otto"))["tokens"]


# -- Again -------------------------------------------------------------------


def test_a_request_that_is_sent_again(web: Web) -> None:
    """The same request under the same key, quoted or bare, is done once and answered alike."""
    account = web.open("100")
    body = euros("5")
    first = web.post(f"/accounts/{account}/deposits", body, key="k-1")
    again = web.post(f"/accounts/{account}/deposits", body, key='"k-1"')

    assert (201, 200) == (first.status_code, again.status_code)
    assert {**told(first), "replayed": True} == told(again)
    assert "true" == again.headers["Idempotency-Replayed"]
    assert "Idempotency-Replayed" not in first.headers
    assert "105.00" == balance(web, account)


def test_a_refusal_that_is_sent_again(web: Web) -> None:
    """A refusal stands, whatever has changed since, and says that it is an old one."""
    account = web.open("1")
    first = web.post(f"/accounts/{account}/withdrawals", euros("5"), key="k-1")
    web.post(f"/accounts/{account}/deposits", euros("100"))
    again = web.post(f"/accounts/{account}/withdrawals", euros("5"), key="k-1")

    assert (409, 409) == (first.status_code, again.status_code)
    assert told(first)["facts"] == told(again)["facts"]
    assert (False, True) == ("replayed" in told(first), told(again)["replayed"])


def test_an_opening_that_is_sent_again(web: Web) -> None:
    """The account that was opened comes back; no second one is opened."""
    body = {"initial_balance": "5", "currency": "EUR"}
    first, again = (web.post("/accounts", body, key="k") for _ in range(2))

    assert told(first)["account_id"] == told(again)["account_id"]
    assert 1 == len(told(web.get("/accounts"))["accounts"])


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/accounts/{0}/deposits", euros("6"), ["amount"]),
        ("/accounts/{0}/deposits", {**euros("5"), "description": "x"}, ["description"]),
        ("/accounts/{1}/deposits", euros("5"), ["account_id"]),
        ("/accounts/{0}/withdrawals", euros("5"), ["command"]),
    ],
)
def test_a_key_stands_for_one_request(
    web: Web, path: str, body: dict[str, str], fields: list[str]
) -> None:
    """Another request under the same key is refused, and told what differs."""
    accounts = [web.open("100"), web.open("100")]
    web.post(f"/accounts/{accounts[0]}/deposits", euros("5"), key="k")
    response = web.post(path.format(*accounts), body, key="k")

    assert (422, "idempotency_key_reused") == (response.status_code, told(response)["code"])
    assert {"fields": fields} == told(response)["facts"]


def test_a_key_that_the_application_used_says_no_more() -> None:
    """Where the fields must not be told, no sentence is about them."""
    problem = to_problem(TransactionIdReusedError(TransactionId("k"), ()))

    assert problem.detail == (
        "This Idempotency-Key stands for another request. Send that one again as it was, or this"
        " one with a key of its own."
    )


def test_advice_for_callers_of_functions_is_not_told() -> None:
    """Who sends a request has no argument to pass."""
    error = RoundingRequiredError("1.005", "must have fewer decimals").about("amount")
    problem = to_problem(error.advising("pass rounding=…"))

    assert "amount must have fewer decimals, got 1.005; round it first." == problem.detail


def test_keys_belong_to_who_sends_them(web: Web) -> None:
    """The same key of two principals is two keys."""
    accounts = {me: web.open("0", me=me) for me in ("mary", "bob")}
    for me, account in accounts.items():
        assert (
            201
            == web.post(f"/accounts/{account}/deposits", euros("5"), key="k", me=me).status_code
        )


def test_what_was_never_judged_uses_up_no_key(web: Web) -> None:
    """After a malformed request, a denial or a stale view, the key is as good as new."""
    account = web.open("100")
    path = f"/accounts/{account}/deposits"
    first = [
        web.post(path, euros("-5"), key="k"),
        web.post(path, euros("5"), key="k", headers={"If-Match": '"9"'}),
    ]

    assert [400, 412] == [response.status_code for response in first]
    assert 201 == web.post(path, euros("5"), key="k").status_code


def test_if_match_guards_against_a_stale_view(web: Web) -> None:
    """A command is judged only while the account is as its sender has seen it."""
    account = web.open("100")
    etag = web.get(f"/accounts/{account}").headers["ETag"]
    path = f"/accounts/{account}/withdrawals"
    fine = web.post(path, euros("5"), headers={"If-Match": etag})
    stale = web.post(path, euros("5"), headers={"If-Match": etag})
    whatever = web.post(path, euros("5"), headers={"If-Match": "*"})

    assert (201, 412, 201) == (fine.status_code, stale.status_code, whatever.status_code)
    assert "stale_version" == told(stale)["code"]
    assert '"2"' == fine.headers["ETag"]


def test_money_at_rest_is_the_librarys(web: Web) -> None:
    """What HTTP booked, the library reads, and the other way round."""
    account = web.open("100")
    bank: Bank = web.bank
    bank.deposit(account, Money("5", "EUR"), transaction_id="t-1")

    assert Money("105", "EUR") == bank.account(account).balance
    assert "t-1" == told(web.get("/transactions/t-1"))["id"]
    assert TransactionId("t-1") == bank.transaction("t-1").id
    assert Currency("EUR") is bank.account(account).balance.currency


# -- Every endpoint that writes ----------------------------------------------

# By the path that the served document has: the kind of its command, and the fields of its body.
POSTS: dict[str, tuple[str, list[str]]] = {
    path: (
        operations["post"]["operationId"],
        list(operations["post"]["requestBody"]["content"][JSON]["schema"]["properties"]),
    )
    for path, operations in json.loads(Web().client.get("/v1/openapi.json").data)["paths"].items()
    if "post" in operations and operations["post"]["operationId"] in BY_KIND
}
CROWNS = Money("1.5", Currency("CRWN", exponent=3))
NOT_OF_COMMANDS = {"currency": None}
LATER = datetime(2100, 1, 1, 12, 30, 15, 123_456, tzinfo=UTC)


class Sent:
    """
    A bank with accounts in a currency of its own, and what is sent to one of its endpoints.
    """

    def __init__(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        may_do_all = Principal("shop", ["service"], SCOPES)
        monkeypatch.setitem(cast("dict[str, Principal]", PRINCIPALS), "shop", may_do_all)
        self.store = MemoryStore()
        self.web = Web(self.store)
        for name in "ab":
            self.web.bank.open_account(name, initial_balance=CROWNS + CROWNS, holder="mary")
        for name in "cd":
            self.web.bank.open_account(name, initial_balance=Money("5", "USD"))
        self.web.bank.transfer("a", "b", CROWNS, transaction_id="moved")
        end = LATER.replace(year=2099)
        self.web.bank.place_hold("b", CROWNS, transaction_id="held", expires_at=end)
        self._path = path
        name, self._fields = POSTS[path]
        (self._endpoint,) = (each for each in _resources.ENDPOINTS if each.name == name)
        self.kind = BY_KIND[name]
        on_b = issubclass(self.kind, HoldCommand | Reverse)
        self._values = {
            name: LATER if type(value) is datetime else value
            for name, value in values_of(
                self.kind,
                accounts="ba" if on_b else "abcd",
                named="moved" if self.kind is Reverse else "held",
                money=CROWNS,
            ).items()
            if f"{{{name}}}" in path or name in self._fields or name == "original_id"
        }
        # The account by whose version it is judged is not there yet, or b, or a.
        self.nullable = self._endpoint.body.nullable if self._endpoint.body else ()
        self.version = 0 if self.kind is OpenAccount else 3 if on_b else 2

    @property
    def must_be_sent(self) -> tuple[str, ...]:
        assert self._endpoint.body is not None
        return self._endpoint.body.required

    @property
    def may_be_left_out(self) -> list[str]:
        return [name for name in self._fields if name not in {*self.must_be_sent, "exponent"}]

    @property
    def optional(self) -> list[str]:
        return [each.name for each in FIELDS[self.kind] if each.name in self._fields]

    def command(self, wanted: Collection[str], description: str | None) -> Command:
        metadata = None if description is None else {"order": "1017", "text": description}
        return command_of(
            self.kind, self._values, wanted, description=description, metadata=metadata
        )

    def post(
        self, command: Command, more: Mapping[str, Any] = MappingProxyType({}), **options: Any
    ) -> TestResponse:
        values = {name: getattr(command, name, None) for name in self._fields}
        body = {name: _in_json(value) for name, value in values.items() if value is not None}
        body |= {name: None for name in self.must_be_sent if name not in body | NOT_OF_COMMANDS}
        if any(type(value) is Money for value in values.values()):
            body |= {"currency": "CRWN", "exponent": 3}
        ids = {"transaction_id": "moved", **self._values}
        path = self._path.format_map(ids)
        return self.web.send("POST", path, {**body, **more}, me="shop", **options)

    def recorded(self) -> list[Transaction | Refusal]:
        return list(self.store.journal().records)


def _in_json(value: Any) -> Any:
    if type(value) is Money:
        return str(value.amount)
    if type(value) is datetime:
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(map(_in_json, value))
    if isinstance(value, tuple):
        return [{"account_id": str(each), **money.to_dict()} for each, money in value]
    if isinstance(value, Metadata):
        return dict(value)
    return json_of(value) if isinstance(value, bool | Enum | ExchangeRate) else str(value)


@pytest.mark.parametrize("path", POSTS)
def test_every_endpoint_refuses_a_stale_view(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale ``If-Match`` is a 412 and changes nothing; the account's own goes through."""
    sent = Sent(path, monkeypatch)
    command = sent.command({"sweep_to"}, None)
    before = sent.recorded()
    for version in (sent.version + 1, abs(sent.version - 1)):
        stale = sent.post(command, headers={"If-Match": f'"{version}"'}, key="k")

        assert (412, "stale_version") == (stale.status_code, told(stale)["code"])
        assert before == sent.recorded()
    fresh = sent.post(command, headers={"If-Match": f'"{sent.version}"'}, key="k")

    assert 201 == fresh.status_code
    assert [command] == [each.command for each in sent.recorded()[len(before) :]]


@pytest.mark.parametrize("path", POSTS)
def test_null_is_nothing_in_every_endpoint(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that may be left out may be null: it is the same request, and replays."""
    sent = Sent(path, monkeypatch)
    command = sent.command((), None)
    first = sent.post(command, key="k")
    left_out = [
        each for each in sent.may_be_left_out if getattr(command, each, None) in (None, {})
    ]
    nothing = dict.fromkeys(left_out)
    again = sent.post(command, nothing, key="k")

    assert (first.status_code, again.status_code) in {(201, 200), (409, 409)}
    assert told(again) == told(first) | {
        name: told(again)[name] for name in ("replayed", "request_id") if name in told(again)
    }
    assert told(again)["replayed"]
    for name in set(sent.must_be_sent) - set(sent.nullable):
        refused = sent.post(command, {name: None})
        assert (400, "invalid_field", name) == (
            refused.status_code,
            told(refused)["code"],
            told(refused)["field"],
        )


@pytest.mark.parametrize("path", POSTS)
def test_every_option_of_every_endpoint_arrives(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is recorded is the command with the very fields, description and metadata that were sent:
    with none that may be left out, with each of them, and with all.
    """
    optional = Sent(path, monkeypatch).optional
    text = "Miete für März"
    for wanted, description in (
        ([], None),
        *(([each], text) for each in optional),
        (optional, text),
    ):
        sent = Sent(path, monkeypatch)
        command = sent.command(wanted, description)
        response = sent.post(command)
        recorded = sent.recorded()[-1]

        assert response.status_code in {201, 409}
        assert (command, "shop") == (recorded.command, recorded.principal)


def test_every_field_of_every_endpoint_is_sent_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """No field of a body is without a value in the tests above."""
    for path, (_, fields) in POSTS.items():
        sent = Sent(path, monkeypatch)
        command = sent.command(sent.optional, "Miete für März")
        given = {name for name in fields if getattr(command, name, None) not in (None, {})}

        assert set(fields) - {"currency", "exponent"} == given


# The members of a receipt that depend on what its reader may see.
SEEN = ("postings", "account_id", "counterparties", "original_id", "hold_id")
READS = ("accounts:read", "statements:read", "transactions:read")


@pytest.mark.parametrize("path", POSTS)
def test_every_endpoint_answers_whatever_may_be_read(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What was booked is answered and answered again, cut to what the sender may read: with the scope
    of the command alone, with each of the scopes to read, with all, and after all are gone.
    """
    principals = cast("dict[str, Principal]", PRINCIPALS)
    scope = POLICY_TABLE[POSTS[path][0]].scope
    for readable in chain.from_iterable(combinations(READS, n) for n in (0, 1, 3)):
        sent = Sent(path, monkeypatch)
        scopes = {scope, "holds:all", *readable}
        monkeypatch.setitem(principals, "shop", Principal("shop", ["service"], scopes))
        command = sent.command({"sweep_to"}, None)
        first = sent.post(command, operation=f"post {path}", key="k")
        again = sent.post(command, operation=f"post {path}", key="k")
        booked = sent.recorded()[-1]
        read = sent.web.get(f"/transactions/{booked.id}", me="shop")
        monkeypatch.setitem(principals, "shop", Principal("shop"))
        bare = sent.post(command, operation=f"post {path}", key="k")

        assert (201, 200, 200) == (first.status_code, again.status_code, bare.status_code)
        assert told(first) == {**told(again), "replayed": False}
        assert told(bare) == told(again) | {name: told(bare)[name] for name in SEEN}
        assert (200 if "transactions:read" in readable else 403) == read.status_code
        assert booked is sent.recorded()[-1]


@pytest.mark.parametrize("path", POSTS)
def test_every_endpoint_answers_a_holder_again(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a holder with one right or all booked, it gets again, then and without any right."""
    principals = cast("dict[str, Principal]", PRINCIPALS)
    for rights in chain.from_iterable(combinations(Right, n) for n in (1, 3)):
        sent = Sent(path, monkeypatch)
        for name in "abcd":
            sent.web.bank.grant_access(name, "shop", rights)
        monkeypatch.setitem(principals, "shop", Principal("shop", ["owner"]))
        if sent.kind is OpenAccount:
            sent.post(sent.command((), None), key="k")
        command = sent.command({"sweep_to"}, None)
        first = sent.post(command, operation=f"post {path}", key="k")
        length = len(sent.recorded())
        for name in "abcd":
            sent.web.bank.revoke_access(name, "shop")
        again = sent.post(command, operation=f"post {path}", key="k")

        if first.status_code in {200, 201}:
            assert 200 == again.status_code
            assert told(first)["id"] == told(again)["id"]
            assert length + 4 == len(sent.recorded())
        else:
            assert first.status_code in {403, 404}
            assert again.status_code in {403, 404}


def test_null_is_a_value_where_a_field_must_be_sent() -> None:
    """Of a command that asks for an end, or for none: it must say so."""
    body = body_of(ExtendHold, {"account_id", "hold_id"})

    assert {"expires_at": None} == body.read({"expires_at": None, "description": None})
    assert ("expires_at",) == body.required


def test_a_reversal_names_the_field_that_is_wrong(web: Web) -> None:
    """The path's name of an id, and any other field's own."""
    for path, body, field in (
        ("/transactions/a%20b/reversals", {}, "transaction_id"),
        ("/transactions/t-1/reversals", {"description": "a\nb"}, "description"),
    ):
        assert field == told(web.post(path, body, me="tom"))["field"]


# -- Finding -----------------------------------------------------------------


def shop(web: Web) -> tuple[str, str]:
    """
    Two accounts of mary, and some payments into and out of them.
    """
    first, second = web.open("500"), web.open("500")
    for number, account in enumerate((first, second, first)):
        body = {**euros(f"{number + 10}"), "metadata": {"order": f"{number}", "shop": "berlin"}}
        web.post(f"/accounts/{account}/deposits", {**body, "description": f"Rent {number}"})
    web.post(f"/accounts/{second}/withdrawals", {**euros("400"), "description": "a:b, c=d"})
    return first, second


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["open_account", "open_account", *["deposit"] * 3, "withdraw"]),
        ("newest_first=true&limit=2", ["withdraw", "deposit"]),
        ("newest_first=false&limit=1", ["open_account"]),
        ("kinds=withdraw,open_account", ["open_account", "open_account", "withdraw"]),
        ("at_least=EUR%20400", ["open_account", "open_account", "withdraw"]),
        ("at_least=EUR%2011&at_most=EUR%2012.00", ["deposit", "deposit"]),
        ("metadata=order:1", ["deposit"]),
        ("metadata=order:1&metadata=shop:berlin", ["deposit"]),
        ("metadata=order:1&metadata=shop:rome", []),
        ("text=rEnT", ["deposit"] * 3),
        ("text=a:b,%20C=D", ["withdraw"]),
        ("start=2999-01-01", []),
        ("end=2999-01-01&text=rent%202", ["deposit"]),
    ],
)
def test_transactions_are_found(web: Web, query: str, expected: list[str]) -> None:
    """By each filter of the document, and by several."""
    shop(web)
    found = told(web.get(f"/transactions?{query}"))["transactions"]

    assert expected == [each["kind"] for each in found]


def test_transactions_of_one_account_come_in_pages(web: Web) -> None:
    """Each once, whatever the length of a page; a cursor belongs to its query."""
    first, second = shop(web)
    for limit in (1, 2, 200):
        found = pages(web, f"/transactions?account_id={first}&limit={limit}", "transactions")

        assert ["open_account", "deposit", "deposit"] == [
            each["kind"] for each in chain.from_iterable(found)
        ]
    cursor = told(web.get(f"/transactions?account_id={first}&limit=1"))["next"]
    wrong = web.get(f"/transactions?account_id={second}&cursor={cursor}")

    assert (400, "invalid_cursor") == (wrong.status_code, told(wrong)["code"])


@pytest.mark.parametrize(
    ("path", "among"),
    [
        ("/events?cursor=x", "it must be among limit, after"),
        ("/tokens?after=x", "it must be among limit, cursor"),
        ("/accounts/a?limit=1", "there is none here"),
    ],
)
def test_an_unknown_parameter_is_told_with_those_that_are_known(
    web: Web, path: str, among: str
) -> None:
    """Whoever mistypes a parameter, or takes that of another resource, reads which there are."""
    problem = told(web.get(path))
    name = path.partition("?")[2].partition("=")[0]

    assert f'Unknown parameter "{name}": {among}.' == problem["detail"]


def test_an_unknown_field_is_told_with_those_that_are_known(web: Web) -> None:
    """Whoever mistypes a field reads which there are."""
    problem = told(web.post(f"/accounts/{web.open()}/deposits", {"sum": "1"}))

    known = "amount, currency, exponent, description, metadata"
    assert f'Unknown field "sum": it must be among {known}.' == problem["detail"]


@pytest.mark.parametrize("cursor", ["x", "", "AAAA"])
def test_a_wrong_cursor_of_the_feed_names_its_parameter(web: Web, cursor: str) -> None:
    """The feed goes on after a cursor, and its parameter has that name."""
    problem = told(web.get(f"/events?after={cursor}"))

    assert ("invalid_cursor", "after") == (problem["code"], problem["field"])


def test_amounts_of_a_currency_of_ones_own_are_found(web: Web) -> None:
    """With the exponent, as in a body, an amount may be in a currency that ISO 4217 lacks."""
    body = {"initial_balance": "0.75", "currency": "BTC", "exponent": 8}
    account = told(web.post("/accounts", body))["account_id"]
    web.open("100")
    found = [
        told(web.get(f"/transactions?exponent=8&{query}"))["transactions"]
        for query in ("at_least=BTC%200.5", "at_most=BTC%200.75", "at_least=BTC%200.76")
    ]

    assert [[account], [account], []] == [[each["account_id"] for each in some] for some in found]


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("kinds=", "invalid_kind", "kinds"),
        ("kinds=deposits", "invalid_kind", "kinds"),
        ("at_least=5", None, "at_least"),
        ("at_least=EUR%20-5", "invalid_amount", "at_least"),
        ("at_least=EUR%205&at_most=USD%205", "currency_mismatch", "at_most"),
        ("metadata=order", "invalid_metadata", "metadata"),
        ("metadata=Order:1", "invalid_metadata", "metadata"),
        ("metadata=order:1&metadata=order:1", "invalid_metadata", "metadata"),
        ("newest_first=1", "invalid_parameter", "newest_first"),
        ("at_least=BTC%205", "unknown_currency", "at_least"),
        ("at_least=BTC%205&exponent=x", "invalid_parameter", "exponent"),
        ("at_least=BTC%205&exponent=19", "invalid_parameter", "exponent"),
        ("text=%00", "invalid_text", "text"),
        ("start=x", "invalid_time", "start"),
        ("account_id=a%20b", "invalid_id", "account_id"),
        ("limit=0", "invalid_limit", "limit"),
        ("text=a&text=b", "invalid_parameter", "text"),
        ("order=1017", "unknown_parameter", "order"),
    ],
)
def test_a_wrong_search_names_the_parameter(
    web: Web, query: str, code: str | None, field: str
) -> None:
    """It is a 400, with the parameter that is wrong."""
    answer = web.get(f"/transactions?{query}")

    assert (400, field) == (answer.status_code, told(answer)["field"])
    assert code in {None, told(answer)["code"]}


def test_others_find_nothing_of_it(web: Web) -> None:
    """Another owner's search is empty, and an account that is not its own as if not there."""
    first, _ = shop(web)

    assert [] == told(web.get("/transactions?metadata=shop:berlin", me="bob"))["transactions"]
    for account in (first, "nobody"):
        answer = web.get(f"/transactions?account_id={account}", me="bob")
        assert (404, "account_not_visible") == (answer.status_code, told(answer)["code"])


def test_accounts_are_found_by_metadata_and_holder(web: Web) -> None:
    """With pages whose cursors belong to the search."""
    body = {"initial_balance": "5", "currency": "EUR", "metadata": {"shop": "berlin"}}
    for _ in range(3):
        assert 201 == web.post("/accounts", body).status_code
    web.open()
    found = pages(web, "/accounts?metadata=shop:berlin&limit=2", "accounts")
    cursor = told(web.get("/accounts?limit=1"))["next"]
    wrong = web.get(f"/accounts?metadata=shop:berlin&cursor={cursor}")

    assert [2, 1] == list(map(len, found))
    assert {"shop": "berlin"} == found[0][0]["metadata"]
    assert 4 == len(told(web.get("/accounts?holder=mary"))["accounts"])
    assert [] == told(web.get("/accounts?holder=bob"))["accounts"]
    assert (400, "invalid_cursor") == (wrong.status_code, told(wrong)["code"])
