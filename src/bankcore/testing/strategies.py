"""
Hypothesis strategies for money, currencies, ids, accounts and commands.

Decided here: which values are tried, and that they shrink to what reads well: zero euros,
short ids, small amounts. They are registered with Hypothesis when it is imported (by an entry
point of the package), so ``st.from_type(Money)`` and ``st.builds(MyOrder)`` work unasked.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hypothesis import strategies as st

from bankcore import (
    Account,
    AccountId,
    Currency,
    ExchangeRate,
    Money,
    MoneyBag,
    Restriction,
    TransactionId,
)
from bankcore.accounts import AMOUNT_MINOR_MAX, END_YEAR_MAX, Right
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.money._errors import InvalidAmountError
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
    Currencies of all exponents that there are: current, withdrawn, and one's own.

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
    Money from *lowest* to *highest*: by default, whatever an account's balance may be.

    The bounds, where given, say the currency; otherwise it is *currency*, or any of
    `currencies`. Shrinks to zero euros, or to what is nearest to it.

    Raises:
        CurrencyMismatchError: If the bounds and *currency* are not of one currency.
        InvalidAmountError: If *lowest* is above *highest*.
    """
    bounds = [bound for bound in (lowest, highest) if bound is not None]
    if not bounds:
        of = currencies() if currency is None else st.just(Money.zero(currency).currency)
        return st.builds(Money.from_minor, st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), of)
    # A sum that is only taken to compare the currencies.
    found = Money.sum(bounds, currency).currency
    low = -AMOUNT_MINOR_MAX if lowest is None else lowest.amount_minor
    high = AMOUNT_MINOR_MAX if highest is None else highest.amount_minor
    if low > high:
        raise InvalidAmountError(str(lowest), f"the lowest is not above {highest}")
    return st.builds(Money.from_minor, st.integers(low, high), st.just(found))


def exchange_rates() -> st.SearchStrategy[ExchangeRate]:
    """
    Exchange rates between two currencies, from a millionth to a million.
    """
    rates = st.fractions("1/1000000", 10**6, max_denominator=10**6)

    def between(pair: Sequence[Currency]) -> st.SearchStrategy[ExchangeRate]:
        return st.builds(ExchangeRate, st.just(pair[0]), st.just(pair[1]), rates)

    return st.permutations(_CURRENCIES).flatmap(between)


def money_bags() -> st.SearchStrategy[MoneyBag]:
    """
    Bags of up to four amounts.
    """
    return st.builds(MoneyBag, st.lists(money(), max_size=4))


def _ids() -> st.SearchStrategy[str]:
    rest = st.text(_FIRST + "-.", max_size=ID_LENGTH_MAX - 1)
    return st.builds("{}{}".format, st.sampled_from(_FIRST), rest)


def account_ids() -> st.SearchStrategy[AccountId]:
    """
    Ids of accounts, of the whole alphabet and of every length. Shrinks to ``a``.
    """
    return st.builds(AccountId, _ids())


def transaction_ids() -> st.SearchStrategy[TransactionId]:
    """
    Ids of transactions, of the whole alphabet and of every length. Shrinks to ``a``.
    """
    return st.builds(TransactionId, _ids())


def principal_ids() -> st.SearchStrategy[PrincipalId]:
    """
    Ids of principals, of the whole alphabet and of every length. Shrinks to ``!``.
    """
    visible = st.characters(min_codepoint=ord("!"), max_codepoint=ord("~"))
    return st.builds(PrincipalId, st.text(visible, min_size=1, max_size=PRINCIPAL_LENGTH_MAX))


def _ends() -> st.SearchStrategy[datetime | None]:
    last = datetime(END_YEAR_MAX, 12, 31)  # noqa: DTZ001  # Hypothesis adds the zone
    return st.none() | st.datetimes(max_value=last, timezones=st.just(UTC))


def _amounts(currency: Currency, least: int) -> st.SearchStrategy[Money]:
    return money(lowest=Money.from_minor(least, currency))


@st.composite
def accounts(draw: st.DrawFn, currency: Currency | str | None = None) -> Account:
    """
    Open accounts as a bank may have them: opened, then deposited to and withdrawn from.

    Overdrawn ones are among them. Shrinks to a new account without money.
    """
    of = draw(currencies()) if currency is None else Money.zero(currency).currency
    # A tenth of what there may be, so that no sum of these leaves the bounds.
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


def _by_kind() -> dict[type[Command], st.SearchStrategy[Command]]:
    """
    What makes each kind of command.
    """
    options = {
        "transaction_id": st.none() | transaction_ids(),
        "description": st.none() | st.just("rent"),
    }
    amounts = currencies().flatmap(lambda of: _amounts(of, 1))
    limits = currencies().flatmap(lambda of: _amounts(of, 0))
    pairs = st.lists(account_ids(), min_size=2, max_size=2, unique=True)
    hold = (account_ids(), transaction_ids())
    return {
        Deposit: st.builds(Deposit, account_ids(), amounts, **options),
        Withdraw: st.builds(Withdraw, account_ids(), amounts, **options),
        Transfer: pairs.flatmap(
            lambda ids: st.builds(Transfer, *map(st.just, ids), amounts, **options)
        ),
        OpenAccount: currencies().flatmap(
            lambda of: st.builds(
                OpenAccount,
                st.none() | account_ids(),
                initial_balance=_amounts(of, 0),
                overdraft_limit=st.none() | _amounts(of, 0),
                holder=st.none() | principal_ids(),
                **options,
            )
        ),
        Post: st.tuples(pairs, amounts).flatmap(
            lambda drawn: st.builds(
                Post, st.just([(drawn[0][0], drawn[1]), (drawn[0][1], -drawn[1])]), **options
            )
        ),
        Reverse: st.builds(Reverse, transaction_ids(), **options),
        PlaceHold: st.builds(PlaceHold, account_ids(), amounts, expires_at=_ends(), **options),
        CaptureHold: st.builds(
            CaptureHold, *hold, st.none() | amounts, final=st.booleans(), **options
        ),
        ReleaseHold: st.builds(ReleaseHold, *hold, **options),
        ExtendHold: st.builds(ExtendHold, *hold, expires_at=_ends(), **options),
        Restrict: st.builds(
            Restrict,
            account_ids(),
            st.sampled_from([each for each in Restriction if each is not Restriction.NONE]),
            reason=st.just("court order"),
            ends_at=_ends(),
            **options,
        )
        | st.builds(Restrict, account_ids(), st.just(Restriction.NONE), **options),
        SetOverdraftLimit: st.builds(SetOverdraftLimit, account_ids(), limits, **options),
        CloseAccount: pairs.flatmap(
            lambda ids: st.builds(
                CloseAccount, st.just(ids[0]), sweep_to=st.none() | st.just(ids[1]), **options
            )
        ),
        GrantAccess: st.builds(
            GrantAccess,
            account_ids(),
            principal_ids(),
            st.sets(st.sampled_from(Right), min_size=1),
            **options,
        ),
        RevokeAccess: st.builds(RevokeAccess, account_ids(), principal_ids(), **options),
    }


def commands() -> st.SearchStrategy[Command]:
    """
    Well-formed commands of every kind that a bank takes, with and without ids of their own.

    Each kind shrinks within itself: a deposit to one cent on account ``a``.
    """
    return st.one_of(list(_by_kind().values()))


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


# At the end of the import, and not from the entry point: where this module is what brings
# Hypothesis in, the entry point finds it half made.
_register()
