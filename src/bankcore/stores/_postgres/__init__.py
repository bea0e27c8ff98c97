"""The store on PostgreSQL: what differs from SQLite. It needs psycopg."""

try:
    import psycopg  # noqa: F401  # asked for here, so that one sentence says what is missing
except ImportError:
    raise ImportError("PostgresStore needs psycopg: pip install 'bankcore[postgres]'") from None
