"""
The ledger: records, the hash chain, statements, the audit, and the store contract.
"""

from bankcore.ledger._audit import AuditReport, Disagreement, verify
from bankcore.ledger._chain import (
    GENESIS,
    MerkleRoot,
    content_of,
    head_leaf,
    link,
    linked,
    next_head,
)
from bankcore.ledger._checkpoint import Checkpoint, Progress, checkpoint_of, to_checkpoint
from bankcore.ledger._records import Posting, Refusal, Transaction, touched_accounts
from bankcore.ledger._statement import (
    STATEMENT_COLUMNS,
    Statement,
    StatementLine,
    statement_as_csv,
    statement_cells,
)
from bankcore.ledger._store import (
    LIMIT_MAX,
    AccountStore,
    Chained,
    Cursor,
    Describing,
    HolderIndex,
    HostBound,
    Page,
    ReadSet,
    SelfChecking,
    Snapshot,
    StoreDescription,
    WriteSet,
    require_limit,
)

__all__ = [
    "GENESIS",
    "LIMIT_MAX",
    "STATEMENT_COLUMNS",
    "AccountStore",
    "AuditReport",
    "Chained",
    "Checkpoint",
    "Cursor",
    "Describing",
    "Disagreement",
    "HolderIndex",
    "HostBound",
    "MerkleRoot",
    "Page",
    "Posting",
    "Progress",
    "ReadSet",
    "Refusal",
    "SelfChecking",
    "Snapshot",
    "Statement",
    "StatementLine",
    "StoreDescription",
    "Transaction",
    "WriteSet",
    "checkpoint_of",
    "content_of",
    "head_leaf",
    "link",
    "linked",
    "next_head",
    "require_limit",
    "statement_as_csv",
    "statement_cells",
    "to_checkpoint",
    "touched_accounts",
    "verify",
]
