"""
The back-end against its own OpenAPI document, by requests that nobody thought of.

Schemathesis makes them from the document that is served: right ones, wrong ones, and those at
the edges. ``HYPOTHESIS_PROFILE=thorough`` makes a thousand for each operation.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import AuthContext, Case, HookContext
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bankcore.access import SCOPES, Principal, Role, StandardPolicy, Tokens
from bankcore.bank import Bank
from bankcore.flask import TokenAuthenticator, create_app
from bankcore.ledger import verify
from bankcore.money import Money
from bankcore.stores import MemoryStore

IS_THOROUGH: Final = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

#: Accounts that there are, and a transaction and a hold on the first.
ACCOUNTS: Final = ("alice", "bob")
DEPOSIT: Final = "deposit"
HOLD: Final = "hold"
#: What tokens are numbered from, so that nobody hits the one by which requests are let in.
START: Final = 2**62 + 20_260_501
#: Another one, which may be revoked.
TOKEN: Final = f"{START + 2:016x}"


class Served:
    """
    An application that is a new bank whenever it is asked to be, the same each time.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        ids = count()
        self.store = MemoryStore()
        bank = Bank(
            self.store,
            policy=StandardPolicy(teller_limit=Money("1000", "EUR")),
            new_id=lambda: f"id-{next(ids)}",
        )
        for account in ACCOUNTS:
            bank.open_account(account, initial_balance=Money("1000000", "EUR"), holder="bob")
        bank.deposit("alice", Money("1", "EUR"), transaction_id=DEPOSIT)
        bank.place_hold("alice", Money("1000", "EUR"), transaction_id=HOLD)
        numbers = count(START)
        tokens = Tokens(self.store, new_secret=lambda length: next(numbers).to_bytes(length))
        # Somebody who may do whatever somebody may.
        self.token = tokens.issue(Principal("mary", list(Role), SCOPES)).text
        assert tokens.issue(Principal("old")).id == TOKEN
        self._app = create_app(bank, authenticate=TokenAuthenticator(tokens))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(environ, start_response)


served = Served()
schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", served)
# A body may be so large that nothing else in it is looked at.
rejection = schema.config.checks.negative_data_rejection
rejection.expected_statuses = [*rejection.expected_statuses, "413"]

limits = settings(
    max_examples=1_000 if IS_THOROUGH else 8,
    deadline=None,
    # What fails is shown as it was found: making it smaller would send hundreds more.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# What is right by the document can be wrong still: a cursor of another page.
EXCLUDED: Final[list[Any]] = [positive_data_acceptance]


@pytest.fixture(autouse=True, scope="module")
def books() -> Iterator[None]:
    """
    What came of all of it is in order.
    """
    yield

    assert () == verify(served.store).disagreements


@schema.auth()
class Bearer:
    """
    Who asks, where a request is not about that.
    """

    def get(self, case: Case[Any], context: AuthContext) -> str:
        return served.token

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schema.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """
    Let every other right request be about what is there: by chance alone none ever would be.
    """
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    # Of the case alone: what is made must not depend on what was made before.
    number = crc32(repr((case.operation.label, case.path_parameters, case.body)).encode())
    if number % 4 == 0:
        return case
    account_id = "alice" if "hold_id" in case.path_parameters else ACCOUNTS[number % 2]
    known: dict[str, Any] = {"account_id": account_id, "hold_id": HOLD, "transaction_id": DEPOSIT}
    known["token_id"] = TOKEN
    for name in case.path_parameters:
        case.path_parameters[name] = known[name]
    if case.method == "POST":
        case.headers["Idempotency-Key"] = f"key-{number}"
        if number % 4 != 1:
            case.headers.pop("If-Match", None)
    if isinstance(case.body, dict):
        known = {
            "currency": "EUR",
            "amount": f"{number % 7}.0{number % 3}",
            "initial_balance": "5",
            "source_id": "alice",
            "destination_id": "bob",
            "legs": [
                {"account_id": "alice", "amount": f"-{number % 5}", "currency": "EUR"},
                {"account_id": "bob", "amount": f"{number % 5}", "currency": "EUR"},
            ],
            "commands": [
                {
                    "kind": kind,
                    "key": f"{kind}-{number}",
                    "account_id": "alice",
                    "amount": f"{1 + number % 7}",
                    "currency": "EUR",
                }
                for kind in ("deposit", "withdraw", "place_hold")
            ],
        }
        for name in known.keys() & case.body.keys():
            case.body[name] = known[name]
        case.body.pop("exponent", None)
    return case


#: Why what is right by the document may be wrong still: what one value means beside another.
MEANINGS: Final = {
    *("invalid_cursor", "invalid_time", "invalid_amount", "amount_too_large"),
    *("rounding_required", "unknown_currency", "invalid_currency", "currency_mismatch"),
    *("same_account", "invalid_legs", "invalid_rate", "invalid_format"),
    # A search gives several of these in one text.
    *("invalid_kind", "invalid_metadata"),
    # Null is nothing, also where another field needs it.
    *("missing_field", "invalid_restriction"),
    # Schemathesis takes the quotes off a header that is all in quotes.
    "invalid_if_match",
}


@schema.parametrize()
@limits
def test_each_operation(case: Case[Any]) -> None:
    """
    Every answer is as the document says, none is a 5xx, what is wrong is refused, and what is
    right is refused for what it means alone.
    """
    response = case.call_and_validate(excluded_checks=EXCLUDED)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        assert response.status_code != 415
        if response.status_code == 400:
            code = response.json()["code"]
            assert code in MEANINGS or (code == "invalid_json" and has_a_point(case.body))


def has_a_point(body: Any) -> bool:
    """
    To JSON Schema, 7.0 is a whole number; in a body, no number has a point.
    """
    if isinstance(body, dict | list):
        return any(map(has_a_point, body.values() if isinstance(body, dict) else body))
    return type(body) is float


class Sequences(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
    """
    Requests about what came of the requests before.
    """

    def setup(self) -> None:
        served.begin()

    def teardown(self) -> None:
        assert () == verify(served.store).disagreements

    def validate_response(self, response: Any, case: Case[Any], **options: Any) -> None:
        case.validate_response(response, excluded_checks=EXCLUDED)


def test_sequences_of_operations() -> None:
    """So is every answer to requests about what came of the requests before."""
    Sequences.run(settings=settings(limits, stateful_step_count=8))
