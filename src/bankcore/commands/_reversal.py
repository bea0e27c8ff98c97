"""The command that reverses a transaction."""

from collections.abc import Sequence

import attrs
from attrs.converters import optional

from bankcore.accounts._fields import require_amount
from bankcore.commands._base import Command, Look, Move
from bankcore.commands._grants import Grant, Grants
from bankcore.commands._money import net_move
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_transaction_id


@names_fields
@attrs.frozen
class Reverse(Command):
    """
    Book the opposite of a transaction: all that is left of it, or *amount* of what it moved.

    A transaction that moved one amount is reversed in parts as often as something is left, and
    all parts together never exceed it. Others are reversed whole.
    """

    kind = "reverse"
    grants = Grants("reversals:write", teller=Grant.OTHERS_LIMITED)
    is_reversible = False

    original_id: TransactionId = attrs.field(converter=to_transaction_id)
    amount: Money | None = attrs.field(default=None, converter=optional(require_amount))

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """Empty: only the original says which accounts it touches."""
        return ()

    def moves(self, look: Look) -> Sequence[Move]:
        field = None if self.amount is None else "amount"
        opposites = look.opposites(self.original_id, self.amount)
        return [net_move(account_id, net, field) for account_id, net in opposites]
