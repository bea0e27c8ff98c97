"""
Batches: several commands in one request, to be booked or previewed.

Decided here: the form of a command in a list, and of its outcome. Each has a key of its own, as if
it were sent alone, so that a list may be sent again, whole or in parts, and nothing is done twice.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs

from bankcore.commands import BY_KIND, SENT, Command, OpenAccount
from bankcore.flask._fields import Body, Field, body_of, plain_body
from bankcore.flask._problems import missing_field
from bankcore.flask._validation import DIGITS_MAX, KEY_SCHEMA, read_members
from bankcore.http import Problem, bad_request, problem_of, transaction_id_of
from bankcore.ledger import Transaction
from bankcore.ledger._errors import InvalidBatchError
from bankcore.values import PrincipalId
from bankcore.values._errors import BankError, InvalidRequestError
from bankcore.values._json import Json, object_schema

#: The most commands of one request.
COMMANDS_MAX: Final = 100

# The bank makes the ids of accounts, as it does where one is opened alone.
_BODIES: Final = {
    kind.kind: body_of(kind, {"account_id"} if kind is OpenAccount else ()) for kind in SENT
}


def _schema_of(kind: str, body: Body) -> Json:
    schema = body.schema()
    return {
        **schema,
        "required": ["kind", "key", *schema["required"]],
        "properties": {
            "kind": {"type": "string", "const": kind},
            "key": KEY_SCHEMA,
            "expected_version": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": 10**DIGITS_MAX - 1,
            },
            **schema["properties"],
        },
    }


#: A command in a list, as JSON Schema has it.
COMMAND_SCHEMA: Final[Json] = {"anyOf": [_schema_of(*each) for each in _BODIES.items()]}
_COMMANDS: Final = Field(
    list,
    {
        "type": "array",
        "items": COMMAND_SCHEMA,
        "minItems": 1,
        "maxItems": COMMANDS_MAX,
        "description": "Each with a key of its own, as an Idempotency-Key is for one alone.",
        "examples": [
            [
                {
                    "kind": "deposit",
                    "key": "gift-2026-05",
                    "account_id": "alice",
                    "amount": "5.00",
                    "currency": "EUR",
                }
            ]
        ],
    },
)
_ATOMIC: Final = Field(
    bool, {"type": "boolean", "description": "Books all of them or none. Not by default."}
)
BATCH_BODY: Final = plain_body({"commands": _COMMANDS}, {"atomic": _ATOMIC})

#: The outcome of one command; with the base of a problem, as the request has the id for the log.
OUTCOME_SCHEMA: Final[Json] = object_schema(
    {
        "status": {"type": "integer"},
        "transaction": Transaction.json_schema(),
        "problem": Problem.json_schema(),
    },
    optional=["transaction", "problem"],
)


def commands_from(items: Sequence[Any], principal_id: PrincipalId) -> list[Command]:
    """Return the commands that *items* stand for; an error names the one that is wrong."""
    if not 1 <= len(items) <= COMMANDS_MAX:
        raise InvalidBatchError(f"it must have 1 to {COMMANDS_MAX} commands").about("commands")
    found = []
    for place, item in enumerate(items):
        at = f"commands[{place}]"
        try:
            found.append(_command_from(item, principal_id))
        except InvalidRequestError as error:
            raise error.about(f"{at}.{error.field}" if error.field else at) from None
        except Problem as problem:
            field = f"{at}.{problem.field}" if problem.field else at
            raise attrs.evolve(problem, field=field, detail=f"{at}: {problem.detail}") from None
    return found


def _command_from(item: object, principal_id: PrincipalId) -> Command:
    if type(item) is not dict:
        raise bad_request("invalid_field", "A command must be an object.")
    members = dict(item)
    kind, key = members.pop("kind", None), members.pop("key", None)
    expected_version = members.pop("expected_version", None)
    if type(kind) is not str or kind not in _BODIES:
        raise bad_request("invalid_field", f"kind must be one of {', '.join(_BODIES)}.", "kind")
    if key is None:
        raise missing_field("key")
    if type(key) is not str:
        raise bad_request("invalid_field", "key must be text.", "key")
    return BY_KIND[kind](
        transaction_id=transaction_id_of(principal_id, key),
        expected_version=expected_version,
        **read_members(members, _BODIES[kind]),
    )


def outcome_dict(outcome: Transaction | BankError) -> dict[str, Any]:
    """Return one outcome of a batch, with the status that it would have alone."""
    if isinstance(outcome, Transaction):
        return {"status": 200 if outcome.replayed else 201, "transaction": outcome.to_dict()}
    problem = problem_of(outcome)
    return {"status": problem.status, "problem": problem.to_dict()}


def problem_of_batch(error: BankError, place: int) -> Problem:
    """Return the problem of an atomic batch that failed at the command in this *place*."""
    problem, at = problem_of(error), f"commands[{place}]"
    field = f"{at}.{problem.field}" if problem.field else None
    return attrs.evolve(problem, field=field, detail=f"{at}: {problem.detail}")
