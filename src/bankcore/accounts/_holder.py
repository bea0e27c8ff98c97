"""The holder: a principal with rights on an account."""

import attrs

from bankcore.accounts._fields import shown_rights, to_rights
from bankcore.accounts._kinds import Right
from bankcore.values import PrincipalId
from bankcore.values._ids import to_principal_id


@attrs.frozen
class Holder:
    """A principal, and its rights on an account."""

    principal: PrincipalId = attrs.field(converter=to_principal_id)
    rights: frozenset[Right] = attrs.field(converter=to_rights, repr=shown_rights)
