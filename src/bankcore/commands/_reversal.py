"""The command that reverses a transaction."""

from collections.abc import Sequence

import attrs

from bankcore.commands._base import Command, Look, Move
from bankcore.commands._grants import Grant, Grants
from bankcore.commands._money import net_move
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_transaction_id


@names_fields
@attrs.frozen
class Reverse(Command):
    """Book the opposite of a transaction, whole and once."""

    kind = "reverse"
    grants = Grants("reversals:write", teller=Grant.OTHERS_LIMITED)
    is_reversible = False

    original_id: TransactionId = attrs.field(converter=to_transaction_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """Empty: only the original says which accounts it touches."""
        return ()

    def moves(self, look: Look) -> Sequence[Move]:
        return [
            net_move(account_id, net, None) for account_id, net in look.opposites(self.original_id)
        ]
