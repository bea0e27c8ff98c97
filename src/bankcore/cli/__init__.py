"""The command line: ``bankcore``, a bank in one SQLite file or on PostgreSQL."""

from bankcore.cli._main import main

__all__ = ["main"]
