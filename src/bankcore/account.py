"""
The account: one immutable value that cannot be in an invalid state.

Decided here: what is always true of an account, whoever constructs it, and what
taking in and taking out do to it. Usable alone, with no bank and no store. Nothing
here knows of other accounts, of transactions, of ids being used up, or of a clock:
an instant is an argument.
"""

import enum
from datetime import datetime
from typing import Final

import attrs

from bankcore.errors import (
    AccountClosedError,
    AmountTooLargeError,
    BalanceLimitError,
    BankError,
    InsufficientFundsError,
    InvalidAccountError,
    InvalidAmountError,
    shown,
)
from bankcore.ids import AccountId, to_account_id
from bankcore.instants import to_instant
from bankcore.money import Money, require_same_currency

#: The largest amount that can be booked or held as a balance, in minor units.
#: It leaves room in the 64-bit integers of every database.
AMOUNT_MINOR_MAX: Final = 10**18 - 1


class AccountStatus(enum.Enum):
    """
    Whether an account is open. Closing is final.
    """

    OPEN = "open"
    CLOSED = "closed"


def require_amount(amount: object) -> Money:
    """
    *amount*, if it is money that a command may move.

    Raises:
        InvalidAmountError: If it is not `Money`, or not above zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
    """
    if type(amount) is not Money:
        raise InvalidAmountError(shown(amount), "an amount is a Money")
    if amount.amount_minor <= 0:
        raise InvalidAmountError(str(amount), "an amount is above zero")
    if amount.amount_minor > AMOUNT_MINOR_MAX:
        raise AmountTooLargeError(str(amount), "at most 10¹⁸ - 1 minor units can be booked")
    return amount


def require_not_negative(amount: object) -> Money:
    """
    *amount*, if it is money that an account may begin with: zero is allowed.

    Raises:
        InvalidAmountError: If it is not `Money`, or below zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
    """
    if type(amount) is Money and amount.amount_minor == 0:
        return amount
    return require_amount(amount)


def _out_of_range(name: str, amount: Money, least: int) -> BankError:
    if amount.amount_minor < least == 0:
        return InvalidAccountError(f"its {name} is {amount}, below zero")
    return AmountTooLargeError(
        str(amount), f"an account's {name} is within ±(10¹⁸ - 1) minor units"
    )


def _zero(account: "Account") -> Money:
    if type(account.balance) is not Money:
        raise InvalidAccountError(f"its balance is {shown(account.balance)}, not a Money")
    return Money.zero(account.balance.currency)


