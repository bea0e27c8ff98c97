"""
The fields of bodies, which follow from the fields of commands.

Decided here: what each type of a command's field is in JSON, its schema, and how it is read. An
amount is text, and the body has one currency for all. The command itself reads the rest, as ids.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Any, Final, NamedTuple, get_args

import attrs

from bankcore.access._principals import PRINCIPAL_MEMBERS
from bankcore.accounts import Right
from bankcore.commands import LEGS_MAX, Command, Leg
from bankcore.commands._errors import InvalidLegsError
from bankcore.flask._problems import missing_field
from bankcore.money import Currency, ExchangeRate, Money
from bankcore.money._json import AMOUNT_SCHEMA, CURRENCY_SCHEMA, EXPONENT_SCHEMA, RATE_SCHEMA
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._choices import CHOICES_MAX
from bankcore.values._errors import InvalidRequestError, InvalidTimeError, shown
from bankcore.values._ids import ID_SCHEMA, PRINCIPAL_ID_SCHEMA, TRANSACTION_ID_SCHEMA
from bankcore.values._instants import instant_from_text
from bankcore.values._json import choice_schema, object_schema
from bankcore.values._metadata import METADATA_SCHEMA
from bankcore.values._text import DESCRIPTION_LENGTH_MAX, LINE_PATTERN

_INSTANT: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-5][0-9]))?"
)
_is_instant: Final = re.compile(_INSTANT, re.ASCII).fullmatch


def instant_from_json(text: str) -> datetime:
    """Return the instant of an RFC 3339 text; a date alone is its midnight in UTC."""
    if _is_instant(text) is None:
        hint = "must be like 2026-03-01T12:00:00Z, or a date like 2026-03-01"
        raise InvalidTimeError(shown(text), hint)
    return instant_from_text(text)


class Field(NamedTuple):
    """A field of a body: its type in JSON, its schema, and its reader if not the command."""

    type: type
    schema: Mapping[str, Any]
    read: Callable[[Any], Any] | None = None


def _text(**schema: object) -> Field:
    return Field(str, {"type": "string", **schema})


#: The form of an instant that is sent, or of a date, which is its midnight in UTC.
INSTANT_SCHEMA: Final = {
    "type": "string",
    "pattern": f"^{_INSTANT}$",
    "anyOf": [{"format": "date-time"}, {"format": "date"}],
    "examples": ["2100-01-31T12:00:00Z"],
}

_AMOUNT: Final = _text(
    # Of a whole number at most 18 digits, whatever the currency.
    pattern=r"^(?=.*[1-9])(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$",
    description="Text above zero, with no more decimals than the currency has.",
    examples=["5.00"],
)
_AMOUNT_OR_ZERO: Final = _text(
    pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$",
    description="Text from zero on, with no more decimals than the currency has.",
    examples=["100.00"],
)
#: The amounts that may be zero.
ZERO_ALLOWED: Final = ("initial_balance", "overdraft_limit")
_CURRENCY: Final = _text(
    **{**CURRENCY_SCHEMA, "description": "A code of ISO 4217, or the bank's own."}
)
_EXPONENT: Final = Field(
    int,
    {
        **EXPONENT_SCHEMA,
        "description": "How many decimals the currency has, where ISO 4217 does not say; left"
        " out where it does.",
    },
)


def _legs_from(items: list[Any]) -> list[tuple[Any, Money]]:
    """Return the legs of a post: objects of money, each with an account."""
    found = []
    for each in items:
        if type(each) is not dict or "account_id" not in each:
            raise InvalidLegsError("each must be an object with account_id, amount and currency")
        money = {name: value for name, value in each.items() if name != "account_id"}
        found.append((each["account_id"], Money.from_dict(money)))
    return found


_LEG: Final = object_schema(
    {
        "account_id": ID_SCHEMA,
        "amount": {
            **AMOUNT_SCHEMA,
            "pattern": r"^-?(?=.*[1-9])(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$",
            "description": "Above zero into the account, below zero out of it.",
        },
        "currency": CURRENCY_SCHEMA,
        "exponent": EXPONENT_SCHEMA,
    }
)
_LEGS: Final = Field(
    list,
    {
        "type": "array",
        "items": _LEG,
        "minItems": 1,
        "maxItems": LEGS_MAX,
        "examples": [
            [
                {"account_id": "alice", "amount": "-5.00", "currency": "EUR"},
                {"account_id": "bob", "amount": "5.00", "currency": "EUR"},
            ]
        ],
    },
    _legs_from,
)
_RIGHTS: Final = Field(
    list,
    {
        "type": "array",
        "items": choice_schema(Right),
        "minItems": 1,
        "maxItems": CHOICES_MAX,
        "examples": [["read", "debit"]],
    },
)
_BY_TYPE: Final[Mapping[Any, Field]] = {
    Money: _AMOUNT,
    AccountId: Field(str, ID_SCHEMA),
    TransactionId: Field(str, TRANSACTION_ID_SCHEMA),
    PrincipalId: Field(str, PRINCIPAL_ID_SCHEMA),
    tuple[Leg, ...]: _LEGS,
    frozenset[Right]: _RIGHTS,
    ExchangeRate: Field(dict, RATE_SCHEMA, ExchangeRate.from_dict),
    datetime: Field(str, INSTANT_SCHEMA, instant_from_json),
    bool: Field(bool, {"type": "boolean"}),
    str: _text(maxLength=DESCRIPTION_LENGTH_MAX, pattern=LINE_PATTERN),
    Metadata: Field(dict, METADATA_SCHEMA),
}
#: A value of each field that makes a good example, where its type does not say.
EXAMPLES: Final[Mapping[str, str]] = {
    "destination_id": "bob",
    "reason": "lost card",
    "restriction": "debits",
}
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "crosses_boundary": "Lets the legs leave a rest, from outside or going there.",
    "exchange_rate": "Recorded with an exchange. What moves is what the legs say.",
    "legs": "They add up to zero in each currency, and are judged on each account's net.",
    "rights": "In place of those that the principal held.",
    "description": "One line, for people.",
    "metadata": "Your own keys and values, by which it is found again; of an opening, those of"
    " the account.",
    "final": "Frees what is left of the hold. Default.",
    "holder": "Who holds all rights on the new account; of an owner, itself.",
    "reason": "One line: why. Needed unless the restriction is none.",
    "ends_at": "When it ends by itself; left out where nothing is restricted.",
    "up_to": "Takes what is there where that is less than the amount. Not by default.",
}
_IN_ALL_BODIES: Final = ("description", "metadata")
# Headers give the first two, and no request over HTTP may give the third.
_NOT_IN_BODIES: Final = ("transaction_id", "expected_version", "booked_at")


_REASON: Final[Mapping[str, Any]] = {
    "if": {"properties": {"restriction": {"const": "none"}}},
    "then": {"properties": {"ends_at": {"type": "null"}}},
    "else": {"required": ["reason"], "properties": {"reason": {"type": "string", "minLength": 1}}},
}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


@attrs.frozen
class Body:
    """The body of one kind of command; with *amounts*, its fields of money, it has a currency."""

    fields: Mapping[str, Field]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    amounts: tuple[str, ...]
    #: The fields that may be null: those that may be left out, which is the same, and some more.
    nullable: Collection[str]

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the body."""
        fields = {
            name: _or_null(field.schema) if name in self.nullable else dict(field.schema)
            for name, field in self.fields.items()
        }
        return object_schema(fields, optional=self.optional) | self._together()

    def _together(self) -> dict[str, Any]:
        """Return the schema of what the fields say of each other."""
        if "restriction" in self.fields:
            return dict(_REASON)
        if self.amounts and self.amounts[0] in self.optional:
            (amount,) = self.amounts
            needed = {amount: ["currency"], "currency": [amount], "exponent": [amount]}
            return {"dependentRequired": needed}
        return {}

    def read(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the command that *members*, each of its type in JSON, stand for."""
        found = {
            name: value
            for name, value in members.items()
            if value is not None or name in self.required
        }
        code, exponent = found.pop("currency", None), found.pop("exponent", None)
        if (code, exponent) != (None, None) and found.keys().isdisjoint(self.amounts):
            raise missing_field(self.amounts[0])
        name, currency = "currency", None
        try:
            if code is not None:
                currency = Currency(code, exponent)
            for name, value in found.items():
                field = self.fields[name]
                if value is None:
                    continue
                if field.read is not None:
                    found[name] = field.read(value)
                elif name in self.amounts:
                    if currency is None:
                        raise missing_field("currency")
                    found[name] = Money(value, currency)
        except InvalidRequestError as error:
            error.about(name)
            raise
        return found


def plain_body(required: Mapping[str, Field], optional: Mapping[str, Field]) -> Body:
    """Return a body that is no command's, without amounts."""
    return Body({**required, **optional}, tuple(required), tuple(optional), (), set(optional))


def _names(member: str) -> Field:
    return Field(list, {**PRINCIPAL_MEMBERS[member], "maxItems": CHOICES_MAX})


#: The body of a POST that says all in its path.
NO_BODY: Final = plain_body({}, {})
TOKEN_BODY: Final = plain_body(
    {"principal": _BY_TYPE[PrincipalId]},
    {
        "roles": _names("roles"),
        "scopes": _names("scopes"),
        "expires_at": _BY_TYPE[datetime],
        "description": _BY_TYPE[str],
    },
)


def body_of(command: type[Command], without: Collection[str]) -> Body:
    """Return the body of *command*, *without* the fields that the path or the bank says."""
    types: dict[str, Any] = {}
    nullable: set[str] = set()
    required: list[str] = []
    optional: list[str] = []
    for each in attrs.fields(command):
        # An optional field's type is a union with None.
        is_union = isinstance(each.type, UnionType)
        types[each.name] = get_args(each.type)[0] if is_union else each.type
        if is_union:
            nullable.add(each.name)
        if each.name not in {*_IN_ALL_BODIES, *_NOT_IN_BODIES, *without}:
            (required if each.default is attrs.NOTHING else optional).append(each.name)
    amounts = tuple(name for name in (*required, *optional) if types[name] is Money)
    if amounts:
        group = required if amounts[0] in required else optional
        group.insert(group.index(amounts[0]) + 1, "currency")
        optional.append("exponent")
    optional += _IN_ALL_BODIES
    others = {"currency": _CURRENCY, "exponent": _EXPONENT}
    names = (*required, *optional)
    fields = {name: others.get(name) or _field(name, types[name]) for name in names}
    nullable = nullable.intersection(required).union(optional)
    return Body(fields, tuple(required), tuple(optional), amounts, nullable)


def _field(name: str, kind: Any) -> Field:  # noqa: ANN401  # a class, or a generic one
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _text(enum=[each.value for each in kind])
    field = _AMOUNT_OR_ZERO if name in ZERO_ALLOWED else _BY_TYPE[kind]
    if name in _DESCRIPTIONS:
        return field._replace(schema={**field.schema, "description": _DESCRIPTIONS[name]})
    return field
