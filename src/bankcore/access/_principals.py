"""
Principals: who asks, with which roles and scopes.

The application makes sure that a principal is who it claims to be; nothing here does.
"""

import enum
from typing import Final

import attrs

from bankcore.access._errors import InvalidPrincipalError
from bankcore.access._table import SCOPES
from bankcore.values import PrincipalId
from bankcore.values._choices import to_choices
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_principal_id


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


@names_fields
@attrs.frozen
class Principal:
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
