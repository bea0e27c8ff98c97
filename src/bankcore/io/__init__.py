"""Import of movements from CSV files; export and import of the whole journal."""

from bankcore.io._journal import FIRST_LINE, JournalReport, export_journal, import_journal
from bankcore.io._layout import FIELDS, MINUS_FORMS
from bankcore.io._lines import LINE_LENGTH_MAX, opened
from bankcore.io._movements import (
    BATCH_LENGTH,
    PROBLEMS_SHOWN,
    ROWS_KEPT,
    ImportReport,
    Problems,
    import_history,
)

__all__ = [
    "BATCH_LENGTH",
    "FIELDS",
    "FIRST_LINE",
    "LINE_LENGTH_MAX",
    "MINUS_FORMS",
    "PROBLEMS_SHOWN",
    "ROWS_KEPT",
    "ImportReport",
    "JournalReport",
    "Problems",
    "export_journal",
    "import_history",
    "import_journal",
    "opened",
]
