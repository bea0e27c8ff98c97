"""
The tables of the PostgreSQL store, as SQL text.

Decided here: what differs from the tables of SQLite, whose names, columns and checks these have.
They lie in a schema of their own, so that one database holds as many banks as it has schemas.

Postings and metadata have no foreign keys: one statement writes them with their records, over
accounts that the unit has locked, and to look each of them up again takes as long as to write
them. `verify` does. The numbers of units come from a sequence. It only orders the journal: no
balance depends on it.

What only PostgreSQL has comes last: triggers against changes of what is written, the transaction
that wrote a record, for `PostgresStore.journal`, and settings of the tables.
"""

from typing import Final

_AMOUNT = "BETWEEN -999999999999999999 AND 999999999999999999"
_NOT_NEGATIVE = "BETWEEN 0 AND 999999999999999999"
_POSITIVE = "BETWEEN 1 AND 999999999999999999"

# Compared byte by byte, so that every client, and SQLite, has the same order.
_ID = 'text COLLATE "C"'

#: The statements that make the tables, in order, in any engine that speaks PostgreSQL.
TABLES: Final = (
    """
    CREATE TABLE bankcore_schema (
        version bigint NOT NULL CHECK (version >= 1),
        touched bigint NOT NULL DEFAULT 0
    )
    """,
    "INSERT INTO bankcore_schema (version) VALUES (1)",
    # A unit has a number, and the places and keys that it gives begin with it: see `_statements`.
    "CREATE SEQUENCE bankcore_unit MAXVALUE 8796093022207",
    f"""
    CREATE TABLE bankcore_account (
        key bigint PRIMARY KEY,
        id {_ID} NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 64),
        currency text NOT NULL,
        exponent bigint NOT NULL CHECK (exponent BETWEEN 0 AND 18),
        balance_minor bigint NOT NULL CHECK (balance_minor {_AMOUNT}),
        held_minor bigint NOT NULL CHECK (held_minor {_NOT_NEGATIVE}),
        overdraft_limit_minor bigint NOT NULL CHECK (overdraft_limit_minor {_NOT_NEGATIVE}),
        status text NOT NULL CHECK (status IN ('open', 'closed')),
        version bigint NOT NULL CHECK (version >= 1),
        last_booked_at bigint NOT NULL,
        restriction text NOT NULL DEFAULT 'none'
            CHECK (restriction IN ('none', 'debits', 'credits', 'all')),
        restriction_reason text,
        restriction_ends_at bigint,
        holders text,
        metadata text,
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        CHECK (status = 'open' OR (balance_minor = 0 AND held_minor = 0))
    )
    """,
    # Transactions and refusals in one table: one id, one outcome, for ever.
    f"""
    CREATE TABLE bankcore_journal (
        place bigint PRIMARY KEY CHECK (place >= 1),
        transaction_id {_ID} NOT NULL UNIQUE,
        command_kind text NOT NULL,
        command text NOT NULL,
        principal text,
        recorded_at bigint NOT NULL,
        refusal_code text,
        refusal_facts text,
        refusal_batch text,
        reverses {_ID},
        CHECK ((refusal_code IS NULL) = (refusal_facts IS NULL))
    )
    """,
    """
    CREATE INDEX bankcore_reversal ON bankcore_journal (reverses)
        WHERE reverses IS NOT NULL
    """,
    f"""
    CREATE TABLE bankcore_posting (
        place bigint NOT NULL,
        line bigint NOT NULL CHECK (line >= 0),
        account_key bigint NOT NULL,
        version bigint NOT NULL CHECK (version >= 1),
        amount_minor bigint NOT NULL CHECK (amount_minor {_AMOUNT}),
        balance_minor bigint NOT NULL CHECK (balance_minor {_AMOUNT}),
        held_minor bigint NOT NULL CHECK (held_minor {_NOT_NEGATIVE}),
        overdraft_limit_minor bigint NOT NULL CHECK (overdraft_limit_minor {_NOT_NEGATIVE}),
        chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
        PRIMARY KEY (place, line),
        UNIQUE (account_key, version)
    )
    """,
    f"""
    CREATE TABLE bankcore_hold (
        key bigint PRIMARY KEY,
        account_key bigint NOT NULL REFERENCES bankcore_account,
        id {_ID} NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor {_POSITIVE}),
        captured_minor bigint NOT NULL CHECK (captured_minor BETWEEN 0 AND amount_minor - 1),
        expires_at bigint,
        description text,
        UNIQUE (account_key, id)
    )
    """,
    """
    CREATE INDEX bankcore_hold_due ON bankcore_hold (expires_at)
        WHERE expires_at IS NOT NULL
    """,
    # What the column ``holders`` says, to find a principal's accounts.
    f"""
    CREATE TABLE bankcore_holder (
        principal {_ID} NOT NULL,
        account_key bigint NOT NULL REFERENCES bankcore_account,
        PRIMARY KEY (principal, account_key)
    )
    """,
    # To find transactions by time, those of one time in the order of the journal.
    """
    CREATE INDEX bankcore_journal_time ON bankcore_journal (recorded_at, place)
        WHERE refusal_code IS NULL
    """,
    # What the commands of transactions say, and the column ``metadata`` of accounts, to find them.
    f"""
    CREATE TABLE bankcore_metadata (
        name {_ID} NOT NULL,
        value {_ID} NOT NULL,
        recorded_at bigint NOT NULL,
        place bigint NOT NULL,
        PRIMARY KEY (name, value, recorded_at, place)
    )
    """,
    f"""
    CREATE TABLE bankcore_account_metadata (
        name {_ID} NOT NULL,
        value {_ID} NOT NULL,
        account_id {_ID} NOT NULL,
        PRIMARY KEY (name, value, account_id)
    )
    """,
    """
    CREATE TABLE bankcore_denial (
        key bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
        principal text NOT NULL,
        action text NOT NULL,
        account_ids text NOT NULL,
        code text NOT NULL,
        denied_at bigint NOT NULL,
        request_id text,
        unwritten_before bigint NOT NULL CHECK (unwritten_before >= 0)
    )
    """,
    f"""
    CREATE TABLE bankcore_token (
        id {_ID} PRIMARY KEY,
        digest bytea NOT NULL CHECK (octet_length(digest) = 32),
        principal text NOT NULL,
        roles text NOT NULL,
        scopes text NOT NULL,
        created_at bigint NOT NULL,
        expires_at bigint,
        revoked_at bigint,
        description text
    )
    """,
)

#: What PostgreSQL alone is given, after the tables.
ONLY_POSTGRES: Final = (
    # The journal is read by what was visible at a moment: `_journal` says how.
    """
    ALTER TABLE bankcore_journal
        ADD COLUMN written_by xid8 NOT NULL DEFAULT pg_current_xact_id()
    """,
    "CREATE INDEX bankcore_journal_written_by ON bankcore_journal (written_by, place)",
    """
    CREATE FUNCTION bankcore_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
    """,
    *(
        f"""
        CREATE TRIGGER bankcore_{table}_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON bankcore_{table}
            FOR EACH STATEMENT EXECUTE FUNCTION bankcore_append_only()
        """
        for table in ("journal", "posting")
    ),
    # Room for new versions of a row on its own page, so that no index is touched; and what is
    # inserted for ever is frozen early, in small parts.
    "ALTER TABLE bankcore_account SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)",
    *(
        f"ALTER TABLE bankcore_{table} SET (autovacuum_vacuum_insert_scale_factor = 0.02)"
        for table in ("journal", "posting")
    ),
)
