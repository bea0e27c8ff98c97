"""The holder: a principal with rights on an account."""

from typing import Any

import attrs

from bankcore.accounts._fields import shown_rights, to_rights
from bankcore.accounts._kinds import Right
from bankcore.values import PrincipalId
from bankcore.values._ids import PRINCIPAL_ID_SCHEMA, to_principal_id
from bankcore.values._json import Told, choice_schema, list_schema, object_schema


@attrs.frozen
class Holder(Told):
    """A principal, and its rights on an account."""

    principal: PrincipalId = attrs.field(converter=to_principal_id)
    rights: frozenset[Right] = attrs.field(converter=to_rights, repr=shown_rights)

    _json_schema = object_schema(
        {"principal": PRINCIPAL_ID_SCHEMA, "rights": list_schema(choice_schema(Right))}
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the holder for JSON."""
        rights = [right.value for right in Right if right in self.rights]
        return {"principal": self.principal.value, "rights": rights}
