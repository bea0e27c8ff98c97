"""Import of movements from CSV files; export and import of the whole journal."""

from bankcore.io._journal import FIRST_LINE, JournalReport, export_journal, import_journal
from bankcore.io._movements import (
    BATCH_LENGTH,
    PROBLEMS_SHOWN,
    ImportReport,
    Problems,
    import_history,
    opened,
)

__all__ = [
    "BATCH_LENGTH",
    "FIRST_LINE",
    "PROBLEMS_SHOWN",
    "ImportReport",
    "JournalReport",
    "Problems",
    "export_journal",
    "import_history",
    "import_journal",
    "opened",
]
