"""The commands on who holds which rights on an account."""

from collections.abc import Sequence

import attrs

from bankcore.accounts import Holder, Right
from bankcore.accounts._changes import AccessGrant, AccessRevocation
from bankcore.accounts._fields import shown_rights, to_rights
from bankcore.commands._base import AccountCommand, Look, Move, Part
from bankcore.commands._grants import Grant, Grants
from bankcore.values import PrincipalId
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_principal_id


@names_fields
@attrs.frozen
class GrantAccess(AccountCommand):
    """
    Give a principal these *rights* on an account, in place of those it held.

    Raises:
        InvalidRightsError: If there are none, or one is no `Right`.
    """

    kind = "grant_access"
    grants = Grants("grants:write", operator=Grant.OTHERS)

    principal: PrincipalId = attrs.field(converter=to_principal_id)
    rights: frozenset[Right] = attrs.field(converter=to_rights, repr=shown_rights)

    def moves(self, _look: Look) -> Sequence[Move]:
        change = AccessGrant(Holder(self.principal, self.rights))
        return (Move(self.account_id, Part.SUBJECT, change),)


@names_fields
@attrs.frozen
class RevokeAccess(AccountCommand):
    """Take all rights on an account from a principal."""

    kind = "revoke_access"
    grants = Grants("grants:write", operator=Grant.OTHERS)

    principal: PrincipalId = attrs.field(converter=to_principal_id)

    def moves(self, _look: Look) -> Sequence[Move]:
        return (Move(self.account_id, Part.SUBJECT, AccessRevocation(self.principal)),)
