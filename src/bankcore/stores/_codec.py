"""
How the SQL stores write values as text and numbers, and read them back.

Decided here: an instant is an integer of microseconds since 1970, UTC; a command or
the facts of a refusal is a JSON object of its fields, in which money is its minor units,
code and exponent, such as ``[1234,"EUR",2]``, so that an application's own currencies come
back as they were. Reading checks everything: what
cannot have been written here is `StoreCorruptedError`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring
from types import NoneType
from typing import Any, get_args

import attrs

from bankcore.commands import COMMANDS, Command
from bankcore.currency import Currency
from bankcore.errors import RECORDED_ERRORS, BankError, StoreCorruptedError
from bankcore.ids import AccountId, TransactionId
from bankcore.money import Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """
    Turns whatever goes wrong while stored values are read into `StoreCorruptedError`.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, BankError) as e:
        if isinstance(e, StoreCorruptedError):
            raise
        raise StoreCorruptedError(f"{what} cannot be read ({type(e).__name__}: {e})") from e


@lru_cache(maxsize=1024)  # imported history has many postings at one instant
def to_microseconds(instant: datetime) -> int:
    """
    *instant* in microseconds since 1970, UTC.
    """
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """
    The instant of *microseconds* since 1970, UTC.
    """
    return _EPOCH + timedelta(microseconds=microseconds)


@lru_cache(maxsize=1024)
def currency_of(code: str, exponent: int) -> Currency:
    """
    The currency of this code and exponent, remembered for as long as it is in use.
    """
    return Currency(code, exponent)


def _money_to(money: Money) -> str:
    currency = money.currency
    return f'[{money.amount_minor},"{currency.code}",{currency.exponent}]'


def _money_from(parts: list[Any]) -> Money:
    amount_minor, code, exponent = parts
    return Money.from_minor(amount_minor, currency_of(code, exponent))


def _id_to(id_: AccountId | TransactionId) -> str:
    return f'"{id_.value}"'


# For each declared type of a field: how it is written as JSON, and read from it. Ids and
# currency codes consist of characters that JSON need not escape.
_CODECS: Mapping[str, tuple[Callable[[Any], str], Callable[[Any], Any]]] = {
    "AccountId": (_id_to, AccountId),
    "TransactionId": (_id_to, TransactionId),
    "Money": (_money_to, _money_from),
    "datetime": (lambda instant: str(to_microseconds(instant)), from_microseconds),
    "str": (encode_basestring, str),
}


def _type_name(declared: Any) -> str:  # noqa: ANN401  # an annotation: a type, a union, or its text
    """
    The name of a field's type, without its "or None".
    """
    if isinstance(declared, str):
        return declared
    (kind,) = set(get_args(declared) or (declared,)) - {NoneType}
    return str(kind.__name__)


def _fields(cls: type) -> tuple[tuple[str, Callable[[Any], str], Callable[[Any], Any]], ...]:
    return tuple(
        (field.name, *_CODECS[_type_name(field.type)])
        for field in attrs.fields(cls)
        # The id has a column of its own.
        if not (issubclass(cls, Command) and field.name == "transaction_id")
    )


_COMMAND_FIELDS = {cls: _fields(cls) for cls in COMMANDS.values()}
_FACT_FIELDS = {code: _fields(cls) for code, cls in RECORDED_ERRORS.items()}
_KINDS = {cls: kind for kind, cls in COMMANDS.items()}


def kind_of(command: Command) -> str:
    """
    The name under which commands of this type are recorded.
    """
    return _KINDS[type(command)]


def command_to_json(command: Command) -> str:
    """
    The fields of *command* that are given, but for its transaction id.
    """
    parts = []
    for name, write, _ in _COMMAND_FIELDS[type(command)]:
        value = getattr(command, name)
        if value is not None:
            parts.append(f'"{name}":{write(value)}')
    return f"{{{','.join(parts)}}}"


def command_from_json(kind: str, text: str, transaction_id: TransactionId) -> Command:
    """
    The command that was written as *text*.
    """
    cls = COMMANDS[kind]
    return cls(**_values(_COMMAND_FIELDS[cls], text), transaction_id=transaction_id)


def facts_to_json(code: str, facts: Mapping[str, Any]) -> str:
    """
    The *facts* of the refusal with this *code*.
    """
    parts = [f'"{name}":{write(facts[name])}' for name, write, _ in _FACT_FIELDS[code]]
    return f"{{{','.join(parts)}}}"


def facts_from_json(code: str, text: str) -> dict[str, Any]:
    """
    The facts that were written as *text*.
    """
    return _values(_FACT_FIELDS[code], text)


def _values(
    fields: tuple[tuple[str, Callable[[Any], str], Callable[[Any], Any]], ...], text: str
) -> dict[str, Any]:
    given = json.loads(text)
    values = {name: read(given.pop(name)) for name, _, read in fields if name in given}
    if given:
        raise ValueError(f"it has unknown fields: {', '.join(given)}")
    return values
