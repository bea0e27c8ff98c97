"""
The checks between the tables that are the same in every engine, beyond their constraints.

Decided here: which columns repeat what others say, so that look-ups are quick, and that each
repeats it rightly. The rest is the audit's, which knows the journal and not the tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

from bankcore.commands import Command, Reverse
from bankcore.ledger import _codec as codec
from bankcore.ledger._errors import StoreCorruptedError
from bankcore.stores._rows import require_order
from bankcore.values import TransactionId

Read = Callable[[str, Sequence[object]], list[Any]]
_T = TypeVar("_T")

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
    # In one statement, as others may write. What they write from now on is not compared.
    ((last, pairs),) = read(
        "SELECT coalesce(max(place), 0), (SELECT count(*) FROM bankcore_metadata)"
        " FROM bankcore_journal",
        (),
    )
    yield from _reversal_errors(read, last)
    yield from _metadata_errors(read, last, pairs)
    yield from _holder_errors(read)
    yield from _account_metadata_errors(read)
    for sentence, statement in (_WRONG_ROWS | dict(more)).items():
        for row in read(statement, ()):
            yield sentence.format(*row)


def _commands(
    read: Read, last: int, where: str
) -> Iterator[list[tuple[Any, Command | StoreCorruptedError]]]:
    """
    Yield page by page the records up to the place *last* that fulfil a condition, each with the
    command it says.
    """
    after = 0
    while rows := read(
        "SELECT place, transaction_id, command_kind, command, refusal_code, reverses, recorded_at"
        " FROM bankcore_journal WHERE place > ? AND place <= ?"
        f" AND ({where}) ORDER BY place LIMIT 1000",
        (after, last),
    ):
        yield [(row, _command_of(row)) for row in rows]
        require_order("the places of the journal", rows[-1][0], after)
        after = rows[-1][0]


def _command_of(row: Sequence[Any]) -> Command | StoreCorruptedError:
    _, name, kind, text, *_ = row
    try:
        with codec.reading(f"transaction {name}"):
            return codec.command_from_text(kind, text, TransactionId(name))
    except StoreCorruptedError as error:
        return error


def _reversal_errors(read: Read, last: int) -> Iterator[str]:
    """Yield where a record's column ``reverses`` is not what its command says."""
    for page in _commands(read, last, "reverses IS NOT NULL OR command_kind = 'reverse'"):
        for (_, name, _, _, code, reverses, _), asked in page:
            if isinstance(asked, StoreCorruptedError):
                yield str(asked)
                continue
            original = None
            if isinstance(asked, Reverse) and code is None:
                original = asked.original_id.value
            if reverses != original:
                yield f"transaction {name} is said to reverse {reverses}, and reverses {original}"


# How many rows of metadata are looked up at once.
_PAIRS_PER_SELECT: Final = 200
_PAIR: Final = "(name = ? AND value = ? AND recorded_at = ? AND place = ?)"


def _metadata_errors(read: Read, last: int, pairs: int) -> Iterator[str]:
    """Yield where the table of metadata, of so many *pairs*, is not what transactions say."""
    said = 0

    def listed(rows: Sequence[tuple[object, ...]]) -> int:
        where = " OR ".join([_PAIR] * len(rows))
        select = f"SELECT count(*) FROM bankcore_metadata WHERE {where}"
        ((count,),) = read(select, tuple(chain.from_iterable(rows)))
        return int(count)

    # No text has this in it, as its quotes are escaped.
    has_some = """refusal_code IS NULL AND command LIKE '%"metadata":{%'"""
    for page in _commands(read, last, has_some):
        rows: list[tuple[object, ...]] = []
        for (place, *_, recorded_at), asked in page:
            if isinstance(asked, StoreCorruptedError):
                yield str(asked)
            else:
                rows += ((*pair, recorded_at, place) for pair in asked.metadata.items())
        said += len(rows)
        for start in range(0, len(rows), _PAIRS_PER_SELECT):
            part = rows[start : start + _PAIRS_PER_SELECT]
            if listed(part) < len(part):
                for key, value, _, place in (row for row in part if not listed([row])):
                    yield f"the record of place {place} is not listed under {key}={value}"
    if pairs > said:
        yield f"{pairs} pairs of metadata are listed, and the transactions have {said}"


def _holder_errors(read: Read) -> Iterator[str]:
    rows = read(
        "SELECT a.id, a.holders, w.principal FROM bankcore_account a"
        " LEFT JOIN bankcore_holder w ON w.account_key = a.key"
        " WHERE a.holders IS NOT NULL OR w.principal IS NOT NULL ORDER BY a.id, w.principal",
        (),
    )
    for name, said, cells in _by_account(rows, codec.holders_from_text):
        indexed = [principal for (principal,) in cells]
        if isinstance(said, StoreCorruptedError):
            yield str(said)
        elif indexed != (holders := sorted(each.principal.value for each in said)):
            yield f"account {name} is listed under {indexed}, and its holders are {holders}"


def _account_metadata_errors(read: Read) -> Iterator[str]:
    rows = read(
        "SELECT a.id, a.metadata, m.name, m.value FROM bankcore_account a"
        " LEFT JOIN bankcore_account_metadata m ON m.account_id = a.id"
        " WHERE a.metadata IS NOT NULL OR m.name IS NOT NULL ORDER BY a.id",
        (),
    )
    for name, said, cells in _by_account(rows, codec.metadata_from_text):
        indexed = sorted(cells)
        if isinstance(said, StoreCorruptedError):
            yield str(said)
        elif indexed != list(map(list, said.items())):
            yield f"account {name} is listed under {dict(indexed)}, and has {dict(said)}"


def _by_account(
    rows: Iterable[Sequence[Any]], parse: Callable[[str | None], _T]
) -> Iterator[tuple[str, _T | StoreCorruptedError, list[list[Any]]]]:
    """Yield the id of each account, what its text says or the error, and what is listed of it."""
    for (name, text), group in groupby(rows, key=itemgetter(0, 1)):
        said: _T | StoreCorruptedError
        try:
            with codec.reading(f"account {name}"):
                said = parse(text)
        except StoreCorruptedError as error:
            said = error
        yield name, said, [cells for _, _, *cells in group if cells[0] is not None]
