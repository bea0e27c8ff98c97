"""The store on PostgreSQL: what differs from SQLite. It needs psycopg."""

try:
    import psycopg  # noqa: F401  # asked for here, so that one sentence says what is missing
except ModuleNotFoundError:
    raise ImportError("PostgresStore needs psycopg: pip install 'bankcore[postgres]'") from None
except ImportError:  # it is there, and finds no libpq
    raise ImportError(
        "PostgresStore needs libpq, PostgreSQL's client library: pip install 'psycopg[binary]'"
    ) from None