@attrs.frozen(kw_only=True)
class Account:
    """
    An account: its balance, what is held of it, its overdraft limit and version.

        >>> account = Account.open("alice", initial_balance=Money("100", "EUR"))
        >>> account.withdraw(Money("30", "EUR")).balance
        Money('70.00', 'EUR')

    Every method returns a new account, or raises and changes nothing.

    Attributes:
        balance: What is booked. Negative where the overdraft is used.
        held: What is reserved and not yet taken; never negative.
        overdraft_limit: How far ``available`` may exceed the balance; never negative.
        version: How many transactions have touched the account; at least 0.
        last_booked_at: The instant of the latest of them, where it is known.

    Raises:
        InvalidAccountError: If two currencies meet, a closed account has money or
            something held, or a number is out of its range.
        AmountTooLargeError: If an amount leaves ±(10¹⁸ - 1) minor units.
    """

    id: AccountId = attrs.field(converter=to_account_id)
    balance: Money
    held: Money = attrs.Factory(_zero, takes_self=True)
    overdraft_limit: Money = attrs.Factory(_zero, takes_self=True)
    status: AccountStatus = AccountStatus.OPEN
    version: int = 0
    last_booked_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        # Explicit checks and not `assert`: `python -O` must not remove them.
        balance, held, limit = self.balance, self.held, self.overdraft_limit
        if not type(balance) is type(held) is type(limit) is Money:
            raise InvalidAccountError("its balance, held and overdraft limit are not all Money")
        if not balance.currency == held.currency == limit.currency:
            raise InvalidAccountError(
                f"balance {balance}, held {held} and overdraft limit {limit}"
                " are not of one currency"
            )
        for name, amount, least in (
            ("balance", balance, -AMOUNT_MINOR_MAX),
            ("held", held, 0),
            ("overdraft limit", limit, 0),
        ):
            if not least <= amount.amount_minor <= AMOUNT_MINOR_MAX:
                raise _out_of_range(name, amount, least)
        if type(self.version) is not int or self.version < 0:
            raise InvalidAccountError(f"its version is {shown(self.version)}, not an int from 0")
        if self.status is AccountStatus.CLOSED and (balance or held):
            raise InvalidAccountError(f"it is closed, with a balance of {balance} and {held} held")
        if not isinstance(self.status, AccountStatus):
            raise InvalidAccountError(f"its status is {shown(self.status)}, not an AccountStatus")
        if self.last_booked_at is not None:
            to_instant(self.last_booked_at)

    @classmethod
    def open(
        cls,
        account_id: AccountId | str,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        A new account, at version 1, with *initial_balance* booked (zero is allowed).

        Raises:
            InvalidIdError: If *account_id* is not an id.
            InvalidAmountError: If the balance or the limit is not `Money`, or below zero.
            CurrencyMismatchError: If they are of two currencies.
        """
        require_not_negative(initial_balance)
        if overdraft_limit is None:
            overdraft_limit = Money.zero(initial_balance.currency)
        require_same_currency(initial_balance, require_not_negative(overdraft_limit))
        return cls(
            id=account_id,
            balance=initial_balance,
            overdraft_limit=overdraft_limit,
            version=1,
            last_booked_at=booked_at,
        )

    @property
    def available(self) -> Money:
        """
        What may be taken now: ``balance - held + overdraft_limit``.

        Below zero where the account is overdrawn beyond its limit.
        """
        return Money.from_minor(self._available_minor, self.balance.currency)

    @property
    def _available_minor(self) -> int:
        return (
            self.balance.amount_minor - self.held.amount_minor + self.overdraft_limit.amount_minor
        )

    def deposit(self, amount: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        The account with *amount* taken in.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
            BalanceLimitError: If the balance would pass 10¹⁸ - 1 minor units.
        """
        self._require_movable(amount)
        return self._booked(self.balance + amount, amount, booked_at)

    def withdraw(self, amount: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        The account with *amount* taken out.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
            InsufficientFundsError: If more is asked than is available.
            BalanceLimitError: If the balance would pass -(10¹⁸ - 1) minor units.
        """
        self._require_movable(amount)
        # "A command whose net effect would lower an account's `available` is declined if
        # `available` would end below zero."
        if amount.amount_minor > self._available_minor:
            raise InsufficientFundsError(self.id, self.available, amount)
        return self._booked(self.balance - amount, amount, booked_at)

    def _require_movable(self, amount: Money) -> None:
        """
        Passes where *amount* may move on this account, funds aside.
        """
        require_same_currency(self.balance, require_amount(amount))
        if self.status is not AccountStatus.OPEN:
            raise AccountClosedError(self.id)

    def _booked(self, balance: Money, amount: Money, booked_at: datetime | None) -> "Account":
        """
        The account one version later, with *balance* after *amount*. A balance changes here only.
        """
        if not -AMOUNT_MINOR_MAX <= balance.amount_minor <= AMOUNT_MINOR_MAX:
            raise BalanceLimitError(self.id, self.balance, amount)
        # Every operation of a bank passes here, and building an account in full would be half
        # of its cost. The account was valid; of what is always true of one, only the balance
        # is in question, and it was just checked. A closed one is refused before.
        account = object.__new__(Account)
        _set_id(account, self.id)
        _set_balance(account, balance)
        _set_held(account, self.held)
        _set_overdraft_limit(account, self.overdraft_limit)
        _set_status(account, self.status)
        _set_version(account, self.version + 1)
        _set_last_booked_at(account, self.last_booked_at if booked_at is None else booked_at)
        return account


# `Account` is frozen, so its slots are filled through their own descriptors.
(
    _set_id,
    _set_balance,
    _set_held,
    _set_overdraft_limit,
    _set_status,
    _set_version,
    _set_last_booked_at,
) = (Account.__dict__[field.name].__set__ for field in attrs.fields(Account))
