"""
Several commands in one request: booked or previewed, each with a key and an outcome of its own.
"""

import json
from typing import Any, cast

import jsonschema_rs
import pytest
from web import PRINCIPALS, Web, euros, told

from bankcore.access import SCOPES, Principal
from bankcore.commands import SENT
from bankcore.errors import StoreUnavailableError
from bankcore.flask._batches import COMMAND_SCHEMA, COMMANDS_MAX, commands_from
from bankcore.flask._validation import BATCH_BODY_LENGTH_MAX
from bankcore.ledger import verify
from bankcore.stores import MemoryStore
from bankcore.values import PrincipalId


@pytest.fixture
def web() -> Web:
    return Web()


def move(kind: str, key: str, account: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "key": key, "account_id": account, **euros(amount), **more}


def send(web: Web, path: str, commands: Any, **options: Any) -> Any:
    me = options.pop("me", "mary")
    body = {"commands": commands, **options}
    return web.send("POST", path, body, me=me, key=None, operation=f"post {path}")


def statuses(response: Any) -> list[int]:
    return [each["status"] for each in told(response)["outcomes"]]


def codes(response: Any) -> list[str]:
    return [each.get("problem", {}).get("code", "") for each in told(response)["outcomes"]]


def balance(web: Web, account: str) -> str:
    return str(told(web.get(f"/accounts/{account}"))["balance"])


def test_each_command_has_an_outcome(web: Web) -> None:
    """In order, each seeing what the earlier ones did; a refusal stops no other."""
    mine, other = web.open("100"), web.open("0")
    theirs = web.open("5", me="bob")
    response = send(
        web,
        "/batches",
        [
            move("deposit", "k-1", mine, "20"),
            move("withdraw", "k-2", mine, "500"),
            {
                "kind": "transfer",
                "key": "k-3",
                "source_id": mine,
                "destination_id": other,
                **euros("110"),
            },
            move("withdraw", "k-4", theirs, "1"),
            {"kind": "restrict", "key": "k-5", "account_id": mine, "restriction": "none"},
            {"kind": "open_account", "key": "k-6", "initial_balance": "1", "currency": "EUR"},
        ],
    )

    assert 200 == response.status_code
    assert [201, 409, 201, 404, 403, 201] == statuses(response)
    assert ["", "insufficient_funds", "", "account_not_visible", "access_denied", ""] == codes(
        response
    )
    assert ("10.00", "110.00") == (balance(web, mine), balance(web, other))


def test_a_batch_that_is_sent_again_is_done_once(web: Web) -> None:
    """Whole, in part, or one command by a request of its own."""
    account = web.open("100")
    commands = [move("withdraw", f"k-{number}", account, "10") for number in range(3)]
    commands.append(move("withdraw", "k-3", account, "1000"))
    first = send(web, "/batches", commands)
    web.post(f"/accounts/{account}/deposits", euros("5000"))
    again = send(web, "/batches", commands)
    part = send(web, "/batches", [commands[1], move("withdraw", "k-9", account, "10")])
    alone = web.post(f"/accounts/{account}/withdrawals", euros("10"), key="k-2")

    assert [201, 201, 201, 409] == statuses(first)
    assert [200, 200, 200, 409] == statuses(again)
    assert told(again)["outcomes"][3]["problem"]["replayed"]
    assert [200, 201] == statuses(part)
    assert 200 == alone.status_code
    assert "5060.00" == balance(web, account)


def test_another_command_under_a_key_is_refused(web: Web) -> None:
    """As it is where it is sent alone; a key that comes twice in a batch is done once."""
    account = web.open("100")
    response = send(
        web,
        "/batches",
        [
            move("deposit", "k", account, "5"),
            move("deposit", "k", account, "6"),
            move("deposit", '"k"', account, "5"),
        ],
    )

    assert [201, 422, 200] == statuses(response)
    assert "idempotency_key_reused" == codes(response)[1]
    assert "105.00" == balance(web, account)


