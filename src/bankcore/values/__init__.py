"""Values without money: ids, instants and lines of text."""

from bankcore.values._ids import (
    ID_LENGTH_MAX,
    PRINCIPAL_LENGTH_MAX,
    AccountId,
    PrincipalId,
    TransactionId,
)
from bankcore.values._text import DESCRIPTION_LENGTH_MAX

__all__ = [
    "DESCRIPTION_LENGTH_MAX",
    "ID_LENGTH_MAX",
    "PRINCIPAL_LENGTH_MAX",
    "AccountId",
    "PrincipalId",
    "TransactionId",
]
