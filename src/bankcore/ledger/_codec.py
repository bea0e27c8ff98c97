"""
Values as text and numbers that last, and back.

Decided here: an instant is an integer of microseconds since 1970, UTC; a command or the facts of a
refusal is a JSON object of its fields; money is its minor units, code and exponent, such as
``[1234,"EUR",2]``, so that an application's own currencies come back as they were. The same value
always has the same text, as hashes are made of it. Text that cannot have been written here is a
`StoreCorruptedError`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter
from types import NoneType
from typing import Any, Final, cast, get_args

import attrs

from bankcore.accounts import Holder, Restriction, Right
from bankcore.commands import BY_KIND, COMMANDS, Command, Leg
from bankcore.commands._money import Movement, Withdraw
from bankcore.ledger._errors import RECORDED_ERRORS, StoreCorruptedError
from bankcore.money import NUMBER_DIGITS_MAX, Currency, ExchangeRate, Money
from bankcore.values import AccountId, Metadata, PrincipalId, TransactionId
from bankcore.values._errors import BankError, StoreError
from bankcore.values._instants import from_microseconds, to_microseconds
from bankcore.values._metadata import NO_METADATA

#: What making a value of damaged text can raise.
MISREAD: Final = (
    ArithmeticError,
    AttributeError,
    BankError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def unreadable(what: str, error: BaseException) -> StoreCorruptedError:
    """Return the error for a stored value that cannot be read because of *error*."""
    return StoreCorruptedError(f"{what} cannot be read ({type(error).__name__}: {error})")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise `StoreCorruptedError` for anything that goes wrong while stored values are read."""
    try:
        yield
    except StoreError:
        raise
    except MISREAD as error:
        raise unreadable(what, error) from error


# -- Values ------------------------------------------------------------------

_from_json = json.JSONDecoder().raw_decode
_to_json = json.JSONEncoder(separators=(",", ":")).encode
# A text of people's own stays readable. `JSONEncoder(ensure_ascii=False).encode` calls the same.
_text_to_json = encode_basestring


@lru_cache(maxsize=1024)
def currency_of(code: str, exponent: int) -> Currency:
    """Return the currency of this code and exponent, as one object for all that is read."""
    return Currency(code, exponent)


#: Many records are of one account.
account_id_of: Final = lru_cache(maxsize=4096)(AccountId)


def _id_to_json(id_: AccountId | TransactionId) -> str:
    # No character of theirs needs an escape. A principal's id may have a quote in it.
    return f'"{id_.value}"'


def _money_to_json(money: Money) -> str:
    return f'[{money.amount_minor},"{money.currency.code}",{money.currency.exponent}]'


def _money_from(parts: list[Any]) -> Money:
    amount_minor, code, exponent = parts
    return Money.from_minor(amount_minor, currency_of(code, exponent))


def _legs_to_json(legs: Sequence[Leg]) -> str:
    pairs = [f'["{account_id.value}",{_money_to_json(amount)}]' for account_id, amount in legs]
    return f"[{','.join(pairs)}]"


def _legs_from(pairs: list[Any]) -> tuple[tuple[str, Money], ...]:
    return tuple((name, _money_from(money)) for name, money in pairs)


_DIGITS: Final = f"[0-9]{{1,{NUMBER_DIGITS_MAX}}}"
_is_rate = re.compile(f"{_DIGITS}(/{_DIGITS})?").fullmatch


def _rate_to_json(rate: ExchangeRate) -> str:
    base, quote = rate.base, rate.quote
    return _to_json([base.code, base.exponent, quote.code, quote.exponent, str(rate.rate)])


def _rate_from(parts: list[Any]) -> ExchangeRate:
    base, base_exponent, quote, quote_exponent, text = parts
    # Nothing else is written, and the fraction of "1e999999999" would never be done.
    if not _is_rate(text):
        raise ValueError("a rate must be a whole number or a fraction of two")
    return ExchangeRate(
        currency_of(base, base_exponent), currency_of(quote, quote_exponent), Fraction(text)
    )


def metadata_to_json(metadata: Metadata) -> str:
    # A key needs no escape.
    members = [f'"{key}":{_text_to_json(value)}' for key, value in metadata.items()]
    return f"{{{','.join(members)}}}"


# For each type of a field: what writes its value as JSON, and what reads it from parsed JSON.
_CODECS: Final[dict[Any, tuple[Callable[[Any], str], Callable[[Any], Any]]]] = {
    AccountId: (_id_to_json, account_id_of),
    TransactionId: (_id_to_json, TransactionId),
    PrincipalId: (lambda principal: _to_json(principal.value), PrincipalId),
    tuple[TransactionId, ...]: (
        lambda ids: _to_json([each.value for each in ids]),
        lambda names: tuple(map(TransactionId, names)),
    ),
    Money: (_money_to_json, _money_from),
    tuple[Leg, ...]: (_legs_to_json, _legs_from),
    ExchangeRate: (_rate_to_json, _rate_from),
    Restriction: (lambda restriction: f'"{restriction.value}"', Restriction),
    frozenset[Right]: (lambda rights: _to_json(sorted(each.value for each in rights)), frozenset),
    Metadata: (metadata_to_json, Metadata),
    datetime: (lambda instant: str(to_microseconds(instant)), from_microseconds),
    str: (_text_to_json, str),
    int: (str, int),
    bool: (lambda flag: "true" if flag else "false", bool),
}
_CODECS.update({each | None: codec for each, codec in _CODECS.items()})


# -- Commands and facts ------------------------------------------------------


