"""
The tables of PostgreSQL: the journal in an order that holds while others write.

Decided here: what a cursor stands for. Records get their places before they are committed, and may
be committed in another order. So a cursor is not one place: it says that of the transactions that
were visible at a moment, the records up to a place have been given. The next ones are all that are
visible now but for these, in the order of their places. As each record was decided when what it
follows from was visible, this order extends every account's order of versions, and no record is
skipped, however late it is committed.

After a failover the numbers of transactions that were not kept are given again, but never a place
that a synchronous standby has seen: and beyond the place of a cursor every record is new.
"""

import re
from collections.abc import Sequence
from typing import Final

import attrs

from bankcore.ledger import Cursor, StoreDescription, require_limit
from bankcore.ledger._errors import InvalidCursorError
from bankcore.stores import _rows
from bankcore.stores import _statements as sql
from bankcore.stores._postgres._connections import SETTINGS, Seen
from bankcore.stores._postgres._integrity import table_errors
from bankcore.stores._postgres._statements import texts
from bankcore.stores._tables import Tables
from bankcore.values._errors import shown

# As PostgreSQL writes a snapshot, and a place.
_TOKEN: Final = re.compile(r"(\d{1,20}:\d{1,20}:[\d,]*);(\d{1,19})")

# What has not been given; parameters are the moments and the places of a cursor.
_NEW: Final = """
    NOT EXISTS (
        SELECT 1 FROM unnest(?::text[], ?::bigint[]) AS given (moment, place)
        WHERE journal.place <= given.place
            AND pg_visible_in_snapshot(journal.written_by, given.moment::pg_snapshot)
    )
"""
# From a place on, and of the moment of the reading.
_OF_PAGE: Final = (
    f"journal.place >= ?::bigint AND {_NEW}"
    " AND pg_visible_in_snapshot(journal.written_by, ?::pg_snapshot)"
)
_LAST_PLACE: Final = sql.last_of(
    "journal.place", sql.RECORD_SIZE, "bankcore_journal AS journal", _OF_PAGE
)
# The moment, its highest place, and the lowest places that are new: of those up to the highest
# that was given, which were committed late, and of those beyond it. Without OFFSET the planner may
# look for the lowest from the beginning of the journal.
_MOMENT: Final = f"""
    SELECT pg_current_snapshot()::text, pg_current_xact_id_if_assigned()::text,
        (SELECT max(place) FROM bankcore_journal),
        (SELECT min(place) FROM (
            SELECT place FROM bankcore_journal AS journal
            WHERE written_by >= ?::xid8 AND {_NEW} OFFSET 0
        ) AS late),
        (SELECT min(place) FROM bankcore_journal WHERE place > ?::bigint)
"""


@attrs.frozen
class _Given:
    """The records that were visible at a *moment* and have a place up to *place*."""

    moment: str
    place: int

    @property
    def oldest(self) -> int:
        """The number of the oldest transaction that had not ended at that moment."""
        return int(self.moment.partition(":")[0])


def _given_of(cursor: object) -> list[_Given]:
    """Return what has been given to whoever has *cursor*, or raise `InvalidCursorError`."""
    token = cursor.token if type(cursor) is Cursor else None
    parts = token.split("+") if type(token) is str else [""]
    found = [_TOKEN.fullmatch(part) for part in parts]
    given = [_Given(match[1], int(match[2])) for match in found if match]
    if len(given) < len(parts):
        raise InvalidCursorError(shown(cursor if token is None else token)).about("after")
    return given


def _cursor_of(given: Sequence[_Given]) -> Cursor:
    return Cursor("+".join(f"{each.moment};{each.place}" for each in given))


def _with_own(moment: str, own: str | None) -> str:
    """
    Return *moment* with the transaction *own* among those that were visible: a snapshot does not
    say so of the transaction that takes it.
    """
    lowest, end, running = moment.split(":")
    if own is None or int(own) < int(end):
        return moment
    # None of those that began before it had ended.
    others = [*filter(None, [running]), *map(str, range(int(end), int(own)))]
    return f"{lowest}:{int(own) + 1}:{','.join(others)}"


class PostgresTables(Tables):
    """The contract on the tables, but for `transact`, in PostgreSQL."""

    _schema: str

    _has_text = (
        '(strpos(lower(journal.command COLLATE "C"), ?) > 0'
        " OR length(journal.command) < octet_length(journal.command))"
    )

    def _seen(self) -> Seen:
        """Return what was found out about the connection that is used."""
        raise NotImplementedError

    def _journal(
        self, after: Cursor | None, limit: int
    ) -> tuple[list[_rows.JournalRow], _rows.Lines, Cursor | None]:
        if not self._seen().engine.has_snapshots:
            return super()._journal(after, limit)
        require_limit(limit)
        given = [] if after is None else _given_of(after)
        before = (
            texts(each.moment for each in given),
            f"{{{','.join(str(each.place) for each in given)}}}",
        )
        oldest = min((each.oldest for each in given), default=2**63)
        highest = max((each.place for each in given), default=0)
        what = (str(oldest), *before, highest)
        ((moment, own, top, *lowest),) = self._read(_MOMENT, what)
        new = [place for place in lowest if place is not None]
        if not new:
            return [], {}, after
        moment = _with_own(moment, own)
        page = (min(new), *before, moment)
        ((last,),) = self._read(_LAST_PLACE, (*page, limit, sql.size_of(limit)))
        _rows.require_order("the places of the journal", last, min(new) - 1)
        rows, lines = self._records(
            f"{_OF_PAGE} AND journal.place <= ?",
            f"posting.place IN (SELECT place FROM bankcore_journal AS journal WHERE {_OF_PAGE}"
            " AND journal.place <= ?)",
            *page,
            last,
        )
        # What was visible before is visible now, so that this says all that is said of less.
        rest = [each for each in given if each.place > last and last < top]
        return rows, lines, _cursor_of([*rest, _Given(moment, last)])

    def describe(self) -> StoreDescription:
        """Return the engine, its settings on a connection of the store, and what it survives."""
        ((version,),) = self._read("SELECT version FROM bankcore_schema", ())
        seen = self._seen()
        settings = {name: seen.settings[name] or "" for name in SETTINGS}
        return StoreDescription(
            engine=seen.engine.version,
            location=self._location(),
            schema_version=version,
            durability=_durability(settings),
            settings=settings,
            warnings=_warnings(seen),
        )

    def _location(self) -> str:
        raise NotImplementedError

    def integrity_errors(self) -> Sequence[str]:
        """Return what is wrong between the tables, in sentences."""
        has_triggers = self._seen().engine.has_snapshots
        return tuple(table_errors(self._read, self._schema, has_triggers=has_triggers))


def _durability(settings: dict[str, str]) -> str:
    survives = "the end of the process, and a power loss if the server's disk obeys a flush"
    if settings["synchronous_standby_names"]:
        survives += "; and the loss of the primary, if a synchronous standby takes its place"
    return f"what was acknowledged survives {survives}"


def _warnings(seen: Seen) -> tuple[str, ...]:
    warnings = []
    if seen.engine.has_snapshots and not seen.settings["synchronous_standby_names"]:
        warnings.append(
            "no synchronous standby: what was acknowledged lately is lost if the primary is lost"
            " and a standby takes its place"
        )
    if not seen.engine.has_snapshots:
        warnings.append(
            f"{seen.engine.version} does not tell which transactions were visible at a moment: the"
            " journal may skip a record that is committed late, so read it while nobody writes"
        )
    return tuple(warnings)
