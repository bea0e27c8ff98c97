"""
Principals: who asks, with which roles and scopes.

The application makes sure that a principal is who it claims to be; nothing here does.
"""

import enum
from collections.abc import Mapping
from typing import Any, Final

import attrs

from bankcore.access._errors import InvalidPrincipalError
from bankcore.access._table import SCOPES
from bankcore.values import PrincipalId
from bankcore.values._choices import to_choices
from bankcore.values._errors import names_fields
from bankcore.values._ids import PRINCIPAL_ID_SCHEMA, to_principal_id
from bankcore.values._json import Json, Told, choice_schema, list_schema, object_schema


class Role(enum.Enum):
    """A role of a principal in the bank."""

    # Each is one object, and a policy looks for them in sets: that of `Enum` hashes their names.
    __hash__ = object.__hash__

    OWNER = "owner"
    TELLER = "teller"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    SERVICE = "service"


_ROLES: Final = [role.value for role in Role]
_SCOPES: Final = sorted(SCOPES)


def _to_roles(values: object) -> frozenset[Role]:
    return to_choices(values, Role, _ROLES, InvalidPrincipalError, "roles")


def _to_scopes(values: object) -> frozenset[str]:
    return to_choices(values, _to_scope, _SCOPES, InvalidPrincipalError, "scopes")


def _to_scope(value: object) -> str:
    if type(value) is not str or value not in SCOPES:
        raise ValueError
    return value


def _shown_roles(roles: frozenset[Role]) -> str:
    return f"{{{', '.join(str(role) for role in Role if role in roles)}}}"


def _shown_scopes(scopes: frozenset[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(scopes)))}}}"


#: The members of a principal, as JSON Schema has them.
PRINCIPAL_MEMBERS: Final[Mapping[str, Json]] = {
    "principal": PRINCIPAL_ID_SCHEMA,
    "roles": list_schema(choice_schema(Role)),
    "scopes": list_schema({"type": "string", "enum": _SCOPES}),
}


@names_fields
@attrs.frozen
class Principal(Told):
    """
    The one who asks, as the application has made sure of it.

        >>> Principal("mary", roles=["owner"])
        Principal(id=PrincipalId('mary'), roles={Role.OWNER}, scopes={})

    Attributes:
        id: The id by which accounts know their holders.
        roles: Its roles, as `Role` or their names; with none, the standard policy lets it do
            nothing.
        scopes: What a service may do; other roles do not use them.

    Raises:
        InvalidIdError: If *id* is not 1 to 128 visible ASCII characters.
        InvalidPrincipalError: If there is no such role or scope.
    """

    id: PrincipalId = attrs.field(converter=to_principal_id)
    roles: frozenset[Role] = attrs.field(default=(), converter=_to_roles, repr=_shown_roles)
    scopes: frozenset[str] = attrs.field(default=(), converter=_to_scopes, repr=_shown_scopes)

    _json_schema = object_schema(PRINCIPAL_MEMBERS)

    def to_dict(self) -> dict[str, Any]:
        """Return the principal for JSON: its id, roles and scopes."""
        return {
            "principal": self.id.value,
            "roles": [role.value for role in Role if role in self.roles],
            "scopes": sorted(self.scopes),
        }
