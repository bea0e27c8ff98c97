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
from operator import attrgetter
from types import NoneType
from typing import Any, get_args

import attrs

from bankcore.commands import COMMANDS, Command
from bankcore.currency import Currency
from bankcore.errors import RECORDED_ERRORS, BankError, StoreCorruptedError, StoreError
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
        if isinstance(e, StoreError):
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


def _money_from(parts: list[Any]) -> Money:
    amount_minor, code, exponent = parts
    return Money.from_minor(amount_minor, currency_of(code, exponent))


# For each declared type of a field: what makes its writer, given the beginning of its JSON
# (``"amount":``), and what reads its value. Ids and currency codes consist of characters that
# JSON need not escape.
_Write = Callable[[Any], str]
_Read = Callable[[Any], Any]
_CODECS: Mapping[str, tuple[Callable[[str], _Write], _Read]] = {
    "AccountId": (lambda key: lambda id_: f'{key}"{id_.value}"', AccountId),
    "TransactionId": (lambda key: lambda id_: f'{key}"{id_.value}"', TransactionId),
    "Money": (
        lambda key: (
            lambda money: (
                f'{key}[{money.amount_minor},"{money.currency.code}",{money.currency.exponent}]'
            )
        ),
        _money_from,
    ),
    "datetime": (
        lambda key: lru_cache(1024)(lambda instant: f"{key}{to_microseconds(instant)}"),
        from_microseconds,
    ),
    "str": (lambda key: lambda text: key + encode_basestring(text), str),
}


def _type_name(declared: Any) -> str:  # noqa: ANN401  # an annotation: a type, a union, or its text
    """
    The name of a field's type, without its "or None".
    """
    if isinstance(declared, str):
        return declared
    (kind,) = set(get_args(declared) or (declared,)) - {NoneType}
    return str(kind.__name__)


class _Fields:
    """
    How the fields of one class are written and read; a command's id has a column of its own.
    """

    def __init__(self, cls: type, kind: str) -> None:
        codecs = {
            field.name: _CODECS[_type_name(field.type)]
            for field in attrs.fields(cls)
            if not (issubclass(cls, Command) and field.name == "transaction_id")
        }
        self.kind = kind
        self._names = tuple(codecs)
        self._values = attrgetter(*codecs)
        self._writers = tuple(make(f'"{name}":') for name, (make, _) in codecs.items())
        self._readers = {name: read for name, (_, read) in codecs.items()}

    def command_to_json(self, command: Command) -> str:
        # Every write passes here: a list, and no check of two lengths that are one.
        pairs = zip(self._writers, self._values(command), strict=False)
        members = [write(value) for write, value in pairs if value is not None]
        return f"{{{','.join(members)}}}"

    def facts_to_json(self, facts: Mapping[str, Any]) -> str:
        pairs = zip(self._writers, self._names, strict=True)
        members = [write(facts[name]) for write, name in pairs]
        return f"{{{','.join(members)}}}"

    def from_json(self, text: str) -> dict[str, Any]:
        given = json.loads(text)
        return {name: self._readers[name](value) for name, value in given.items()}


_COMMAND_FIELDS = {cls: _Fields(cls, kind) for kind, cls in COMMANDS.items()}
_FACT_FIELDS = {code: _Fields(cls, code) for code, cls in RECORDED_ERRORS.items()}


def command_to_text(command: Command) -> tuple[str, str]:
    """
    The name under which commands of this kind are recorded, and as JSON the fields of
    *command* that are given, but for its transaction id.
    """
    fields = _COMMAND_FIELDS[type(command)]
    return fields.kind, fields.command_to_json(command)


def command_from_text(kind: str, text: str, transaction_id: TransactionId) -> Command:
    """
    The command that was written as *text*.
    """
    cls = COMMANDS[kind]
    return cls(**_COMMAND_FIELDS[cls].from_json(text), transaction_id=transaction_id)


def facts_to_text(code: str, facts: Mapping[str, Any]) -> str:
    """
    The *facts* of the refusal with this *code*, as JSON.
    """
    return _FACT_FIELDS[code].facts_to_json(facts)


def facts_from_text(code: str, text: str) -> dict[str, Any]:
    """
    The facts that were written as *text*.
    """
    return _FACT_FIELDS[code].from_json(text)
