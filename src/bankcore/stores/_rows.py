"""
Values as rows of a database's tables, and back.

Decided here: which columns are read and written, and which rows a unit reads and writes. There is
no statement and no driver here: each SQL store brings its own.

A row that is read is a named tuple of columns in the order in which they are selected; the prefix
``account_``, ``posting_`` or ``hold_`` marks a column of a joined table.
"""

from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar, cast

from bankcore.access import Denial, Principal, Token
from bankcore.accounts import Account, AccountStatus, Hold, Restriction
from bankcore.accounts._errors import InvalidVersionError
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
    next_head,
    touched_accounts,
)
from bankcore.ledger import _codec as codec
from bankcore.ledger._chain import transaction_content
from bankcore.ledger._errors import InvalidCursorError, StoreCorruptedError
from bankcore.money import Currency, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import shown
from bankcore.values._ids import to_account_id
from bankcore.values._instants import from_microseconds, to_microseconds
from bankcore.values._metadata import NO_METADATA

_value_of = attrgetter("value")

# -- Rows that are read ------------------------------------------------------


# A damaged file may have a value of any type in any column, so the fields have none.
AccountRow = namedtuple(  # noqa: PYI024  # cells of any type
    "AccountRow",
    "key id currency exponent balance_minor held_minor overdraft_limit_minor status version"
    " last_booked_at restriction restriction_reason restriction_ends_at holders metadata"
    " chain_hash"
    # Of one of its holds; without any, all five are None.
    " hold_id hold_amount_minor hold_captured_minor hold_expires_at hold_description",
)
HoldRow = namedtuple(  # noqa: PYI024  # cells of any type
    "HoldRow",
    "account_id account_currency account_exponent"
    " hold_id hold_amount_minor hold_captured_minor hold_expires_at hold_description",
)
JournalRow = namedtuple(  # noqa: PYI024  # cells of any type
    "JournalRow",
    "place transaction_id command_kind command principal recorded_at refusal_code refusal_facts"
    " refusal_batch",
)
PostingRow = namedtuple(  # noqa: PYI024  # cells of any type
    "PostingRow",
    "place account_id account_currency account_exponent amount_minor balance_minor held_minor"
    " overdraft_limit_minor version chain_hash",
)
ReversalRow = namedtuple("ReversalRow", "reverses transaction_id command")  # noqa: PYI024  # cells of any type
DenialRow = namedtuple(  # noqa: PYI024  # cells of any type
    "DenialRow", "principal action account_ids code denied_at request_id unwritten_before"
)
TokenRow = namedtuple(  # noqa: PYI024  # cells of any type
    "TokenRow", "id digest principal roles scopes created_at expires_at revoked_at description"
)


def accounts_from(
    rows: Iterable[AccountRow], ids: Mapping[str, AccountId] | None = None
) -> list[tuple[AccountRow, Account]]:
    """Return the accounts in *rows*, each with its first row; *ids* are not checked again."""
    found = []
    for _, group in groupby(rows, key=attrgetter("key")):
        lines = tuple(group)
        found.append((lines[0], _account(lines, ids or {})))
    return found


def _account(lines: Sequence[AccountRow], ids: Mapping[str, AccountId]) -> Account:
    row = lines[0]
    try:
        currency, ends_at = codec.currency_of(row.currency, row.exponent), row.restriction_ends_at
        account = Account(
            id=ids.get(row.id) or AccountId(row.id),
            balance=Money.from_minor(row.balance_minor, currency),
            overdraft_limit=Money.from_minor(row.overdraft_limit_minor, currency),
            status=AccountStatus(row.status),
            version=row.version,
            last_booked_at=from_microseconds(row.last_booked_at),
            holds=() if row.hold_id is None else [hold_from(line, currency) for line in lines],
            restriction=Restriction(row.restriction),
            restriction_reason=row.restriction_reason,
            restriction_ends_at=None if ends_at is None else from_microseconds(ends_at),
            holders=codec.holders_from_text(row.holders),
            metadata=codec.metadata_from_text(row.metadata),
        )
    except codec.MISREAD as error:
        raise codec.unreadable(f"account {row.id}", error) from error
    if account.held.amount_minor != row.held_minor:
        raise StoreCorruptedError(
            f"the holds of account {row.id} add up to {account.held}, but held_minor is"
            f" {row.held_minor}"
        )
    require_hash(row.id, row.chain_hash)
    return account


