"""The commands on the account itself: its opening, its limit, its restriction, its end."""

from collections.abc import Sequence
from datetime import datetime

import attrs
from attrs.converters import optional

from bankcore.accounts import Account, Restriction
from bankcore.accounts._changes import Booking, Closing, LimitChange, RestrictionChange
from bankcore.accounts._fields import require_not_negative, require_reason, to_end, to_restriction
from bankcore.commands._base import AccountCommand, Command, Look, Move, Part
from bankcore.commands._errors import SameAccountError
from bankcore.commands._grants import Grant, Grants
from bankcore.commands._holds import NO_CURRENCY
from bankcore.money import Money
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId, PrincipalId
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_account_id, to_principal_id
from bankcore.values._text import to_line_or_none


@names_fields
@attrs.frozen
class OpenAccount(Command):
    """
    Open an account with *initial_balance*, which fixes its currency; zero is allowed.

    Without *account_id*, the bank makes one; the transaction's ``account_id`` says it.
    An account that is not there yet is at version 0. A *holder* has all rights on it from
    the beginning. The *metadata* of the opening are those of the account, for ever.

    Raises:
        InvalidIdError: If *account_id* or *transaction_id* is not valid. In this case as in
            those below, no id is used up.
        InvalidAmountError: If an amount is not valid.
        CurrencyMismatchError: If the limit is of another currency.
        InvalidTimeError: If *booked_at* is not valid.
        InvalidTextError: If *description* is not valid.
    """

    kind = "open_account"
    grants = Grants("accounts:write", owner=Grant.FOR_ITSELF, teller=Grant.FOR_OTHERS)
    moves_one_amount = True

    account_id: AccountId | None = attrs.field(default=None, converter=optional(to_account_id))
    initial_balance: Money = attrs.field(kw_only=True, converter=require_not_negative)
    overdraft_limit: Money | None = attrs.field(
        kw_only=True, default=None, converter=optional(require_not_negative)
    )
    holder: PrincipalId | None = attrs.field(
        kw_only=True, default=None, converter=optional(to_principal_id)
    )

    def __attrs_post_init__(self) -> None:
        if self.overdraft_limit is not None:
            require_same_currency(self.initial_balance, self.overdraft_limit, "overdraft_limit")

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return () if self.account_id is None else (self.account_id,)

    def moves(self, _look: Look) -> Sequence[Move]:
        return ()

    def opened(self, account_id: AccountId, booked_at: datetime) -> Account:
        """Return the new account; an opening has no account to change."""
        return Account.open(
            account_id,
            initial_balance=self.initial_balance,
            overdraft_limit=self.overdraft_limit,
            holder=self.holder,
            metadata=self.metadata,
            booked_at=booked_at,
        )


@names_fields
@attrs.frozen
class Restrict(AccountCommand):
    """
    Stop debits, credits or both; `Restriction.NONE` lifts what was stopped.

    Raises:
        InvalidRestrictionError: If it is no `Restriction` nor the name of one, a reason is
            missing, or nothing is restricted and there is an end.
        InvalidTimeError: If *ends_at* is not an instant before the year 9999.
    """

    kind = "restrict"
    grants = Grants("restrictions:write", operator=Grant.OTHERS)

    restriction: Restriction = attrs.field(converter=to_restriction)
    reason: str | None = attrs.field(kw_only=True, default=None, converter=to_line_or_none)
    ends_at: datetime | None = attrs.field(kw_only=True, default=None, converter=to_end)

    def __attrs_post_init__(self) -> None:
        require_reason(self.restriction, self.reason, self.ends_at)

    def moves(self, _look: Look) -> Sequence[Move]:
        change = RestrictionChange(self.restriction, self.reason, self.ends_at)
        return (Move(self.account_id, Part.SUBJECT, change),)


@names_fields
@attrs.frozen
class SetOverdraftLimit(AccountCommand):
    """Set how far an account may be overdrawn; below its present use is allowed."""

    kind = "set_overdraft_limit"
    grants = Grants("limits:write", operator=Grant.OTHERS)

    overdraft_limit: Money = attrs.field(converter=require_not_negative)

    def moves(self, _look: Look) -> Sequence[Move]:
        return (Move(self.account_id, Part.SUBJECT, LimitChange(self.overdraft_limit)),)


@names_fields
@attrs.frozen
class CloseAccount(AccountCommand):
    """
    Close an account for ever; a positive rest moves to *sweep_to* in the same transaction.

    Without a rest, *sweep_to* is not looked at.

    Raises:
        SameAccountError: If it is to be swept to itself.
    """

    kind = "close_account"
    grants = Grants("accounts:close", owner=Grant.IF_DEBIT, operator=Grant.OTHERS)
    is_reversible = False

    sweep_to: AccountId | None = attrs.field(
        kw_only=True, default=None, converter=optional(to_account_id)
    )

    def __attrs_post_init__(self) -> None:
        if self.sweep_to == self.account_id:
            raise SameAccountError(self.account_id).about("sweep_to")

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        to = self.sweep_to
        return (self.account_id,) if to is None else (self.account_id, to)

    def moves(self, look: Look) -> Sequence[Move]:
        account = look.account(self.account_id)
        balance = Money.zero(NO_CURRENCY) if account is None else account.balance
        # "`close(sweep_to=…)` moves a positive rest in the same transaction, by the rules of a
        # transfer." Where there is none, the other account is not asked: nobody finds out by an
        # empty account whether it is there.
        if self.sweep_to is None or balance.amount_minor <= 0:
            return (Move(self.account_id, Part.SUBJECT, Closing(balance - balance)),)
        credit = Booking(balance, account_field="sweep_to")
        return (
            Move(self.account_id, Part.SUBJECT, Closing(balance), -balance),
            Move(self.sweep_to, Part.CREDITED, credit, balance),
        )
