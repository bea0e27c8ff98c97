"""
Hypothesis strategies for money, currencies, ids, accounts and commands.

Decided here: which values are tried, and that they shrink to values that read well: zero
euros, short ids, small amounts. They are registered with Hypothesis when it is imported (by an
entry point of the package), so ``st.from_type(Money)`` and ``st.builds(MyOrder)`` just work.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from typing import Any, Final

import attrs

try:
    from hypothesis import reject
    from hypothesis import strategies as st
except ModuleNotFoundError:
    raise ImportError(
        "bankcore.testing.strategies needs Hypothesis: pip install 'bankcore[testing]'"
    ) from None

from bankcore import (
    Account,
    AccountId,
    Currency,
    ExchangeRate,
    InvalidRequestError,
    Money,
    MoneyBag,
    Restriction,
    TransactionId,
)
from bankcore.accounts import AMOUNT_MINOR_MAX, END_YEAR_MAX, Right
from bankcore.commands import SENT, CloseAccount, Command, Leg, OpenAccount, PlaceHold
from bankcore.money._errors import InvalidAmountError
from bankcore.testing._commands import FIELDS, command_of, takes_zero, values_of
from bankcore.values import ID_LENGTH_MAX, PRINCIPAL_LENGTH_MAX, PrincipalId

__all__ = [
    "account_ids",
    "accounts",
    "commands",
    "currencies",
    "exchange_rates",
    "money",
    "money_bags",
    "principal_ids",
    "transaction_ids",
]

# Every exponent that ISO 4217 has, one that is withdrawn, and two of an application's own.
_CURRENCIES: Final = (
    Currency("EUR"),
    Currency("USD"),
    Currency("JPY"),
    Currency("CHF"),
    Currency("BHD"),
    Currency("CLF"),
    Currency("DEM"),
    Currency("BTC", exponent=8),
    Currency("ETH", exponent=18),
)
_FIRST: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


def currencies() -> st.SearchStrategy[Currency]:
    """
    Return currencies of every exponent: current, withdrawn, and the application's own.

    Shrinks to the euro.
    """
    return st.sampled_from(_CURRENCIES)


def money(
    currency: Currency | str | None = None,
    *,
    lowest: Money | None = None,
    highest: Money | None = None,
) -> st.SearchStrategy[Money]:
    """
    Return money from *lowest* to *highest*: by default, all that a balance may be.

    The currency is that of the bounds, or *currency*, or any of `currencies`. Shrinks to zero
    euros, or to the nearest amount.

    Raises:
        CurrencyMismatchError: If the bounds and *currency* are in different currencies.
        InvalidAmountError: If *lowest* is above *highest*.
    """
    bounds = [bound for bound in (lowest, highest) if bound is not None]
    if not bounds:
        of = currencies() if currency is None else st.just(Money.zero(currency).currency)
        return st.builds(Money.from_minor, st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), of)
    # The sum compares the currencies.
    found = Money.sum(bounds, currency).currency
    low = -AMOUNT_MINOR_MAX if lowest is None else lowest.amount_minor
    high = AMOUNT_MINOR_MAX if highest is None else highest.amount_minor
    if low > high:
        raise InvalidAmountError(str(lowest), f"must not be above {highest}").about("lowest")
    return st.builds(Money.from_minor, st.integers(low, high), st.just(found))


def exchange_rates() -> st.SearchStrategy[ExchangeRate]:
    """Return exchange rates between two currencies, from a millionth to a million."""

    def between(pair: Sequence[Currency]) -> st.SearchStrategy[ExchangeRate]:
        return st.builds(ExchangeRate, st.just(pair[0]), st.just(pair[1]), _rates())

    return st.permutations(_CURRENCIES).flatmap(between)


def _rates() -> st.SearchStrategy[Fraction]:
    return st.fractions("1/1000000", 10**6, max_denominator=10**6)


def money_bags() -> st.SearchStrategy[MoneyBag]:
    """Return bags of up to four amounts."""
    return st.builds(MoneyBag, st.lists(money(), max_size=4))


def _ids() -> st.SearchStrategy[str]:
    rest = st.text(_FIRST + "-.", max_size=ID_LENGTH_MAX - 1)
    return st.builds("{}{}".format, st.sampled_from(_FIRST), rest)


def account_ids() -> st.SearchStrategy[AccountId]:
    """Return ids of accounts, of the whole alphabet and of every length. Shrinks to ``a``."""
    return st.builds(AccountId, _ids())


def transaction_ids() -> st.SearchStrategy[TransactionId]:
    """Return ids of transactions, of the whole alphabet and of every length. Shrinks to ``a``."""
    return st.builds(TransactionId, _ids())


def principal_ids() -> st.SearchStrategy[PrincipalId]:
    """Return ids of principals, of the whole alphabet and of every length. Shrinks to ``!``."""
    visible = st.characters(min_codepoint=ord("!"), max_codepoint=ord("~"))
    return st.builds(PrincipalId, st.text(visible, min_size=1, max_size=PRINCIPAL_LENGTH_MAX))


def _ends() -> st.SearchStrategy[datetime]:
    last = datetime(END_YEAR_MAX, 12, 31)  # noqa: DTZ001  # Hypothesis adds the zone
    return st.datetimes(max_value=last, timezones=st.just(UTC))


def _amounts(currency: Currency, least: int) -> st.SearchStrategy[Money]:
    return money(lowest=Money.from_minor(least, currency))


@st.composite
def accounts(draw: st.DrawFn, currency: Currency | str | None = None) -> Account:
    """
    Return open accounts after some deposits and withdrawals; some are overdrawn.

    Shrinks to a new account without money.
    """
    of = draw(currencies()) if currency is None else Money.zero(currency).currency
    # A tenth of the largest amount, so that no sum of these is too large.
    most = Money.from_minor(AMOUNT_MINOR_MAX // 10, of)
    amounts = money(lowest=Money.zero(of), highest=most)
    account = Account.open(
        draw(account_ids()), initial_balance=draw(amounts), overdraft_limit=draw(amounts)
    )
    for amount in draw(st.lists(money(lowest=-most, highest=most).filter(bool), max_size=4)):
        if amount > Money.zero(of):
            account = account.deposit(amount)
        elif account.available:
            account = account.withdraw(min(-amount, account.available))
    return account


def _legs(currency: Currency, other: Currency) -> st.SearchStrategy[list[tuple[AccountId, Money]]]:
    """Return legs that add up to zero: of two accounts, or of an exchange between four."""

    def between(pair: tuple[AccountId, AccountId], amount: Money) -> list[Any]:
        return [(pair[0], -amount), (pair[1], amount)]

    ids = st.tuples(account_ids(), account_ids()).filter(lambda pair: pair[0] != pair[1])
    one, two = (st.builds(between, ids, _amounts(each, 1)) for each in (currency, other))
    return one | st.builds(operator.add, one, two)


# For each type of a field, its values in a command of these two currencies.
_BY_TYPE: Final[Mapping[Any, Callable[[Currency, Currency], st.SearchStrategy[Any]]]] = {
    AccountId: lambda *_: account_ids(),
    TransactionId: lambda *_: transaction_ids(),
    PrincipalId: lambda *_: principal_ids(),
    datetime: lambda *_: _ends(),
    str: lambda *_: st.just("court order"),
    bool: lambda *_: st.booleans(),
    Restriction: lambda *_: st.sampled_from(Restriction),
    frozenset[Right]: lambda *_: st.frozensets(st.sampled_from(Right), min_size=1),
    ExchangeRate: lambda base, quote: st.builds(
        ExchangeRate, st.just(base), st.just(quote), _rates()
    ),
    tuple[Leg, ...]: _legs,
}


def _of_kind(kind: type[Command]) -> st.SearchStrategy[Command]:
    """Return commands of one kind, each with its amounts in one currency."""

    @cache
    def in_currency(currency: Currency) -> st.SearchStrategy[Command]:
        # An exchange needs another one.
        other = next(each for each in _CURRENCIES if each != currency)
        needed: dict[str, st.SearchStrategy[Any]] = {}
        optional: dict[str, st.SearchStrategy[Any]] = {}
        for field in FIELDS[kind]:
            if field.type is Money:
                values = _amounts(currency, 0 if takes_zero(kind, field.name) else 1)
            else:
                values = _BY_TYPE[field.type](currency, other)
            if field.is_optional:
                optional[field.name] = values
            else:
                needed[field.name] = st.none() | values if field.may_be_none else values
        return st.builds(
            command,
            st.fixed_dictionaries(needed, optional=optional),
            transaction_id=st.none() | transaction_ids(),
            description=st.none() | st.just("rent"),
            metadata=st.none() | st.just({"order": "1017"}),
        )

    def command(given: dict[str, Any], **common: Any) -> Command:  # noqa: ANN401  # as drawn
        try:
            return command_of(kind, {**values_of(kind), **given}, given, **common)
        except InvalidRequestError:
            reject()

    return currencies().flatmap(in_currency)


def _by_kind() -> dict[type[Command], st.SearchStrategy[Command]]:
    return {kind: _of_kind(kind) for kind in SENT}


class _Made:
    """The accounts, holds and payments of one example so far, if the bank has booked them all."""

    def __init__(self) -> None:
        self.count = 0
        self.opened = 0
        self.accounts: list[str] = []
        self.holds: list[tuple[str, str]] = []
        self.moved: list[str] = []

    def kinds(self) -> Sequence[type[Command]]:
        """Return the kinds to draw from: until there are three accounts, one is opened often."""
        often = (len(SENT), 6, 3, 0)[min(len(self.accounts), 3)]
        return (*SENT, *(OpenAccount,) * often)

    def add(self, command: Command) -> Command:
        """Return *command*, under an id that later ones can name."""
        self.count += 1
        name = f"t-{self.count}"
        account_id = next((each.value for each in command.account_ids), "")
        if type(command) is OpenAccount:
            self.opened += 1
            self.accounts.append(account_id)
        elif type(command) is PlaceHold:
            self.holds.append((account_id, name))
        elif type(command) is CloseAccount:
            self.accounts = [each for each in self.accounts if each != account_id]
        elif not {"amount", "legs"}.isdisjoint(each.name for each in FIELDS[type(command)]):
            self.moved.append(name)
        return attrs.evolve(command, transaction_id=name)


_SMALL: Final = money(lowest=Money("0.01", "EUR"), highest=Money("100", "EUR"))


@st.composite
def _following(draw: st.DrawFn) -> Command:
    """Return a command about what the commands before it, in the same example, have made."""
    made = draw(st.shared(st.builds(_Made), key="bankcore.testing.strategies"))
    kind = draw(st.sampled_from(made.kinds()))
    known = draw(st.permutations(made.accounts[:3]))
    if kind is OpenAccount:
        known = [f"{'abcdefgh'[made.opened % 8]}{made.opened // 8 or ''}"]
    unused = iter([*known, *(each for each in "abc" if each not in known)])
    hold = draw(st.sampled_from(made.holds or [("a", "t-1")]))
    values: dict[str, Any] = {}
    for field in FIELDS[kind]:
        if field.name == "hold_id":
            values["account_id"], values["hold_id"] = hold
        elif field.name == "original_id":
            values["original_id"] = draw(st.sampled_from(made.moved or ["t-1"]))
        elif field.type is AccountId:
            values[field.name] = next(unused)
        elif field.type is Money:
            values[field.name] = draw(_SMALL)
        elif field.type == tuple[Leg, ...]:
            amount = draw(_SMALL)
            values[field.name] = [(next(unused), -amount), (next(unused), amount)]
        elif field.type is PrincipalId:
            values[field.name] = draw(st.sampled_from(["mary", "bert"]))
        elif field.type is not ExchangeRate:
            values[field.name] = draw(_BY_TYPE[field.type](_CURRENCIES[0], _CURRENCIES[1]))
    wanted = [name for name in values if name == "account_id" or draw(st.booleans())]
    return made.add(command_of(kind, values, wanted))


def commands() -> st.SearchStrategy[Command]:
    """
    Return well-formed commands of every kind, with and without ids.

    Of several that are drawn in one example, such as by ``st.lists(commands())``, most are about
    what those before them have made, so that a bank books many of them. Each kind shrinks within
    itself: a deposit to one cent on account ``a``.
    """
    following, anywhere = _following(), st.one_of(list(_by_kind().values()))
    return st.integers(0, 9).flatmap(lambda number: anywhere if number == 9 else following)


def _register() -> None:
    st.register_type_strategy(Currency, currencies())
    st.register_type_strategy(Money, money())
    st.register_type_strategy(MoneyBag, money_bags())
    st.register_type_strategy(ExchangeRate, exchange_rates())
    st.register_type_strategy(AccountId, account_ids())
    st.register_type_strategy(TransactionId, transaction_ids())
    st.register_type_strategy(PrincipalId, principal_ids())
    st.register_type_strategy(Account, accounts())
    st.register_type_strategy(Command, commands())
    for kind, strategy in _by_kind().items():
        st.register_type_strategy(kind, strategy)


# Not from the entry point: if this module is what imports Hypothesis, the entry point would find
# it half imported.
_register()