def hold_from(row: AccountRow | HoldRow, currency: Currency) -> Hold:
    return Hold(
        id=TransactionId(row.hold_id),
        amount=Money.from_minor(row.hold_amount_minor, currency),
        captured=Money.from_minor(row.hold_captured_minor, currency),
        expires_at=_instant(row.hold_expires_at),
        description=row.hold_description,
    )


def holds_from(rows: Iterable[HoldRow]) -> list[tuple[AccountId, Hold]]:
    with codec.reading("a hold"):
        found = []
        for row in rows:
            currency = codec.currency_of(row.account_currency, row.account_exponent)
            found.append((AccountId(row.account_id), hold_from(row, currency)))
        return found


def require_hash(name: str, value: object) -> bytes:
    """Return *value*, a hash of the chain of the account of this *name*, or raise."""
    if type(value) is not bytes:
        raise StoreCorruptedError(f"a hash of account {name} is {shown(value)}, not 32 bytes")
    return value


Lines = Mapping[int, Sequence[PostingRow]]


def by_place(postings: Iterable[PostingRow]) -> Lines:
    """Return *postings* by the places of their records, in the order in which they come."""
    lines: defaultdict[int, list[PostingRow]] = defaultdict(list)
    for posting in postings:
        lines[posting[0]].append(posting)
    return lines


def records_from(rows: Iterable[JournalRow], lines: Lines) -> list[Transaction | Refusal]:
    """Return the records in *rows*, with their postings in *lines*."""
    return [_record(row, lines.get(row[0], ())) for row in rows]


def _record(row: JournalRow, lines: Sequence[PostingRow]) -> Transaction | Refusal:
    _, name, kind, text, principal, recorded_at, code, facts, batch = row
    try:
        transaction_id = TransactionId(name)
        command = codec.command_from_text(kind, text, transaction_id)
        at = from_microseconds(recorded_at)
        if principal is not None and type(principal) is not str:
            raise TypeError("its principal is not text")
        if code is None:
            if not lines:
                raise ValueError("it has no postings")
            return Transaction(
                transaction_id, command, at, tuple(map(posting_from, lines)), principal
            )
        parsed, undone = codec.facts_from_text(code, facts), codec.batch_from_text(batch)
        return Refusal(transaction_id, command, at, code, parsed, principal, undone)
    except codec.MISREAD as error:
        raise codec.unreadable(f"the record of transaction {name}", error) from error


def posting_from(row: PostingRow) -> Posting:
    _, name, code, exponent, amount, balance, held, limit, version, _ = row
    if type(version) is not int:
        raise TypeError("a version is not an int")
    zero, money = _zero_of(code, exponent), Money.from_minor
    currency = zero.currency
    return Posting(
        codec.account_id_of(name),
        money(amount, currency),
        money(balance, currency),
        # Most are zero, and one object will do for them.
        zero if held == 0 and type(held) is int else money(held, currency),
        zero if limit == 0 and type(limit) is int else money(limit, currency),
        version,
    )


@lru_cache(maxsize=1024)
def _zero_of(code: str, exponent: int) -> Money:
    return Money.zero(codec.currency_of(code, exponent))


def hashes_from(rows: Iterable[JournalRow], lines: Lines) -> tuple[tuple[bytes, ...], ...]:
    """Return the hashes in *lines*, for each of *rows*."""
    return tuple(
        tuple(require_hash(line[1], line[-1]) for line in lines.get(row[0], ())) for row in rows
    )


def require_own_texts(
    rows: Iterable[JournalRow], records: Iterable[Transaction | Refusal]
) -> None:
    """Raise unless texts are as bankcore writes them: of those, and no others, hashes are made."""
    for row, record in zip(rows, records, strict=True):
        facts = batch = None
        if isinstance(record, Refusal):
            facts = codec.facts_to_text(record.code, record.facts)
            batch = codec.batch_to_text(record.batch)
        _, text = codec.command_to_text(record.command)
        if (row[3], row[7], row[8]) != (text, facts, batch):
            raise StoreCorruptedError(
                f"the text of transaction {record.id} is not written as bankcore writes it"
            )


