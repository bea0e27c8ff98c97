"""
The tables of the SQLite store, as SQL text.

Decided here: what is kept, under which names, and which states the database itself refuses as a
second line behind bankcore's own checks. Amounts are integers of minor units, instants integers of
microseconds since 1970, UTC. The floor is not checked: a lowered overdraft limit may leave an
account below it.

Rows refer to each other by integer keys (postings are written 1.4 times as fast as with text
keys). The order of holds' keys is the order in which they were placed.
"""

from typing import Final

_AMOUNT = "BETWEEN -999999999999999999 AND 999999999999999999"
_NOT_NEGATIVE = "BETWEEN 0 AND 999999999999999999"
_POSITIVE = "BETWEEN 1 AND 999999999999999999"

#: The statements that make a new database of version 1, in order.
FIRST: Final = (
    """
    CREATE TABLE bankcore_schema (
        version INTEGER NOT NULL CHECK (version >= 1)
    ) STRICT
    """,
    "INSERT INTO bankcore_schema (version) VALUES (1)",
    f"""
    CREATE TABLE bankcore_account (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
        currency TEXT NOT NULL,
        exponent INTEGER NOT NULL CHECK (exponent BETWEEN 0 AND 18),
        balance_minor INTEGER NOT NULL CHECK (balance_minor {_AMOUNT}),
        held_minor INTEGER NOT NULL CHECK (held_minor {_NOT_NEGATIVE}),
        overdraft_limit_minor INTEGER NOT NULL CHECK (overdraft_limit_minor {_NOT_NEGATIVE}),
        status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
        version INTEGER NOT NULL CHECK (version >= 1),
        last_booked_at INTEGER NOT NULL,
        restriction TEXT NOT NULL DEFAULT 'none'
            CHECK (restriction IN ('none', 'debits', 'credits', 'all')),
        restriction_reason TEXT,
        restriction_ends_at INTEGER,
        holders TEXT,
        chain_hash BLOB NOT NULL CHECK (length(chain_hash) = 32),
        CHECK (status = 'open' OR (balance_minor = 0 AND held_minor = 0))
    ) STRICT
    """,
    # Transactions and refusals in one table: one id, one outcome, for ever.
    """
    CREATE TABLE bankcore_journal (
        place INTEGER PRIMARY KEY CHECK (place >= 1),
        transaction_id TEXT NOT NULL UNIQUE,
        command_kind TEXT NOT NULL,
        command TEXT NOT NULL,
        principal TEXT,
        recorded_at INTEGER NOT NULL,
        refusal_code TEXT,
        refusal_facts TEXT,
        refusal_batch TEXT,
        reverses TEXT,
        CHECK ((refusal_code IS NULL) = (refusal_facts IS NULL))
    ) STRICT
    """,
    """
    CREATE UNIQUE INDEX bankcore_reversal ON bankcore_journal (reverses)
        WHERE reverses IS NOT NULL
    """,
    f"""
    CREATE TABLE bankcore_posting (
        place INTEGER NOT NULL REFERENCES bankcore_journal,
        line INTEGER NOT NULL CHECK (line >= 0),
        account_key INTEGER NOT NULL REFERENCES bankcore_account,
        version INTEGER NOT NULL CHECK (version >= 1),
        amount_minor INTEGER NOT NULL CHECK (amount_minor {_AMOUNT}),
        balance_minor INTEGER NOT NULL CHECK (balance_minor {_AMOUNT}),
        held_minor INTEGER NOT NULL CHECK (held_minor {_NOT_NEGATIVE}),
        overdraft_limit_minor INTEGER NOT NULL CHECK (overdraft_limit_minor {_NOT_NEGATIVE}),
        chain_hash BLOB NOT NULL CHECK (length(chain_hash) = 32),
        PRIMARY KEY (place, line),
        UNIQUE (account_key, version)
    ) STRICT, WITHOUT ROWID
    """,
    f"""
    CREATE TABLE bankcore_hold (
        key INTEGER PRIMARY KEY,
        account_key INTEGER NOT NULL REFERENCES bankcore_account,
        id TEXT NOT NULL,
        amount_minor INTEGER NOT NULL CHECK (amount_minor {_POSITIVE}),
        captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor - 1),
        expires_at INTEGER,
        description TEXT,
        UNIQUE (account_key, id)
    ) STRICT
    """,
    """
    CREATE INDEX bankcore_hold_due ON bankcore_hold (expires_at)
        WHERE expires_at IS NOT NULL
    """,
    # What the column ``holders`` says, to find a principal's accounts.
    """
    CREATE TABLE bankcore_holder (
        principal TEXT NOT NULL,
        account_key INTEGER NOT NULL REFERENCES bankcore_account,
        PRIMARY KEY (principal, account_key)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE bankcore_denial (
        key INTEGER PRIMARY KEY,
        principal TEXT NOT NULL,
        action TEXT NOT NULL,
        account_ids TEXT NOT NULL,
        code TEXT NOT NULL,
        denied_at INTEGER NOT NULL,
        request_id TEXT,
        unwritten_before INTEGER NOT NULL CHECK (unwritten_before >= 0)
    ) STRICT
    """,
    """
    CREATE TABLE bankcore_token (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        principal TEXT NOT NULL,
        roles TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        description TEXT
    ) STRICT, WITHOUT ROWID
    """,
    *(
        f"""
        CREATE TRIGGER bankcore_{table}_no_{action.lower()}
            BEFORE {action} ON bankcore_{table}
            BEGIN SELECT RAISE(ABORT, 'bankcore_{table} is append-only'); END
        """
        for table in ("journal", "posting")
        for action in ("UPDATE", "DELETE")
    ),
)

#: The statements from version 1 to version 2.
SECOND: Final = (
    "ALTER TABLE bankcore_account ADD COLUMN metadata TEXT",
    # What the commands of transactions say, to find them by it.
    """
    CREATE TABLE bankcore_metadata (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        recorded_at INTEGER NOT NULL,
        place INTEGER NOT NULL REFERENCES bankcore_journal,
        PRIMARY KEY (name, value, recorded_at, place)
    ) STRICT, WITHOUT ROWID
    """,
    # To find transactions by time, those of one time in the order of the journal.
    """
    CREATE INDEX bankcore_journal_time ON bankcore_journal (recorded_at)
        WHERE refusal_code IS NULL
    """,
    # What the column ``metadata`` of accounts says. With the id, a page of them is read in order.
    """
    CREATE TABLE bankcore_account_metadata (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        account_id TEXT NOT NULL REFERENCES bankcore_account (id),
        PRIMARY KEY (name, value, account_id)
    ) STRICT, WITHOUT ROWID
    """,
    # A transaction may be reversed in several parts: the index was unique.
    "DROP INDEX bankcore_reversal",
    """
    CREATE INDEX bankcore_reversal ON bankcore_journal (reverses)
        WHERE reverses IS NOT NULL
    """,
)
