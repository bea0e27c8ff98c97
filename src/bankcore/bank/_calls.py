"""
The calls: one method for each command, for whoever can execute commands.

Decided here: what each call is named and takes, and that it is the same as executing one
command, but that an error is raised. Nothing is judged here.
"""

from collections.abc import Iterable
from datetime import datetime

from bankcore.accounts import Restriction, Right
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
from bankcore.ledger import Transaction
from bankcore.money import ExchangeRate, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import BankError


class CommandCalls:
    """
    A method for each command, over `execute`. Never made itself.
    """

    def execute(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        One outcome for each command, in order.
        """
        raise NotImplementedError

    def _outcome(self, command: Command) -> Transaction:
        (outcome,) = self.execute((command,))
        if isinstance(outcome, BankError):
            raise outcome
        return outcome

    def open_account(
        self,
        account_id: AccountId | str | None = None,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        holder: PrincipalId | str | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Open an account; without *account_id* the bank makes one.

        A *holder* has all rights on it from the beginning.
        Same as ``bank.execute([OpenAccount(...)])``, but an error is raised.

        Raises:
            AccountExistsError: If there is an account of this id. Nothing changes.
        """
        return self._outcome(
            OpenAccount(
                account_id,
                initial_balance=initial_balance,
                overdraft_limit=overdraft_limit,
                holder=holder,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def deposit(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Take *amount* into the account, from outside the bank.

        Same as ``bank.execute([Deposit(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `AccountNotFoundError`. No money moves.
        """
        return self._outcome(
            Deposit(
                account_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def withdraw(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Take *amount* out of the account, to outside the bank.

        Same as ``bank.execute([Withdraw(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `InsufficientFundsError`. No money moves.
        """
        return self._outcome(
            Withdraw(
                account_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def transfer(
        self,
        source_id: AccountId | str,
        destination_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Move *amount* from one account to another, in one transaction.

        Same as ``bank.execute([Transfer(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `InsufficientFundsError`. No money moves.
        """
        return self._outcome(
            Transfer(
                source_id,
                destination_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def post(
        self,
        legs: Iterable[tuple[AccountId | str, Money]],
        *,
        crosses_boundary: bool = False,
        exchange_rate: ExchangeRate | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Book several legs at once: pairs of an account's id and a signed `Money`.

        An *exchange_rate* is recorded with the legs, which must be in its two currencies.
        Same as ``bank.execute([Post(...)])``, but an error is raised.

        Raises:
            InvalidLegsError: If they do not add up to zero in each currency, and the post
                does not cross the boundary of the bank. Nothing changes.
            DeclinedError: If a rule says no to one account's net. No money moves.
        """
        return self._outcome(
            Post(
                legs,
                crosses_boundary=crosses_boundary,
                exchange_rate=exchange_rate,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def reverse(
        self,
        original_id: TransactionId | str,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Book the opposite of a transaction, whole and once.

        Same as ``bank.execute([Reverse(...)])``, but an error is raised.

        Raises:
            TransactionNotFoundError: If there is no such transaction.
            NotReversibleError: If it moved no money, closed an account, or is a reversal.
            AlreadyReversedError: If it was reversed before.
            DeclinedError: If a rule says no, such as `InsufficientFundsError` where the
                money is gone. No money moves.
        """
        return self._outcome(
            Reverse(
                original_id,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def place_hold(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        expires_at: datetime | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Reserve *amount* of what is available. The transaction's id is the hold's.

        Same as ``bank.execute([PlaceHold(...)])``, but an error is raised.

        Raises:
            InvalidTimeError: If *expires_at* is not ahead. Nothing changes.
            DeclinedError: If a rule says no, such as `InsufficientFundsError`. Nothing
                changes.
        """
        return self._outcome(
            PlaceHold(
                account_id,
                amount,
                expires_at=expires_at,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def capture_hold(
        self,
        account_id: AccountId | str,
        hold_id: TransactionId | str,
        amount: Money | None = None,
        *,
        final: bool = True,
        destination_id: AccountId | str | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Take *amount* of a hold, or all that is left, to outside or to *destination_id*.

        With *final* the rest is free again; otherwise it stays reserved. Same as
        ``bank.execute([CaptureHold(...)])``, but an error is raised.

        Raises:
            HoldNotFoundError: If the account has no such hold; `HoldNotActiveError`, which
                is one, if it is captured, released or expired.
            HoldExceededError: If more is asked than is left of it.
            DeclinedError: If another rule says no. No money moves.
        """
        return self._outcome(
            CaptureHold(
                account_id,
                hold_id,
                amount,
                final=final,
                destination_id=destination_id,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def release_hold(
        self,
        account_id: AccountId | str,
        hold_id: TransactionId | str,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Free all that is left of a hold. No restriction stops it.

        Same as ``bank.execute([ReleaseHold(...)])``, but an error is raised.

        Raises:
            HoldNotFoundError: If the account has no such hold; `HoldNotActiveError`, which
                is one, if it is captured, released or expired.
        """
        return self._outcome(
            ReleaseHold(
                account_id,
                hold_id,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def extend_hold(
        self,
        account_id: AccountId | str,
        hold_id: TransactionId | str,
        *,
        expires_at: datetime | None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Let a hold expire later, at *expires_at*; None for never.

        Same as ``bank.execute([ExtendHold(...)])``, but an error is raised.

        Raises:
            HoldNotFoundError: If the account has no such hold; `HoldNotActiveError`, which
                is one, if it is captured, released or expired.
            InvalidTimeError: If it is not later than the present expiry. Nothing changes.
            DeclinedError: If another rule says no.
        """
        return self._outcome(
            ExtendHold(
                account_id,
                hold_id,
                expires_at=expires_at,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def restrict(
        self,
        account_id: AccountId | str,
        restriction: Restriction | str,
        *,
        reason: str | None = None,
        ends_at: datetime | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Stop debits, credits or both; `Restriction.NONE` lifts what was stopped.

        Same as ``bank.execute([Restrict(...)])``, but an error is raised.

        Raises:
            InvalidRestrictionError: If a reason is missing, or nothing is restricted and
                there is an end. Nothing changes.
            DeclinedError: If a rule says no, such as `AccountClosedError`.
        """
        return self._outcome(
            Restrict(
                account_id,
                restriction,
                reason=reason,
                ends_at=ends_at,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def set_overdraft_limit(
        self,
        account_id: AccountId | str,
        overdraft_limit: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Set how far the account may be overdrawn; below its present use is allowed.

        Same as ``bank.execute([SetOverdraftLimit(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `AccountClosedError`.
        """
        return self._outcome(
            SetOverdraftLimit(
                account_id,
                overdraft_limit,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def close_account(
        self,
        account_id: AccountId | str,
        *,
        sweep_to: AccountId | str | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Close the account for ever; a positive rest moves to *sweep_to* in the same step.

        Same as ``bank.execute([CloseAccount(...)])``, but an error is raised.

        Raises:
            CloseBlockedError: If its balance is not zero or holds are open; all that stands
                in the way is listed.
            DeclinedError: If another rule says no. No money moves.
        """
        return self._outcome(
            CloseAccount(
                account_id,
                sweep_to=sweep_to,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def grant_access(
        self,
        account_id: AccountId | str,
        principal: PrincipalId | str,
        rights: Iterable[Right | str],
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Give a principal these rights on the account, in place of those it held.

        Same as ``bank.execute([GrantAccess(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `HolderLimitError`.
        """
        return self._outcome(
            GrantAccess(
                account_id,
                principal,
                rights,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )

    def revoke_access(
        self,
        account_id: AccountId | str,
        principal: PrincipalId | str,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> Transaction:
        """
        Take all rights on the account from a principal.

        Same as ``bank.execute([RevokeAccess(...)])``, but an error is raised.

        Raises:
            HolderNotFoundError: If it holds none.
        """
        return self._outcome(
            RevokeAccess(
                account_id,
                principal,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
                expected_version=expected_version,
            )
        )