# -- Pages -------------------------------------------------------------------


def position_of(cursor: object) -> int:
    """Return the place in the journal for which *cursor* stands."""
    token = cursor.token if type(cursor) is Cursor else None
    # Any position that a database can hold: one that nobody here wrote must not end a reading.
    if type(token) is str and token.isascii() and token.isdigit() and len(token) <= 19:
        position = int(token)
        if position < 2**63:
            return position
    raise InvalidCursorError(shown(cursor if token is None else token)).about("after")


def name_of(after: AccountId | str) -> str:
    """Return the text of *after*, the id of the account after which a page begins."""
    return to_account_id(after, "after").value


def version_of(after: object) -> int:
    """Return *after*, the version of an account after which a page begins, at least 0."""
    if type(after) is not int:
        raise InvalidVersionError(shown(after)).about("after")
    return max(after, 0)


def require_order(what: str, last: int | str, before: int | str) -> None:
    """Raise unless *last*, the end of a page, comes after *before*, its start."""
    # A damaged file may give rows in any order, and reading page after page would never end.
    if not (type(last) is type(before) and last > before):  # type: ignore[operator]  # of one type
        raise StoreCorruptedError(f"{what} are out of order: {last!r} after {before!r}")


# -- What a unit reads -------------------------------------------------------


class Known(NamedTuple):
    """
    The values that are known of accounts, by the text of their ids, and the last numbers given.

    A store may keep them from unit to unit, as long as it knows that nobody else has written.
    """

    accounts: dict[str, Account]
    keys: dict[str, int]
    heads: dict[str, bytes]
    #: The last place in the journal and the last key of an account; empty while not known.
    last: list[int]

    @classmethod
    def nothing(cls) -> "Known":
        return cls({}, {}, {}, [])

    def committed(self, accounts: Iterable[Account]) -> None:
        """Take over the new state of *accounts*, whose rows `unit_rows` has made."""
        for account in accounts:
            self.accounts[account.id.value] = account


_Connection = TypeVar("_Connection")
Fetch = Callable[[_Connection, type[Any], Sequence[str]], list[Any]]


def read_unit(
    connection: _Connection, fetch: Fetch[_Connection], reads: ReadSet, known: Known
) -> Snapshot:
    """Return what *reads* names; accounts that are not *known* yet are so after it."""
    account_ids = reads.account_ids
    # Each id once, as lines that were read twice would be those of one record.
    ids = [*dict.fromkeys(map(_value_of, (*reads.transaction_ids, *reads.originals)))]
    recorded: dict[TransactionId, Transaction | Refusal] = {}
    reversals: dict[TransactionId, tuple[Reverse, ...]] = {}
    if rows := fetch(connection, JournalRow, ids):
        lines = by_place(fetch(connection, PostingRow, ids))
        recorded = {record.id: record for record in records_from(rows, lines)}
    if recorded and reads.originals:
        # What is not recorded has touched no account, and nothing has reversed it.
        originals = [each for each in reads.originals if each in recorded]
        for original in originals:
            account_ids += touched_accounts(recorded[original])
        account_ids = tuple(dict.fromkeys(account_ids))
        with codec.reading("a reversal"):
            for row in fetch(connection, ReversalRow, [*map(_value_of, originals)]):
                original = TransactionId(row.reverses)
                reversals[original] = (*reversals.get(original, ()), _reversal(row))
    unknown = {each.value: each for each in account_ids if each.value not in known.accounts}
    if unknown:
        for row, account in accounts_from(fetch(connection, AccountRow, [*unknown]), unknown):
            known.accounts[row.id] = account
            known.keys[row.id] = row.key
            known.heads[row.id] = row.chain_hash
    accounts = {
        each: known.accounts[each.value] for each in account_ids if each.value in known.accounts
    }
    return Snapshot(recorded, accounts, reversals)


def _reversal(row: ReversalRow) -> Reverse:
    own_id = TransactionId(row.transaction_id)
    return cast("Reverse", codec.command_from_text(Reverse.kind, row.command, own_id))


# -- What a unit writes ------------------------------------------------------


class Change(NamedTuple):
    """A table, the columns that are written (by a DELETE, none), and those that find a row."""

    table: str
    written: str
    found_by: str = ""


