"""
A command of each kind, another value for each of its fields, and random commands.

Everything follows from the commands' classes: a new command needs no line here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import reject
from hypothesis import strategies as st

from bankcore.commands import SENT, Command
from bankcore.errors import InvalidRequestError
from bankcore.testing._commands import (
    DOLLAR,
    EACH,
    EXCHANGE,
    FIELDS,
    NOON,
    ONE,
    RATE,
    Field,
    command_of,
    values_of,
)
from bankcore.testing.strategies import _BY_TYPE
from bankcore.values import AccountId

__all__ = [
    "DOLLAR",
    "EACH",
    "EXCHANGE",
    "NAMED",
    "NOON",
    "ONE",
    "OTHERWISE",
    "RATE",
    "SENT",
    "Domain",
    "commands_of",
    "kinds",
    "name_of",
]


def name_of(kind: type[Command]) -> str:
    """
    Return the name under which commands of this kind are recorded.
    """
    return kind.kind


def _otherwise(command: Command) -> dict[str, Any]:
    used = {account_id.value for account_id in command.account_ids}
    # The legs of a post are on all four, and come in another order.
    accounts = sorted({*"abcd"} - used) or "abcd"
    return values_of(type(command), accounts=accounts, named="t-2", money=ONE + ONE, other=True)


# The commands, each with the accounts that it names.
NAMED: Final = [(command, [each.value for each in command.account_ids]) for command in EACH]
# By the kind of command, every field with another value than it has in EACH.
OTHERWISE: Final = {type(command): _otherwise(command) for command in EACH}


# -- Random commands ---------------------------------------------------------

# The strategies of fields, by "kind.field", by a field's name, or by its type. A function returns
# the strategy for the values that were drawn before.
_Values = dict[str, Any]
Domain = Mapping[Any, st.SearchStrategy[Any] | Callable[[_Values], st.SearchStrategy[Any]]]


def kinds(weights: Mapping[str, int]) -> st.SearchStrategy[type[Command]]:
    """
    Return the kinds of command, each as often as its weight says; the default is 1.
    """
    return st.sampled_from([kind for kind in SENT for _ in range(weights.get(name_of(kind), 1))])


@st.composite
def commands_of(
    draw: st.DrawFn, kind: type[Command], domain: Domain, given: _Values | None = None
) -> Command:
    """
    Return commands of one kind, with the *given* values, and others drawn from *domain*.

    The accounts are all different. An optional field is set half the time; with a strategy under
    "kind.field" it is set unless that draws None. Types that the domain lacks are drawn as in
    `bankcore.testing.strategies`.
    """
    values = dict(given or {})
    wanted = set(values)
    for field in FIELDS[kind]:
        if field.name in values:
            continue
        strategy = _strategy_for(kind, field, domain, values)
        if field.may_be_none and not field.is_optional:
            strategy = st.none() | strategy
        is_always = field.type is bool or f"{name_of(kind)}.{field.name}" in domain
        if is_always or draw(st.booleans()):
            wanted.add(field.name)
        values[field.name] = draw(strategy)
    try:
        return command_of(kind, values, {name for name in wanted if values[name] is not None})
    except InvalidRequestError:
        reject()


def _strategy_for(
    kind: type[Command], field: Field, domain: Domain, values: _Values
) -> st.SearchStrategy[Any]:
    for key in (f"{name_of(kind)}.{field.name}", field.name, field.type):
        if key in domain:
            found = domain[key]
            break
    else:
        found = _BY_TYPE[field.type](ONE.currency, DOLLAR.currency)
    strategy = found(values) if callable(found) else found
    if field.type is AccountId:
        return strategy.filter(lambda each: each not in values.values())
    return strategy
