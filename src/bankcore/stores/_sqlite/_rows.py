"""
Records, accounts, tokens and denials as rows of the SQLite tables, and back.

Decided here: the statements by which a unit reads what it names and writes what it comes to. They
run in a transaction that somebody else began, on the store's own connection or the application's.
How values are written is in `ledger._codec`, what the tables look like in `_sqlite_schema`.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, count, groupby
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from bankcore.access import Denial, Principal, Token
from bankcore.accounts import Account, AccountStatus, Hold, Holder, Restriction
from bankcore.commands import Reverse
from bankcore.ledger import (
    GENESIS,
    Cursor,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
    link,
    touched_accounts,
)
from bankcore.ledger import _codec as codec
from bankcore.ledger._chain import transaction_content
from bankcore.ledger._errors import InvalidCursorError, StoreCorruptedError
from bankcore.money import Currency, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import shown
from bankcore.values._instants import from_microseconds, to_microseconds

# How many ids one SELECT asks for; SQLite's oldest limit is 999 parameters.
_IDS_PER_SELECT: Final = 500

_RECORD_COLUMNS: Final = (
    "j.place, j.transaction_id, j.command_kind, j.command, j.principal, j.recorded_at,"
    " j.refusal_code, j.refusal_facts, a.id, a.currency, a.exponent, p.amount_minor,"
    " p.balance_minor, p.held_minor, p.overdraft_limit_minor, p.version, j.refusal_batch"
)
RECORDS: Final = (
    f"SELECT {_RECORD_COLUMNS} FROM bankcore_journal j"
    " LEFT JOIN bankcore_posting p ON p.place = j.place"
    " LEFT JOIN bankcore_account a ON a.key = p.account_key"
)
_ACCOUNT_COLUMNS: Final = (
    "a.key, a.id, a.currency, a.exponent, a.balance_minor, a.held_minor,"
    " a.overdraft_limit_minor, a.status, a.version, a.last_booked_at, a.restriction,"
    " a.restriction_reason, a.restriction_ends_at, a.holders, a.chain_hash"
)
HOLD_COLUMNS: Final = "h.id, h.amount_minor, h.captured_minor, h.expires_at, h.description"
# An account and its holds in one statement, so that both are of one moment.
ACCOUNTS: Final = (
    f"SELECT {_ACCOUNT_COLUMNS}, {HOLD_COLUMNS} FROM bankcore_account a"
    " LEFT JOIN bankcore_hold h ON h.account_key = a.key"
)


class Known(NamedTuple):
    """
    What the tables have of accounts besides their states, by the texts of the accounts' ids.
    """

    keys: dict[str, int]
    heads: dict[str, bytes]


def snapshot_of(connection: sqlite3.Connection, reads: ReadSet) -> tuple[Snapshot, Known]:
    """
    What *reads* names, and what else is known of its accounts.
    """
    transaction_ids, account_ids = reads.transaction_ids, reads.account_ids
    if reads.originals:
        transaction_ids = tuple(dict.fromkeys((*transaction_ids, *reads.originals)))
    rows = _rows_by_id(connection, RECORDS, "j.transaction_id", transaction_ids, "j.place, p.line")
    recorded = {record.id: record for record in records_in(rows)}
    reversals = {}
    if reads.originals:
        # What is not there has touched nothing, and nothing has reversed it.
        originals = tuple(each for each in reads.originals if each in recorded)
        touched = (touched_accounts(recorded[original]) for original in originals)
        account_ids = tuple(dict.fromkeys(chain(account_ids, *touched)))
        reversals = {
            TransactionId(original): TransactionId(name)
            for original, name in _rows_by_id(
                connection,
                "SELECT reverses, transaction_id FROM bankcore_journal",
                "reverses",
                originals,
                "place",
            )
        }
    accounts: dict[AccountId, Account] = {}
    known = Known({}, {})
    for key, head, account in accounts_in(
        _rows_by_id(connection, ACCOUNTS, "a.id", account_ids, "a.id, h.key")
    ):
        accounts[account.id] = account
        known.keys[account.id.value] = key
        known.heads[account.id.value] = head
    return Snapshot(recorded, accounts, reversals), known


def _rows_by_id(
    connection: sqlite3.Connection,
    select: str,
    column: str,
    ids: Sequence[AccountId] | Sequence[TransactionId],
    order: str,
) -> Iterator[Any]:
    for start in range(0, len(ids), _IDS_PER_SELECT):
        part = [each.value for each in ids[start : start + _IDS_PER_SELECT]]
        marks = ",".join("?" * len(part))
        yield from connection.execute(
            f"{select} WHERE {column} IN ({marks}) ORDER BY {order}", part
        )


def accounts_in(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, bytes, Account]]:
    """
    The accounts in *rows* of `ACCOUNTS`, which come account by account, after their keys and
    the heads of their chains.
    """
    for key, group in groupby(rows, key=itemgetter(0)):
        lines = tuple(group)
        holds = [line[15:] for line in lines if line[15] is not None]
        yield key, hash_of(lines[0][1], lines[0][14]), _account(lines[0], holds)


def hash_of(name: str, value: object) -> bytes:
    """
    A hash of the chain of the account of this name.
    """
    if type(value) is not bytes:
        raise StoreCorruptedError(f"account {name} has {shown(value)} for a hash")
    return value


def _account(row: Sequence[Any], holds: Sequence[Sequence[Any]]) -> Account:
    _, name, code, exponent, balance, held, limit, status, version, booked_at = row[:10]
    restriction, reason, ends_at, holders = row[10:14]
    with codec.reading(f"account {name}"):
        currency = codec.currency_of(code, exponent)
        account = Account(
            id=AccountId(name),
            balance=Money.from_minor(balance, currency),
            overdraft_limit=Money.from_minor(limit, currency),
            status=AccountStatus(status),
            version=version,
            last_booked_at=from_microseconds(booked_at),
            holds=[hold_from(each, currency) for each in holds],
            restriction=Restriction(restriction),
            restriction_reason=reason,
            restriction_ends_at=None if ends_at is None else from_microseconds(ends_at),
            holders=codec.holders_from_text(holders),
        )
    if account.held.amount_minor != held:
        raise StoreCorruptedError(
            f"account {name} has {account.held} held by its holds, and {held} minor units of it"
            " are said to be"
        )
    return account


def hold_from(row: Sequence[Any], currency: Currency) -> Hold:
    name, amount, captured, expires_at, description = row
    return Hold(
        id=TransactionId(name),
        amount=Money.from_minor(amount, currency),
        captured=Money.from_minor(captured, currency),
        expires_at=None if expires_at is None else from_microseconds(expires_at),
        description=description,
    )


def records_in(rows: Iterable[Sequence[Any]]) -> Iterator[Transaction | Refusal]:
    """
    The records in *rows* of `RECORDS`, which come in the order of places and lines.
    """
    for _, group in groupby(rows, key=itemgetter(0)):
        lines = tuple(group)
        _, name, kind, command, principal, recorded_at, code, facts = lines[0][:8]
        with codec.reading(f"the record of transaction {name}"):
            transaction_id = TransactionId(name)
            asked = codec.command_from_text(kind, command, transaction_id)
            at = from_microseconds(recorded_at)
            if principal is not None and type(principal) is not str:
                raise TypeError("its principal is no text")
            if code is None:
                postings = tuple(_posting(line[8:16]) for line in lines)
                yield Transaction(transaction_id, asked, at, postings, principal)
            else:
                said = codec.facts_from_text(code, facts)
                batch = codec.batch_from_text(lines[0][16])
                yield Refusal(transaction_id, asked, at, code, said, principal, batch)


def _posting(row: Sequence[Any]) -> Posting:
    name, code, exponent, amount, balance, held, limit, version = row
    currency = codec.currency_of(code, exponent)
    if type(version) is not int:
        raise TypeError("a version is a whole number")
    return Posting(
        AccountId(name),
        Money.from_minor(amount, currency),
        Money.from_minor(balance, currency),
        Money.from_minor(held, currency),
        Money.from_minor(limit, currency),
        version,
    )


INSERT_DENIAL: Final = (
    "INSERT INTO bankcore_denial (principal, action, account_ids, code, denied_at,"
    " request_id, unwritten_before) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
DELETE_OLD_DENIALS: Final = (
    "DELETE FROM bankcore_denial WHERE key <= (SELECT max(key) FROM bankcore_denial) - ?"
)


def denial_row(denial: Denial) -> tuple[Any, ...]:
    return (
        denial.principal.value,
        denial.action,
        codec.texts_to_text(each.value for each in denial.account_ids),
        denial.code,
        to_microseconds(denial.denied_at),
        denial.request_id,
        denial.unwritten_before,
    )


def denial_from(row: Sequence[Any]) -> Denial:
    principal, action, account_ids, code, denied_at, request_id, unwritten_before = row
    return Denial(
        PrincipalId(principal),
        action,
        tuple(map(AccountId, codec.texts_from_text(account_ids))),
        code,
        from_microseconds(denied_at),
        request_id,
        unwritten_before,
    )


TOKEN_COLUMNS: Final = (
    "id, digest, principal, roles, scopes, created_at, expires_at, revoked_at, description"  # noqa: S105  # names, no secret
)


def token_row(token: Token) -> tuple[Any, ...]:
    principal = token.principal
    return (
        token.id,
        token.digest,
        principal.id.value,
        codec.texts_to_text(sorted(role.value for role in principal.roles)),
        codec.texts_to_text(sorted(principal.scopes)),
        to_microseconds(token.created_at),
        _microseconds(token.expires_at),
        _microseconds(token.revoked_at),
        token.description,
    )


def token_from(row: Sequence[Any]) -> Token:
    name, digest, principal, roles, scopes, created_at, expires_at, revoked_at, description = row
    with codec.reading(f"token {name}"):
        return Token(
            name,
            digest,
            Principal(principal, codec.texts_from_text(roles), codec.texts_from_text(scopes)),
            from_microseconds(created_at),
            None if expires_at is None else from_microseconds(expires_at),
            None if revoked_at is None else from_microseconds(revoked_at),
            description,
        )


def require_ahead(what: str, found: int | str, before: int | str) -> None:
    """
    Passes where *found*, the last of a page, comes after *before*, where the page begins.

    A damaged file has its rows in any order, and who reads page after page would never end.
    """
    if not (type(found) is type(before) and found > before):  # type: ignore[operator]  # of one type
        raise StoreCorruptedError(f"{what} are out of order: {found!r} after {before!r}")


def place_of(cursor: Cursor) -> int:
    token = cursor.token
    # Any that SQLite may have: a place that nobody here wrote must not end a look at the rest.
    if not (token.isascii() and token.isdigit() and len(token) <= 19 and int(token) < 2**63):
        raise InvalidCursorError(shown(token))
    return int(token)


def write(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    known: Known,
    written: WriteSet,
) -> None:
    """
    Write all of *written* within the open transaction.
    """
    keys, heads = known
    # The writer is alone, so the next places are simply the next numbers.
    (last,) = connection.execute("SELECT coalesce(max(place), 0) FROM bankcore_journal").fetchone()
    plain, full = [], []
    hashes: list[tuple[bytes, ...]] = []
    for place, record in enumerate(written.records, start=last + 1):
        row = _plain_row(place, record)
        rest = _rest_of_row(record)
        if rest is None:
            plain.append(row)
        else:
            full.append((*row, *rest))
        if isinstance(record, Transaction):
            content = transaction_content(record, *row[2:])
            hashes.append(link(record, content, heads))
        else:
            hashes.append(())
    _write_accounts(connection, snapshot, known, written.accounts)
    # Two statements: for each None, Python's sqlite3 looks for an adapter in vain, and nearly
    # every record would bring five.
    connection.executemany(
        f"INSERT INTO bankcore_journal ({_PLAIN_COLUMNS}) VALUES (?, ?, ?, ?, ?)", plain
    )
    if full:
        connection.executemany(
            f"INSERT INTO bankcore_journal ({_PLAIN_COLUMNS}, principal, refusal_code,"
            " refusal_facts, refusal_batch, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            full,
        )
    connection.executemany(
        "INSERT INTO bankcore_posting (place, line, account_key, version, amount_minor,"
        " balance_minor, held_minor, overdraft_limit_minor, chain_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                place,
                line,
                keys[posting.account_id.value],
                posting.version,
                posting.amount.amount_minor,
                posting.balance.amount_minor,
                posting.held.amount_minor,
                posting.overdraft_limit.amount_minor,
                own[line],
            )
            for place, (record, own) in enumerate(
                zip(written.records, hashes, strict=True), start=last + 1
            )
            if isinstance(record, Transaction)
            for line, posting in enumerate(record.postings)
        ],
    )


_PLAIN_COLUMNS: Final = "place, transaction_id, command_kind, command, recorded_at"


def _plain_row(place: int, record: Transaction | Refusal) -> tuple[int, str, str, str, int]:
    kind, text = codec.command_to_text(record.command)
    at = record.booked_at if isinstance(record, Transaction) else record.refused_at
    return place, record.id.value, kind, text, to_microseconds(at)


def _rest_of_row(record: Transaction | Refusal) -> tuple[Any, ...] | None:
    """
    What a record has besides; None where it has nothing, as nearly all.
    """
    if isinstance(record, Refusal):
        facts = codec.facts_to_text(record.code, record.facts)
        batch = codec.batch_to_text(record.batch)
        return record.principal, record.code, facts, batch, None
    command = record.command
    if type(command) is Reverse:
        return record.principal, None, None, None, command.original_id.value
    if record.principal is not None:
        return record.principal, None, None, None, None
    return None


def _write_accounts(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    known: Known,
    accounts: Sequence[Account],
) -> None:
    """
    Write the new state of *accounts*, and give the new ones their keys.
    """
    keys, heads = known
    new = [account for account in accounts if account.id not in snapshot.accounts]
    changed = [account for account in accounts if account.id in snapshot.accounts]
    if new:
        (last,) = connection.execute(
            "SELECT coalesce(max(key), 0) FROM bankcore_account"
        ).fetchone()
        keys.update(zip((account.id.value for account in new), count(last + 1), strict=False))
        connection.executemany(
            "INSERT INTO bankcore_account (balance_minor, held_minor, overdraft_limit_minor,"
            " status, version, last_booked_at, chain_hash, key, id, currency, exponent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *_account_state(account, heads),
                    keys[account.id.value],
                    account.id.value,
                    account.balance.currency.code,
                    account.balance.currency.exponent,
                )
                for account in new
            ],
        )
    updated = connection.executemany(
        "UPDATE bankcore_account SET balance_minor = ?, held_minor = ?,"
        " overdraft_limit_minor = ?, status = ?, version = ?, last_booked_at = ?, chain_hash = ?"
        " WHERE key = ? AND version = ?",
        [
            (
                *_account_state(account, heads),
                keys[account.id.value],
                snapshot.accounts[account.id].version,
            )
            for account in changed
        ],
    ).rowcount
    if changed and updated != len(changed):
        raise StoreCorruptedError(
            f"{len(changed) - updated} of {len(changed)} accounts changed under the lock that"
            " guards them"
        )
    for account in accounts:
        _write_rarities(
            connection, keys[account.id.value], snapshot.accounts.get(account.id), account
        )


def _account_state(account: Account, heads: Mapping[str, bytes]) -> tuple[Any, ...]:
    return (
        account.balance.amount_minor,
        account.held.amount_minor,
        account.overdraft_limit.amount_minor,
        account.status.value,
        account.version,
        _microseconds(account.last_booked_at),
        heads.get(account.id.value, GENESIS),
    )


def _write_rarities(
    connection: sqlite3.Connection, key: int, before: Account | None, after: Account
) -> None:
    """
    Write what most operations leave as it is: holds, the restriction, holders.
    """
    old_holds = () if before is None else before.holds
    if after.holds is not old_holds and after.holds != old_holds:
        _write_holds(connection, key, old_holds, after.holds)
    old_holders = () if before is None else before.holders
    if after.holders is not old_holders and after.holders != old_holders:
        _write_holders(connection, key, old_holders, after.holders)
    if _settings(after) != (_NO_SETTINGS if before is None else _settings(before)):
        restriction, reason, ends_at, holders = _settings(after)
        connection.execute(
            "UPDATE bankcore_account SET restriction = ?, restriction_reason = ?,"
            " restriction_ends_at = ?, holders = ? WHERE key = ?",
            (
                restriction.value,
                reason,
                _microseconds(ends_at),
                codec.holders_to_text(holders),
                key,
            ),
        )


def _write_holders(
    connection: sqlite3.Connection, key: int, old: Sequence[Holder], new: Sequence[Holder]
) -> None:
    before, after = ({each.principal.value for each in holders} for holders in (old, new))
    connection.executemany(
        "DELETE FROM bankcore_holder WHERE principal = ? AND account_key = ?",
        [(name, key) for name in before - after],
    )
    connection.executemany(
        "INSERT INTO bankcore_holder (principal, account_key) VALUES (?, ?)",
        [(name, key) for name in after - before],
    )


def _write_holds(
    connection: sqlite3.Connection, key: int, old: Sequence[Hold], new: Sequence[Hold]
) -> None:
    before = {hold.id: hold for hold in old}
    after = {hold.id: hold for hold in new}
    connection.executemany(
        "DELETE FROM bankcore_hold WHERE account_key = ? AND id = ?",
        [(key, hold_id.value) for hold_id in before if hold_id not in after],
    )
    connection.executemany(
        "UPDATE bankcore_hold SET captured_minor = ?, expires_at = ?"
        " WHERE account_key = ? AND id = ?",
        [
            (hold.captured.amount_minor, _microseconds(hold.expires_at), key, hold.id.value)
            for hold in new
            if hold.id in before and hold != before[hold.id]
        ],
    )
    # In their order, so that their keys keep it.
    connection.executemany(
        "INSERT INTO bankcore_hold (account_key, id, amount_minor, captured_minor, expires_at,"
        " description) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                key,
                hold.id.value,
                hold.amount.amount_minor,
                hold.captured.amount_minor,
                _microseconds(hold.expires_at),
                hold.description,
            )
            for hold in new
            if hold.id not in before
        ],
    )


_settings = attrgetter("restriction", "restriction_reason", "restriction_ends_at", "holders")
_NO_SETTINGS: Final = (Restriction.NONE, None, None, ())


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)