_STATE: Final = (
    "balance_minor held_minor overdraft_limit_minor status version last_booked_at chain_hash"
)
_SETTINGS: Final = "restriction restriction_reason restriction_ends_at holders metadata"
_PLAIN: Final = "place transaction_id command_kind command recorded_at"
_OTHER: Final = "principal refusal_code refusal_facts refusal_batch reverses"
_POSTING: Final = (
    "place line account_key version amount_minor balance_minor held_minor overdraft_limit_minor"
    " chain_hash"
)
_HOLD: Final = "account_key id amount_minor captured_minor expires_at description"

#: Where the rows of `unit_rows` belong, in the order in which foreign keys let them be written.
CHANGES: Final = {
    "new accounts": Change("account", f"{_STATE} key id currency exponent"),
    "accounts": Change("account", _STATE, "key version"),
    "settings": Change("account", _SETTINGS, "key"),
    # Nearly all records have no value in five columns, and sqlite3 takes long for each None.
    "plain records": Change("journal", _PLAIN),
    "principals' records": Change("journal", f"{_PLAIN} principal"),
    "records": Change("journal", f"{_PLAIN} {_OTHER}"),
    "postings": Change("posting", _POSTING),
    "metadata": Change("metadata", "name value recorded_at place"),
    "accounts' metadata": Change("account_metadata", "name value account_id"),
    "ended holds": Change("hold", "", "account_key id"),
    "holds": Change("hold", "captured_minor expires_at", "account_key id"),
    "new holds": Change("hold", _HOLD),
    "ended holders": Change("holder", "", "account_key principal"),
    "new holders": Change("holder", "account_key principal"),
}

UnitRows = dict[str, list[tuple[Any, ...]]]

# What most units leave as it is.
_terms_of = attrgetter(
    "holds", "restriction", "restriction_reason", "restriction_ends_at", "holders", "metadata"
)
_NO_TERMS: Final = ((), Restriction.NONE, None, None, (), NO_METADATA)


def unit_rows(written: WriteSet, known: Known) -> UnitRows:
    """Return the rows of *written* by the names of `CHANGES`, with the next places and keys."""
    rows: UnitRows = defaultdict(list)
    last_place, last_key = known.last
    for account in written.accounts:
        if account.id.value not in known.keys:
            last_key += 1
            known.keys[account.id.value] = last_key
    known.last[:] = (last_place + len(written.records), last_key)
    # Nearly all records are transactions, and each passes here: nothing is looked up or called
    # for each of them that need not be.
    keys, heads = known.keys, known.heads
    plain_records, postings = rows["plain records"], rows["postings"]
    for place, record in enumerate(written.records, start=last_place + 1):
        if isinstance(record, Refusal):
            _add_refusal(rows, place, record)
            continue
        command, principal = record.command, record.principal
        kind, text = codec.command_to_text(command)
        booked_at = to_microseconds(record.booked_at)
        plain = (place, record.id.value, kind, text, booked_at)
        reverses = command.original_id.value if type(command) is Reverse else None
        if reverses is None and principal is None:
            plain_records.append(plain)
        elif reverses is None:
            rows["principals' records"].append((*plain, principal))
        else:
            rows["records"].append((*plain, principal, None, None, None, reverses))
        if command.metadata is not NO_METADATA:
            rows["metadata"] += ((*pair, booked_at, place) for pair in command.metadata.items())
        content = transaction_content(record, kind, text, booked_at)
        for line, posting in enumerate(record.postings):
            name = posting.account_id.value
            heads[name] = head = next_head(heads.get(name, GENESIS), content)
            postings.append(
                (
                    place,
                    line,
                    keys[name],
                    posting.version,
                    posting.amount.amount_minor,
                    posting.balance.amount_minor,
                    posting.held.amount_minor,
                    posting.overdraft_limit.amount_minor,
                    head,
                )
            )
    for account in written.accounts:
        _add_account(rows, account, known)
    return rows


def _add_refusal(rows: UnitRows, place: int, refusal: Refusal) -> None:
    kind, text = codec.command_to_text(refusal.command)
    facts = codec.facts_to_text(refusal.code, refusal.facts)
    batch = codec.batch_to_text(refusal.batch)
    plain = (place, refusal.id.value, kind, text, to_microseconds(refusal.refused_at))
    rows["records"].append((*plain, refusal.principal, refusal.code, facts, batch, None))


