"""
The kinds of command, and how to make one of any kind.

Decided here: how the kit, the strategies and the tests use a kind of which they know the class
alone. They follow its fields and their types. Which values go together is left to its
constructor, so that a new command needs no line here.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, get_args, get_type_hints

import attrs

from bankcore import (
    AccountId,
    ExchangeRate,
    InvalidRequestError,
    Money,
    Restriction,
    TransactionId,
)
from bankcore.accounts import Right
from bankcore.commands import COMMANDS, SENT, Command, Leg
from bankcore.values import PrincipalId


class Field(NamedTuple):
    """
    A field that one kind of command has, and not every command.

    Attributes:
        type: The declared type, without ``None``.
        default: The value that it has if none is given; ``attrs.NOTHING`` if one must be.
    """

    name: str
    type: Any
    may_be_none: bool
    default: Any

    @property
    def is_optional(self) -> bool:
        """True if the field may be left out."""
        return self.default is not attrs.NOTHING


def _field(name: str, declared: Any, default: object) -> Field:  # noqa: ANN401  # a type or a union
    if isinstance(declared, UnionType):
        (type_,) = set(get_args(declared)) - {NoneType}
        return Field(name, type_, may_be_none=True, default=default)
    return Field(name, declared, may_be_none=False, default=default)


def _fields_of(kind: type[Command]) -> tuple[Field, ...]:
    declared = get_type_hints(kind)
    shared = attrs.fields_dict(Command)
    return tuple(
        _field(each.name, declared[each.name], each.default)
        for each in attrs.fields(kind)
        if each.name not in shared
    )


#: Of each kind of command the fields that not every command has, in order.
FIELDS: Final = {kind: _fields_of(kind) for kind in COMMANDS}

ONE: Final = Money("1", "EUR")
DOLLAR: Final = Money("1.10", "USD")
NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
RATE: Final = ExchangeRate("EUR", "USD", "1.1")

# For each type of a field two values of a command. The others depend on more than their type.
_VALUES: Final[Mapping[Any, tuple[object, object]]] = {
    datetime: (NOON, NOON + timedelta(days=1)),
    str: ("theft", "loss"),
    PrincipalId: ("mary", "bert"),
    frozenset[Right]: ([Right.READ], ["debit"]),
    Restriction: (Restriction.ALL, Restriction.DEBITS),
}


def values_of(
    kind: type[Command],
    *,
    accounts: Sequence[str] = "abcd",
    named: str = "t-1",
    money: Money = ONE,
    other: bool = False,
) -> dict[str, Any]:
    """
    Return a value for each field of *kind*.

    The command is on these *accounts*, in order, and names the transaction *named*. With
    *other*, its remaining fields have another value than without.
    """
    unused = iter(accounts)
    made: dict[str, Any] = {}
    for field in FIELDS[kind]:
        if field.type is AccountId:
            made[field.name] = next(unused)
        elif field.type is TransactionId:
            made[field.name] = named
        elif field.type is Money:
            made[field.name] = money
        elif field.type is bool:
            made[field.name] = field.default is not True
        elif field.type == tuple[Leg, ...]:
            made[field.name] = exchange(accounts, money)[:: -1 if other else 1]
        elif field.type is ExchangeRate:
            made[field.name] = ExchangeRate(money.currency, "USD", "1.2" if other else "1.1")
        elif other and field.may_be_none and not field.is_optional:
            made[field.name] = None
        elif field.type in _VALUES:
            made[field.name] = _VALUES[field.type][other]
        else:
            raise NotImplementedError(f"add two values of type {field.type} to {__file__}")
    return made


def exchange(accounts: Sequence[str] = "abcd", money: Money = ONE) -> list[tuple[str, Money]]:
    """Return the legs of an exchange of *money* into dollars, the account to be debited second."""
    debited, credited, in_dollars, out_of_dollars = accounts
    return [(credited, money), (debited, -money), (in_dollars, -DOLLAR), (out_of_dollars, DOLLAR)]


EXCHANGE: Final = exchange()


def command_of(
    kind: type[Command],
    values: Mapping[str, Any],
    wanted: Collection[str] = (),
    **common: Any,  # noqa: ANN401  # fields that every command has
) -> Command:
    """
    Return a command of *kind* with these *values* of its fields.

    Of the fields that may be left out it gives those that are *wanted*. If the constructor
    refuses them, it gives the most similar choice that is valid: a restriction gets a reason,
    wanted or not.

    Raises:
        InvalidRequestError: If no choice is valid.
    """
    optional = [each.name for each in FIELDS[kind] if each.is_optional and each.name in values]
    given = {name: value for name, value in values.items() if name not in optional}
    choices = [
        dict(zip(optional, choice, strict=True))
        for choice in product((False, True), repeat=len(optional))
    ]
    choices.sort(key=lambda choice: sum(choice[name] != (name in wanted) for name in optional))
    for choice in choices:
        chosen = {name: values[name] for name in optional if choice[name]}
        with suppress(InvalidRequestError):
            return kind(**given, **chosen, **common)
    # None is valid: raise what the constructor says of the choice that was wanted.
    return kind(**given, **{name: values[name] for name in optional if name in wanted}, **common)


def sample_of(kind: type[Command]) -> Command:
    """Return the simplest command of *kind*, with no more than it must have, on account a."""
    return command_of(kind, values_of(kind), {"account_id"})


def takes_zero(kind: type[Command], name: str) -> bool:
    """Return True if this field of *kind*, an amount, may be zero."""
    zero: Any = {name: Money.zero("EUR")}
    try:
        attrs.evolve(sample_of(kind), **zero)
    except InvalidRequestError:
        return False
    return True


#: A command of each kind that an application sends.
EACH: Final = tuple(map(sample_of, SENT))