# A command's id has a column of its own; the version it expected is not recorded.
_NOT_WRITTEN: Final = frozenset({"transaction_id", "expected_version"})
# What is left out where it has this value: hashes are made of texts that older versions wrote
# without.
_LEFT_OUT: Final = {"up_to": False, "metadata": NO_METADATA}


class _Fields:
    """
    The fields of a class of commands or errors, as JSON; a field that is None is left out, and
    so are those that have a value in `_LEFT_OUT`.
    """

    def __init__(self, cls: type) -> None:
        not_written = _NOT_WRITTEN if issubclass(cls, Command) else ()
        types = {
            each.name: each.type for each in attrs.fields(cls) if each.name not in not_written
        }
        codecs = {name: _CODECS[each] for name, each in types.items()}
        self.names = tuple(types)
        self.values_of = attrgetter(*types)
        self._left_out = [_LEFT_OUT.get(name) for name in types]
        self._optional = [name for name, each in types.items() if NoneType in get_args(each)]
        self._keys = [f'"{name}":' for name in types]
        self._writers = [write for write, _ in codecs.values()]
        self._readers = {name: read for name, (_, read) in codecs.items()}

    def to_json(self, values: Iterable[Any]) -> str:
        # Every record passes here, and a strict zip would take a third longer.
        members = [
            key + write(value)
            for key, write, left_out, value in zip(  # noqa: B905  # the reason is above
                self._keys, self._writers, self._left_out, values
            )
            if value is not left_out
        ]
        return f"{{{','.join(members)}}}"

    def from_parsed(self, members: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = dict.fromkeys(self._optional)
        for name, value in members.items():
            values[name] = self._readers[name](value)
        return values


_COMMAND_FIELDS: Final = {cls: _Fields(cls) for cls in COMMANDS}
_FACT_FIELDS: Final = {code: _Fields(cls) for code, cls in RECORDED_ERRORS.items()}


def command_to_text(command: Command) -> tuple[str, str]:
    """Return the kind of *command*, and as JSON its fields that are given, without its id."""
    if isinstance(command, Movement) and not (type(command) is Withdraw and command.up_to):
        return command.kind, _movement_to_json(command)
    return command.kind, fields_to_json(command)


def fields_to_json(command: Command) -> str:
    """Return the fields of *command* that are given, as JSON, without its id."""
    fields = _COMMAND_FIELDS[type(command)]
    return fields.to_json(fields.values_of(command))


def _movement_to_json(command: Movement) -> str:
    """Return `fields_to_json` of the commands that are sent the most, in a third of its time."""
    start = "{"
    if command.booked_at is not None:
        start = f'{{"booked_at":{to_microseconds(command.booked_at)},'
    if command.description is not None:
        start = f'{start}"description":{_text_to_json(command.description)},'
    if command.metadata is not NO_METADATA:
        start = f'{start}"metadata":{metadata_to_json(command.metadata)},'
    amount = command.amount
    currency = amount.currency
    return (
        f'{start}"account_id":"{command.account_id.value}",'
        f'"amount":[{amount.amount_minor},"{currency.code}",{currency.exponent}]}}'
    )


def command_from_text(kind: str, text: str, transaction_id: TransactionId) -> Command:
    # As `json.loads`, which takes twice as long: it looks for white space, and none is written.
    members, end = _from_json(text)
    if end != len(text):
        raise ValueError("there is more after the JSON object")
    return _command(kind, members, transaction_id)


def _command(kind: str, members: Mapping[str, Any], transaction_id: TransactionId) -> Command:
    cls = BY_KIND[kind]
    values = _COMMAND_FIELDS[cls].from_parsed(members)
    values["transaction_id"] = transaction_id
    return cls(**values)


def facts_to_text(code: str, facts: Mapping[str, Any]) -> str:
    fields = _FACT_FIELDS[code]
    return fields.to_json(facts[name] for name in fields.names)


def facts_from_text(code: str, text: str) -> dict[str, Any]:
    fields = _FACT_FIELDS[code]
    facts = fields.from_parsed(json.loads(text))
    return {name: facts[name] for name in fields.names}


def batch_to_text(batch: Sequence[Command]) -> str | None:
    """Return the commands of *batch*, with their ids, as JSON; None if it is empty."""
    if not batch:
        return None
    members = []
    for command in batch:
        kind, text = command_to_text(command)
        transaction_id = cast("TransactionId", command.transaction_id)
        members.append(f'["{kind}",{_id_to_json(transaction_id)},{text}]')
    return f"[{','.join(members)}]"


def batch_from_text(text: str | None) -> tuple[Command, ...]:
    if text is None:
        return ()
    members = json.loads(text)
    if not members:
        raise ValueError("an empty batch is not written")
    return tuple(_command(kind, values, TransactionId(name)) for kind, name, values in members)


# -- Columns -----------------------------------------------------------------


def holders_to_text(holders: Sequence[Holder]) -> str | None:
    """Return *holders* with their rights as a JSON object; None if there are none."""
    rights = {
        each.principal.value: sorted(right.value for right in each.rights) for each in holders
    }
    return _to_json(rights) if rights else None


@lru_cache(maxsize=1024)  # an account's are the same in every unit
def holders_from_text(text: str | None) -> tuple[Holder, ...]:
    if text is None:
        return ()
    return tuple(Holder(principal, rights) for principal, rights in json.loads(text).items())


def metadata_to_text(metadata: Metadata) -> str | None:
    """Return *metadata* as a JSON object; None if there are none."""
    return None if metadata is NO_METADATA else metadata_to_json(metadata)


def metadata_from_text(text: str | None) -> Metadata:
    return NO_METADATA if text is None else Metadata(json.loads(text))


def texts_to_text(texts: Iterable[str]) -> str:
    return _to_json(list(texts))


def texts_from_text(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