def test_all_or_nothing(web: Web) -> None:
    """With `atomic`, the first refusal is the answer, and says where it was."""
    account = web.open("100")
    good, bad = move("deposit", "a", account, "5"), move("withdraw", "b", account, "1000")
    refused = send(web, "/batches", [good, bad], atomic=True)
    alone = send(web, "/batches", [bad], atomic=True)
    unlike = send(
        web, "/batches", [move("deposit", "c", account, "5", currency="USD")], atomic=True
    )
    booked = send(web, "/batches", [good, move("withdraw", "d", account, "1")], atomic=True)
    new, old = move("deposit", "e", account, "5"), move("withdraw", "d", account, "1")
    partly = send(web, "/batches", [new, old], atomic=True)

    assert (409, "insufficient_funds") == (refused.status_code, told(refused)["code"])
    assert told(refused)["detail"].startswith("commands[1]: Account ")
    assert told(alone)["replayed"]
    assert (400, "commands[0].amount") == (unlike.status_code, told(unlike)["field"])
    assert [201, 201] == statuses(booked)
    assert (422, "commands[1]") == (partly.status_code, told(partly)["detail"][:11])
    assert "104.00" == balance(web, account)


def test_an_atomic_batch_that_is_denied(web: Web) -> None:
    """The denial is the answer, and uses up no key."""
    account, theirs = web.open("100"), web.open("5", me="bob")
    commands = [move("deposit", "a", account, "5"), move("withdraw", "b", theirs, "1")]
    denied = send(web, "/batches", commands, atomic=True)

    assert (404, "account_not_visible") == (denied.status_code, told(denied)["code"])
    assert told(denied)["detail"].startswith("commands[1]: There is no such account")
    assert [201] == statuses(send(web, "/batches", commands[:1]))


