"""Values without money: ids, instants, lines of text and metadata."""

from bankcore.values._ids import (
    ID_LENGTH_MAX,
    PRINCIPAL_LENGTH_MAX,
    AccountId,
    PrincipalId,
    TransactionId,
)
from bankcore.values._metadata import METADATA_MAX, METADATA_VALUE_LENGTH_MAX, Metadata
from bankcore.values._text import DESCRIPTION_LENGTH_MAX

__all__ = [
    "DESCRIPTION_LENGTH_MAX",
    "ID_LENGTH_MAX",
    "METADATA_MAX",
    "METADATA_VALUE_LENGTH_MAX",
    "PRINCIPAL_LENGTH_MAX",
    "AccountId",
    "Metadata",
    "PrincipalId",
    "TransactionId",
]
