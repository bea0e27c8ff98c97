"""
The checks between the tables that are the same in every engine, beyond their constraints.

Decided here: which columns repeat what others say, so that look-ups are quick, and that each
repeats it rightly. The rest is the audit's, which knows the journal and not the tables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from bankcore.commands import Reverse
from bankcore.ledger import _codec as codec
from bankcore.ledger._errors import StoreCorruptedError
from bankcore.stores._rows import require_order
from bankcore.values import TransactionId

Read = Callable[[str, Sequence[object]], list[Any]]

# For each row that a statement finds, its sentence.
_WRONG_ROWS: Final = {
    "refusal {} has postings": (
        "SELECT transaction_id FROM bankcore_journal WHERE refusal_code IS NOT NULL AND place IN"
        " (SELECT place FROM bankcore_posting)"
    ),
    "transaction {} lacks a line": (
        "SELECT transaction_id FROM bankcore_journal WHERE place IN (SELECT place"
        " FROM bankcore_posting GROUP BY place HAVING count(*) <> max(line) + 1)"
    ),
    "account {} has a posting of version {}, but its own version is {}": (
        "SELECT a.id, p.version, a.version FROM bankcore_account a JOIN bankcore_posting p"
        " ON p.account_key = a.key AND p.version > a.version"
    ),
}


def row_errors(read: Read, more: Mapping[str, str]) -> Iterator[str]:
    """
    Yield a sentence for each thing wrong between the tables; *read* runs one statement.

    *more* is what the engine adds: for each sentence the statement that finds its rows.
    """
    yield from _reversal_errors(read)
    yield from _holder_errors(read)
    for sentence, statement in (_WRONG_ROWS | dict(more)).items():
        for row in read(statement, ()):
            yield sentence.format(*row)


def _reversal_errors(read: Read) -> Iterator[str]:
    """Yield where a record's column ``reverses`` is not what its command says."""
    after = 0
    while rows := read(
        "SELECT place, transaction_id, command_kind, command, refusal_code, reverses"
        " FROM bankcore_journal WHERE place > ? AND (reverses IS NOT NULL"
        " OR command_kind = 'reverse') ORDER BY place LIMIT 1000",
        (after,),
    ):
        for _, name, kind, command, code, reverses in rows:
            try:
                with codec.reading(f"transaction {name}"):
                    asked = codec.command_from_text(kind, command, TransactionId(name))
            except StoreCorruptedError as error:
                yield str(error)
                continue
            original = None
            if isinstance(asked, Reverse) and code is None:
                original = asked.original_id.value
            if reverses != original:
                yield f"transaction {name} is said to reverse {reverses}, and reverses {original}"
        require_order("the places of the journal", rows[-1][0], after)
        after = rows[-1][0]


def _holder_errors(read: Read) -> Iterator[str]:
    rows = read(
        "SELECT a.id, a.holders, w.principal FROM bankcore_account a"
        " LEFT JOIN bankcore_holder w ON w.account_key = a.key"
        " WHERE a.holders IS NOT NULL OR w.principal IS NOT NULL ORDER BY a.id, w.principal",
        (),
    )
    for (name, text), group in groupby(rows, key=itemgetter(0, 1)):
        indexed = [principal for _, _, principal in group if principal is not None]
        try:
            with codec.reading(f"account {name}"):
                holders = sorted(each.principal.value for each in codec.holders_from_text(text))
        except StoreCorruptedError as error:
            yield str(error)
            continue
        if indexed != holders:
            yield f"account {name} is listed under {indexed}, and its holders are {holders}"