def _add_account(rows: UnitRows, account: Account, known: Known) -> None:
    name, balance, at = account.id.value, account.balance, account.last_booked_at
    key, before = known.keys[name], known.accounts.get(name)
    held, limit = account.held.amount_minor, account.overdraft_limit.amount_minor
    booked_at = None if at is None else to_microseconds(at)
    rest = (account.status.value, account.version, booked_at, known.heads.get(name, GENESIS), key)
    state = (balance.amount_minor, held, limit, *rest)
    if before is None:
        currency = balance.currency
        rows["new accounts"].append((*state, name, currency.code, currency.exponent))
    else:
        rows["accounts"].append((*state, before.version))
    terms, terms_before = _terms_of(account), _NO_TERMS if before is None else _terms_of(before)
    if terms != terms_before:  # mostly the same objects, and quickly compared
        _add_terms(rows, key, terms_before, terms)
    if before is None and account.metadata is not NO_METADATA:
        rows["accounts' metadata"] += ((*pair, name) for pair in account.metadata.items())


def _add_terms(rows: UnitRows, key: int, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    holds_before, *settings_before = before
    holds, *settings = after
    _add_holds(rows, key, holds_before, holds)
    if settings != settings_before:
        restriction, reason, ends_at, holders, metadata = settings
        texts = (codec.holders_to_text(holders), codec.metadata_to_text(metadata))
        rows["settings"].append((restriction.value, reason, _microseconds(ends_at), *texts, key))
        names_before = {holder.principal.value for holder in settings_before[3]}
        names = {holder.principal.value for holder in holders}
        rows["ended holders"] += ((key, name) for name in names_before - names)
        rows["new holders"] += ((key, name) for name in names - names_before)


def _add_holds(rows: UnitRows, key: int, before: Sequence[Hold], after: Sequence[Hold]) -> None:
    old = {hold.id.value: hold for hold in before}
    rows["ended holds"] += ((key, name) for name in old.keys() - {h.id.value for h in after})
    for hold in after:  # in their order, so that their keys keep it
        name, captured = hold.id.value, hold.captured.amount_minor
        expires_at = _microseconds(hold.expires_at)
        if name not in old:
            amount = hold.amount.amount_minor
            rows["new holds"].append((key, name, amount, captured, expires_at, hold.description))
        elif hold != old[name]:
            rows["holds"].append((captured, expires_at, key, name))


# -- Tokens and denials ------------------------------------------------------


def denial_from(row: DenialRow) -> Denial:
    with codec.reading("a denial"):
        principal, action, names, code, denied_at, *rest = row
        ids = tuple(map(AccountId, codec.texts_from_text(names)))
        at = from_microseconds(denied_at)
        return Denial(PrincipalId(principal), action, ids, code, at, *rest)


def denial_row(denial: Denial) -> DenialRow:
    asked = (denial.principal.value, denial.action)
    names = codec.texts_to_text(each.value for each in denial.account_ids)
    at = to_microseconds(denial.denied_at)
    return DenialRow(*asked, names, denial.code, at, denial.request_id, denial.unwritten_before)


@lru_cache(maxsize=1024)  # each request reads the token of its client, mostly unchanged
def token_from(row: TokenRow) -> Token:
    with codec.reading(f"token {row.id}"):
        roles, scopes = codec.texts_from_text(row.roles), codec.texts_from_text(row.scopes)
        principal = Principal(row.principal, roles, scopes)
        created_at = from_microseconds(row.created_at)
        ends = (_instant(row.expires_at), _instant(row.revoked_at))
        return Token(row.id, row.digest, principal, created_at, *ends, row.description)


def token_row(token: Token) -> TokenRow:
    roles = codec.texts_to_text(sorted(role.value for role in token.principal.roles))
    scopes = codec.texts_to_text(sorted(token.principal.scopes))
    whose = (token.id, token.digest, token.principal.id.value, roles, scopes)
    created_at = to_microseconds(token.created_at)
    ends = (_microseconds(token.expires_at), _microseconds(token.revoked_at))
    return TokenRow(*whose, created_at, *ends, token.description)


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_microseconds(microseconds)


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)
