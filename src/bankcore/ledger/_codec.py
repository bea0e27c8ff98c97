"""
How values are written as text and numbers that last, and read back.

Decided here: an instant is an integer of microseconds since 1970, UTC; a command or the facts
of a refusal is a JSON object of its fields, in which money is its minor units, code and
exponent, such as ``[1234,"EUR",2]``, so that an application's own currencies come back as they
were. The same value always has the same text: stores keep it, and it is a part of what
`bankcore.ledger._chain` hashes. Reading checks everything: what cannot have been written here is
`StoreCorruptedError`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, cast, get_args

import attrs

from bankcore.accounts import Holder, Restriction
from bankcore.commands import COMMANDS, Command, Leg
from bankcore.ledger._errors import RECORDED_ERRORS, StoreCorruptedError
from bankcore.money import NUMBER_DIGITS_MAX, Currency, ExchangeRate, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import BankError, StoreError
from bankcore.values._instants import from_microseconds, to_microseconds

#: What making a value out of anything at all can raise.
MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    BankError,
)


def unreadable(what: str, error: BaseException) -> StoreCorruptedError:
    """
    Return the error for a stored value that cannot be read because of *error*.
    """
    return StoreCorruptedError(f"{what} cannot be read ({type(error).__name__}: {error})")


class reading:  # noqa: N801  # used like a function
    """
    Turns whatever goes wrong while stored values are read into `StoreCorruptedError`.
    """

    # A class and no generator: a third of the cost, for every record that is read.
    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, MISREAD) and not isinstance(error, StoreError):
            raise unreadable(self._what, error) from error


@lru_cache(maxsize=1024)
def currency_of(code: str, exponent: int) -> Currency:
    """
    The currency of this code and exponent, remembered for as long as it is in use.
    """
    return Currency(code, exponent)


def _money_from(parts: list[Any]) -> Money:
    amount_minor, code, exponent = parts
    return Money.from_minor(amount_minor, currency_of(code, exponent))


def _leg_text(leg: Leg) -> str:
    return f'["{leg.account_id.value}",{_money_text(leg.amount)}]'


def _money_text(money: Money) -> str:
    return f'[{money.amount_minor},"{money.currency.code}",{money.currency.exponent}]'


_RATE = re.compile(f"[0-9]{{1,{NUMBER_DIGITS_MAX}}}(/[0-9]{{1,{NUMBER_DIGITS_MAX}}})?", re.ASCII)


def _rate_text(rate: ExchangeRate) -> str:
    base, quote = rate.base, rate.quote
    return _plain([base.code, base.exponent, quote.code, quote.exponent, str(rate.rate)])


def _rate_from(parts: list[Any]) -> ExchangeRate:
    base, base_exponent, quote, quote_exponent, text = parts
    # Nothing else is written; and of "1e999999999" a fraction would be made for ever.
    if not _RATE.fullmatch(text):
        raise ValueError("a rate is a whole number or a fraction of two")
    return ExchangeRate(
        currency_of(base, base_exponent), currency_of(quote, quote_exponent), Fraction(text)
    )


def _plain(value: Any) -> str:  # noqa: ANN401  # whatever JSON has
    return json.dumps(value, separators=(",", ":"))


# For each declared type of a field: what makes its writer, given the beginning of its JSON
# (``"amount":``), and what reads its value. Ids and currency codes consist of characters that
# JSON need not escape; a principal's id may have a quote in it.
_Write = Callable[[Any], str]
_Read = Callable[[Any], Any]
_CODECS: Mapping[str, tuple[Callable[[str], _Write], _Read]] = {
    "AccountId": (lambda key: lambda id_: f'{key}"{id_.value}"', AccountId),
    "TransactionId": (lambda key: lambda id_: f'{key}"{id_.value}"', TransactionId),
    "PrincipalId": (lambda key: lambda id_: key + _plain(id_.value), PrincipalId),
    "tuple[TransactionId, ...]": (
        lambda key: lambda ids: key + _plain([id_.value for id_ in ids]),
        lambda names: tuple(map(TransactionId, names)),
    ),
    "Money": (
        lambda key: (
            lambda money: (
                f'{key}[{money.amount_minor},"{money.currency.code}",{money.currency.exponent}]'
            )
        ),
        _money_from,
    ),
    "tuple[Leg, ...]": (
        lambda key: lambda legs: f"{key}[{','.join(map(_leg_text, legs))}]",
        lambda legs: tuple((name, _money_from(money)) for name, money in legs),
    ),
    "ExchangeRate": (lambda key: lambda rate: key + _rate_text(rate), _rate_from),
    "Restriction": (lambda key: lambda each: f'{key}"{each.value}"', Restriction),
    "frozenset[Right]": (
        lambda key: lambda rights: key + _plain(sorted(right.value for right in rights)),
        frozenset,
    ),
    "datetime": (
        lambda key: lru_cache(1024)(lambda instant: f"{key}{to_microseconds(instant)}"),
        from_microseconds,
    ),
    "str": (lambda key: lambda text: key + encode_basestring(text), str),
    "int": (lambda key: lambda number: f"{key}{number}", int),
    "bool": (lambda key: lambda flag: f"{key}{'true' if flag else 'false'}", bool),
}


def _type_name(declared: Any) -> str:  # noqa: ANN401  # an annotation: a type, a union, or its text
    """
    The name of a field's type, without its "or None" and the names of modules.
    """
    if isinstance(declared, UnionType):
        (declared,) = set(get_args(declared)) - {NoneType}
    name = declared.__name__ if isinstance(declared, type) and not get_args(declared) else declared
    return re.sub(r"\w+\.(?=\w)", "", str(name)).removesuffix(" | None")


# A command's id has a column of its own; the version it expected is not recorded.
_NOT_WRITTEN = frozenset({"transaction_id", "expected_version"})


class _Fields:
    """
    How the fields of one class are written and read.
    """

    def __init__(self, cls: type, kind: str) -> None:
        codecs = {
            field.name: _CODECS[_type_name(field.type)]
            for field in attrs.fields(cls)
            if not (issubclass(cls, Command) and field.name in _NOT_WRITTEN)
        }
        self.kind = kind
        self.names = tuple(codecs)
        # What a field that is not written stands for.
        self.absent = {
            field.name: None for field in attrs.fields(cls) if str(field.type).endswith("| None")
        }
        self.values_of = attrgetter(*codecs)
        self.writers = tuple(make(f'"{name}":') for name, (make, _) in codecs.items())
        self._readers = {name: read for name, (_, read) in codecs.items()}

    def facts_to_json(self, facts: Mapping[str, Any]) -> str:
        pairs = zip(self.writers, self.names, strict=True)
        members = [write(facts[name]) for write, name in pairs if facts[name] is not None]
        return f"{{{','.join(members)}}}"

    def from_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._readers[name](value) for name, value in values.items()}


_COMMAND_FIELDS = {cls: _Fields(cls, kind) for kind, cls in COMMANDS.items()}
_FACT_FIELDS = {code: _Fields(cls, code) for code, cls in RECORDED_ERRORS.items()}


def command_to_text(command: Command) -> tuple[str, str]:
    """
    The name under which commands of this kind are recorded, and as JSON the fields of
    *command* that are given, but for its transaction id.
    """
    fields = _COMMAND_FIELDS[type(command)]
    members = []
    # Every write passes here: one loop, and no check of two lengths that are the same.
    for write, value in zip(fields.writers, fields.values_of(command)):  # noqa: B905
        if value is not None:
            members.append(write(value))
    return fields.kind, f"{{{','.join(members)}}}"


def command_from_text(kind: str, text: str, transaction_id: TransactionId) -> Command:
    """
    The command that was written as *text*.
    """
    return _command(kind, json.loads(text), transaction_id)


def _command(kind: str, values: Mapping[str, Any], transaction_id: TransactionId) -> Command:
    cls = COMMANDS[kind]
    fields = _COMMAND_FIELDS[cls]
    return cls(**{**fields.absent, **fields.from_values(values), "transaction_id": transaction_id})


def facts_to_text(code: str, facts: Mapping[str, Any]) -> str:
    """
    The *facts* of the refusal with this *code*, as JSON.
    """
    return _FACT_FIELDS[code].facts_to_json(facts)


def facts_from_text(code: str, text: str) -> dict[str, Any]:
    """
    The facts that were written as *text*.
    """
    fields = _FACT_FIELDS[code]
    given = {**fields.absent, **fields.from_values(json.loads(text))}
    return {name: given[name] for name in fields.names}


def batch_to_text(batch: Sequence[Command]) -> str | None:
    """
    The commands of *batch*, with their ids, as JSON; None where there are none.
    """
    if not batch:
        return None
    members = (
        f'["{kind}","{cast("TransactionId", command.transaction_id).value}",{text}]'
        for command in batch
        for kind, text in (command_to_text(command),)
    )
    return f"[{','.join(members)}]"


def batch_from_text(text: str | None) -> tuple[Command, ...]:
    """
    The commands that were written as *text*.
    """
    if text is None:
        return ()
    members = json.loads(text)
    if not members:
        raise ValueError("an empty batch is not written")
    return tuple(
        _command(kind, values, TransactionId(transaction_id))
        for kind, transaction_id, values in members
    )


def holders_to_text(holders: Sequence[Holder]) -> str | None:
    """
    *holders* with their rights as a JSON object; None where there are none.
    """
    if not holders:
        return None
    return _plain(
        {
            holder.principal.value: sorted(right.value for right in holder.rights)
            for holder in holders
        }
    )


@lru_cache(maxsize=1024)  # an account's are the same in every unit
def holders_from_text(text: str | None) -> tuple[Holder, ...]:
    """
    The holders that were written as *text*.
    """
    if text is None:
        return ()
    return tuple(Holder(principal, rights) for principal, rights in json.loads(text).items())


def texts_to_text(texts: Iterable[str]) -> str:
    """
    *texts* as a JSON array.
    """
    return _plain(list(texts))


def texts_from_text(text: str) -> tuple[str, ...]:
    """
    The texts that were written as *text*.
    """
    return tuple(json.loads(text))