def test_a_batch_on_a_store_that_fails(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said as for one command, and of none of them."""
    account = web.open("100")

    def fail(*_: object) -> Any:
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(MemoryStore, "transact", fail)
    response = send(web, "/batches", [move("deposit", "a", account, "5")], atomic=True)

    assert (503, "store_unavailable") == (response.status_code, told(response)["code"])
    assert told(response)["detail"].startswith("The bank cannot be reached now.")


def test_a_preview_books_nothing(web: Web) -> None:
    """It answers what a batch would, and the same batch may be sent then."""
    account = web.open("100")
    commands = [move("withdraw", "a", account, "70"), move("withdraw", "b", account, "70")]
    seen = [send(web, "/previews", commands) for _ in range(2)]
    after = balance(web, account)
    atomic = send(web, "/previews", commands, atomic=True)
    booked = send(web, "/batches", commands)

    assert [[201, 409]] * 3 == [statuses(each) for each in (*seen, booked)]
    assert "100.00" == after
    assert 409 == atomic.status_code
    assert "30.00" == told(seen[0])["outcomes"][0]["transaction"]["postings"][0]["balance"]
    assert "30.00" == balance(web, account)


def test_an_expected_version(web: Web) -> None:
    """It guards a command as If-Match does one that is sent alone."""
    account = web.open("100")
    stale = move("deposit", "a", account, "5", expected_version=7)
    fresh = move("deposit", "a", account, "5", expected_version=1)
    whatever = move("deposit", "b", account, "5", expected_version=None)

    assert [412, 201, 201] == statuses(send(web, "/batches", [stale, fresh, whatever]))


DEPOSIT = move("deposit", "k", "alice", "5")


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        ("deposit", "invalid_field", ""),
        ({}, "invalid_field", ".kind"),
        ({**DEPOSIT, "kind": "expire_hold"}, "invalid_field", ".kind"),
        ({**DEPOSIT, "kind": []}, "invalid_field", ".kind"),
        ({**DEPOSIT, "key": None}, "missing_field", ".key"),
        ({**DEPOSIT, "key": 5}, "invalid_field", ".key"),
        ({**DEPOSIT, "key": "a b"}, "invalid_idempotency_key", ""),
        ({**DEPOSIT, "expected_version": -1}, "invalid_version", ".expected_version"),
        ({**DEPOSIT, "expected_version": "1"}, "invalid_version", ".expected_version"),
        ({**DEPOSIT, "memo": "x"}, "unknown_field", ".memo"),
        ({**DEPOSIT, "booked_at": "2026-01-01"}, "unknown_field", ".booked_at"),
        ({**DEPOSIT, "transaction_id": "t"}, "unknown_field", ".transaction_id"),
        ({**DEPOSIT, "amount": 5}, "invalid_field", ".amount"),
        ({**DEPOSIT, "amount": "-5"}, "invalid_amount", ".amount"),
        ({**DEPOSIT, "account_id": "a b"}, "invalid_id", ".account_id"),
        ({"kind": "deposit", "key": "k"}, "missing_field", ".account_id"),
        ({**DEPOSIT, "kind": "open_account"}, "unknown_field", ".account_id"),
    ],
)
def test_a_command_that_is_wrong(web: Web, command: Any, code: str, field: str) -> None:
    """The whole request is refused, and says which command and which field it is."""
    account = web.open("5")
    good = move("deposit", "good", account, "1")
    schema = json.loads(web.client.get("/v1/openapi.json").data)
    body = schema["paths"]["/batches"]["post"]["requestBody"]["content"]["application/json"]
    whole = {**body["schema"], "components": schema["components"]}
    for path in ("/batches", "/previews"):
        problem = told(send(web, path, [good, command]))

        assert (400, code) == (problem["status"], problem["code"])
        assert f"commands[1]{field}" == problem["field"]
        assert problem["detail"].startswith("commands[1]")
    assert "5.00" == balance(web, account)
    assert not jsonschema_rs.is_valid(whole, {"commands": [command]})


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "commands"),
        ({"commands": {}}, "invalid_field", "commands"),
        ({"commands": []}, "invalid_batch", "commands"),
        ({"commands": [DEPOSIT] * (COMMANDS_MAX + 1)}, "invalid_batch", "commands"),
        ({"commands": [DEPOSIT], "atomic": "yes"}, "invalid_field", "atomic"),
    ],
)
def test_a_batch_that_is_wrong(web: Web, body: dict[str, Any], code: str, field: str) -> None:
    """It is refused whole."""
    problem = told(web.send("POST", "/batches", body, operation="post /batches"))

    assert (400, code, field) == (problem["status"], problem["code"], problem["field"])


def test_the_length_of_a_batch(web: Web) -> None:
    """It may be longer than other bodies, up to a limit."""
    account = web.open("5")
    text = json.dumps({"commands": [move("deposit", "k", account, "1")]}).encode()
    fits = web.send("POST", "/batches", text + b" " * (BATCH_BODY_LENGTH_MAX - len(text)))
    long = web.send("POST", "/batches", text + b" " * (BATCH_BODY_LENGTH_MAX + 1 - len(text)))
    many = [move("deposit", f"k-{number}", account, "1") for number in range(COMMANDS_MAX)]

    assert (200, 413) == (fits.status_code, long.status_code)
    assert f"{BATCH_BODY_LENGTH_MAX:,}" in told(long)["detail"]
    assert [201] * COMMANDS_MAX == statuses(send(web, "/batches", many))
    assert () == verify(web.bank._store).disagreements


def test_every_command_may_be_in_a_batch() -> None:
    """The document has each, with a kind, a key and an expected version."""
    kinds = {each["properties"]["kind"]["const"] for each in COMMAND_SCHEMA["anyOf"]}

    assert {kind.kind for kind in SENT} == kinds
    for each in COMMAND_SCHEMA["anyOf"]:
        assert {"kind", "key", "expected_version"} < set(each["properties"])
        assert ["kind", "key"] == each["required"][:2]


def test_who_may_send_a_batch(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command is for those who may send it alone; nobody else is told anything."""
    account = web.open("100")
    may_post = Principal("shop", ["service"], SCOPES - {"deposits:write"})
    monkeypatch.setitem(cast("dict[str, Principal]", PRINCIPALS), "shop", may_post)
    commands = [move("deposit", "a", account, "5"), move("withdraw", "b", account, "5")]
    expected = {
        "mary": [201, 201],
        "bob": [404, 404],
        "tom": [201, 201],
        "ann": [403, 403],
        "otto": [403, 403],
        "shop": [403, 201],
    }

    assert expected == {me: statuses(send(web, "/batches", commands, me=me)) for me in expected}
    assert 401 == send(web, "/batches", commands, me="nobody").status_code


def test_the_keys_of_a_batch_belong_to_its_sender() -> None:
    """The same list of two principals is two lists."""
    ids = [
        commands_from([DEPOSIT], PrincipalId(name))[0].transaction_id for name in ("mary", "bob")
    ]

    assert ids[0] != ids[1]
