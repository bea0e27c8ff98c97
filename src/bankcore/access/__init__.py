"""Access: principals, policies, tokens and denials."""

from bankcore.access._denials import (
    DENIAL_ACCOUNTS_MAX,
    DENIALS_MAX,
    DENIALS_PER_MINUTE_MAX,
    DENIED_PRINCIPALS_MAX,
    Denial,
    DenialLog,
)
from bankcore.access._policies import (
    ALLOWED,
    AuditorPolicy,
    Involved,
    OperatorPolicy,
    OwnerPolicy,
    Policy,
    ServicePolicy,
    StandardPolicy,
    TellerPolicy,
    Verdict,
    denied,
    hidden,
)
from bankcore.access._principals import Principal, Role
from bankcore.access._table import POLICY_TABLE, SCOPES, Action
from bankcore.access._tokens import TOKEN_LENGTH_MAX, IssuedToken, Token, Tokens, TokenStore
from bankcore.commands import Grant, Grants, Part

__all__ = [
    "ALLOWED",
    "DENIALS_MAX",
    "DENIALS_PER_MINUTE_MAX",
    "DENIAL_ACCOUNTS_MAX",
    "DENIED_PRINCIPALS_MAX",
    "POLICY_TABLE",
    "SCOPES",
    "TOKEN_LENGTH_MAX",
    "Action",
    "AuditorPolicy",
    "Denial",
    "DenialLog",
    "Grant",
    "Grants",
    "Involved",
    "IssuedToken",
    "OperatorPolicy",
    "OwnerPolicy",
    "Part",
    "Policy",
    "Principal",
    "Role",
    "ServicePolicy",
    "StandardPolicy",
    "TellerPolicy",
    "Token",
    "TokenStore",
    "Tokens",
    "Verdict",
    "denied",
    "hidden",
]
