"""
The whole journal as text, and back: one JSON object a line, nothing lost.

Decided here: what the lines of an exported journal look like, and when they are believed. An
import judges every record again by the rules and compares what it comes to with what the file
says, so that what is accepted is a journal that the bank could have written. It is written in
one durable unit: all of it, or nothing.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain
from operator import attrgetter
from typing import Any, Final, TypeVar, cast

import attrs

from bankcore.accounts import Account
from bankcore.bank._decide import Clock, Request, decide, decide_unseen, reads_of
from bankcore.commands import Command, OpenAccount, Reverse
from bankcore.io._lines import require_lines
from bankcore.ledger import (
    AccountStore,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
    touched_accounts,
)
from bankcore.ledger import _codec as codec
from bankcore.ledger._chain import Record
from bankcore.ledger._errors import InvalidJournalError, StoreCorruptedError, StoreMisuseError
from bankcore.ledger._pages import every_record
from bankcore.ledger._store import add_reversal, require_store
from bankcore.money import Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import DeclinedError, shown
from bankcore.values._garbage import rare_collections
from bankcore.values._instants import from_microseconds, to_microseconds

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

#: The first line of every exported journal, without the end of the line.
FIRST_LINE: Final = '{"format":"bankcore journal","version":1}'


@attrs.frozen
class JournalReport:
    """The counts of an imported journal."""

    transactions: int
    refusals: int
    accounts: int


def export_journal(store: AccountStore) -> Iterator[str]:
    """
    Yield the journal of *store* as lines of ASCII, each with its end: a line for the format, one
    for each record, and one that closes it.

    What is recorded while it runs is in it or not, but always whole and in order. The records
    of one page are in memory at a time.
    """
    require_store(store)
    digest = sha256()
    count = 0
    yield _counted_in(digest, FIRST_LINE)
    for record in every_record(store):
        yield _counted_in(digest, _line_of(record))
        count += 1
    yield f"{_closing(count, digest.hexdigest())}\n"


@rare_collections()
def import_journal(store: AccountStore, lines: Iterable[str]) -> JournalReport:
    """
    Write the journal in *lines* into the empty *store*, and return its counts.

    Accounts, outcomes, refusals, their order and hashes are then equal to those that were
    exported. It is one durable unit, whose records are all in memory until it is written.

    Raises:
        InvalidJournalError: If a line is damaged, missing or too many, or has an outcome
            that the rules do not give. Nothing was written.
        StoreMisuseError: If the store is not empty. Nothing was written.
        InvalidArgumentError: If *store* is no store, or *lines* are none.
    """
    require_store(store)
    require_lines(lines, "lines")
    if store.journal(limit=1).records or store.accounts(limit=1):
        raise StoreMisuseError(_NOT_EMPTY)
    replayed = _Replayed()
    expected: deque[Record] = deque()
    line_number = 0
    for line_number, text, record in _records(lines):
        if not expected:
            expected.extend(replayed.decide_again(record))
        said = expected.popleft() if expected else None
        if said is None or _line_of(said) != text:
            reason = f"{record.id} is not what the rules make of its command"
            raise InvalidJournalError(line_number, reason)
    if expected:
        raise InvalidJournalError(line_number, f"{expected[0].id} is missing after it")
    accounts = sorted(replayed.accounts.values(), key=attrgetter("id"))
    written = WriteSet(tuple(accounts), tuple(replayed.records.values()))
    ids = tuple(record.id for record in written.records)
    reads = ReadSet(ids, tuple(account.id for account in written.accounts))

    def write(snapshot: Snapshot) -> WriteSet:
        if snapshot.recorded or snapshot.accounts:
            raise StoreMisuseError(_NOT_EMPTY)
        return written

    store.transact(reads, write)
    refusals = sum(isinstance(record, Refusal) for record in written.records)
    return JournalReport(len(written.records) - refusals, refusals, len(written.accounts))


_NOT_EMPTY: Final = "it is not empty, and a journal is imported into an empty store"


# -- The rules, again --------------------------------------------------------


class _Replayed:
    """The accounts and records that came of the commands so far, without a store's indexes."""

    def __init__(self) -> None:
        self.accounts: dict[AccountId, Account] = {}
        self.records: dict[TransactionId, Record] = {}
        self._reversals: dict[TransactionId, tuple[Reverse, ...]] = {}

    def decide_again(self, record: Record) -> tuple[Record, ...]:
        """
        Decide again what led to *record*, at its own time; return the records that come of it.
        """
        batch = record.batch if isinstance(record, Refusal) else ()
        # Accept any clock skew: it was checked when the record was first written.
        clock = Clock(_time_of(record), timedelta.max)
        requests = tuple(_request(command, record) for command in (*batch, record.command))
        snapshot = self._snapshot(reads_of(requests))
        written = decide(requests, snapshot, clock=clock, atomic=bool(batch))
        if (
            isinstance(record, Refusal)
            and record.principal is not None
            and record not in written.records
            and _is_told(record, requests, snapshot, clock)
        ):
            written = WriteSet(records=(record,))
        for account in written.accounts:
            self.accounts[account.id] = account
        for each in written.records:
            self.records[each.id] = each
            add_reversal(self._reversals, each)
        return written.records

    def _snapshot(self, reads: ReadSet) -> Snapshot:
        recorded = _found(self.records, (*reads.transaction_ids, *reads.originals))
        touched = (touched_accounts(recorded.get(each)) for each in reads.originals)
        accounts = _found(self.accounts, chain(reads.account_ids, *touched))
        return Snapshot(recorded, accounts, _found(self._reversals, reads.originals))


def _is_told(
    refusal: Refusal, requests: Sequence[Request], snapshot: Snapshot, clock: Clock
) -> bool:
    """
    Return whether the rules give *refusal* to one who does not see every account that it pays.

    What the sender of a payment was told is recorded, and depends on no account that the sender
    did not see. Who saw what is not in the journal; but an account that it names was seen.
    """
    told = decide_unseen(requests, snapshot, clock, refusal.facts.get("account_id"))
    said = refusal.to_error()
    # Errors of equal facts are not equal, as no exceptions are.
    return isinstance(told, DeclinedError) and (told.code, told.facts) == (said.code, said.facts)


def _found(kept: Mapping[_Key, _Value], keys: Iterable[_Key]) -> dict[_Key, _Value]:
    return {key: kept[key] for key in keys if key in kept}


def _time_of(record: Record) -> datetime:
    return record.booked_at if isinstance(record, Transaction) else record.refused_at


def _request(command: Command, record: Record) -> Request:
    transaction_id = cast("TransactionId", command.transaction_id)
    account_ids = command.account_ids
    if type(command) is OpenAccount and not account_ids:
        account_ids = (_made_id(command, record),)
    is_refused = isinstance(record, Refusal)
    return Request(command, transaction_id, is_refused, account_ids, principal=record.principal)


def _made_id(command: OpenAccount, record: Record) -> AccountId:
    """Return the id that the bank had made for the account that *command* opened."""
    if isinstance(record, Transaction):
        if record.postings:
            return record.postings[0].account_id
    elif command is record.command and record.facts.get("account_id") is not None:
        # It was taken: the only reason to refuse an opening.
        return cast("AccountId", record.facts["account_id"])
    # Of what was undone no id is left. No account has this one: it follows from a record that
    # was not yet there when the accounts before it were opened.
    text = f"{command.transaction_id} {_line_of(record)}"
    return AccountId(f"undone-{sha256(text.encode()).hexdigest()[:40]}")


# -- Lines -------------------------------------------------------------------


def _counted_in(digest: Any, text: str) -> str:  # noqa: ANN401  # hashlib names no type
    line = f"{text}\n"
    digest.update(line.encode())
    return line


def _closing(count: int, digest: str) -> str:
    return f'{{"records":{count},"sha256":"{digest}"}}'


def _line_of(record: Record) -> str:
    """Return *record* as one line of ASCII, always the same for the same record."""
    kind, command = codec.command_to_text(record.command)
    members = [
        f'"id":"{record.id.value}"',
        f'"kind":"{kind}"',
        f'"command":{command}',
        f'"at":{to_microseconds(_time_of(record))}',
    ]
    if record.principal is not None:
        members.append(f'"principal":{json.dumps(record.principal)}')
    if isinstance(record, Transaction):
        members.append(f'"postings":[{",".join(map(_posting_text, record.postings))}]')
    else:
        members.append(f'"refusal":"{record.code}"')
        members.append(f'"facts":{codec.facts_to_text(record.code, record.facts)}')
        if record.batch:
            members.append(f'"batch":{codec.batch_to_text(record.batch)}')
    line = f"{{{','.join(members)}}}"
    if line.isascii():
        return line
    # Only texts have other characters, and there JSON may escape them.
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found[0])[1:-1], line)


def _posting_text(posting: Posting) -> str:
    currency = posting.amount.currency
    return (
        f'["{posting.account_id.value}",{posting.version},"{currency.code}",{currency.exponent},'
        f"{posting.amount.amount_minor},{posting.balance.amount_minor},"
        f"{posting.held.amount_minor},{posting.overdraft_limit.amount_minor}]"
    )


def _records(lines: Iterable[str]) -> Iterator[tuple[int, str, Record]]:
    """Yield the records that *lines* say, each with the number and the text of its line."""
    digest = sha256()
    is_closed = False
    number = 0
    for number, line in enumerate(lines, 1):
        if not isinstance(line, str):
            raise InvalidJournalError(number, f"{shown(line)} is no text: open the file as text")
        if is_closed:
            raise InvalidJournalError(number, "there is something after the closing line")
        text = line.removesuffix("\n")
        if number == 1:
            if text != FIRST_LINE:
                raise InvalidJournalError(1, f"{shown(text)} is not {FIRST_LINE}")
        elif text.startswith('{"records":'):
            if text != _closing(number - 2, digest.hexdigest()):
                reason = "it does not match the number or hash of the lines before"
                raise InvalidJournalError(number, reason)
            is_closed = True
            continue
        else:
            yield number, text, _record(number, text)
        _counted_in(digest, text)
    if not is_closed:
        raise InvalidJournalError(number + 1, "the closing line is missing: the file is cut off")


def _record(number: int, text: str) -> Record:
    try:
        with codec.reading("it"):
            record = _record_from(json.loads(text))
            is_alike = _line_of(record) == text
    except StoreCorruptedError as error:
        raise InvalidJournalError(number, error.reason) from error
    if not is_alike:
        raise InvalidJournalError(number, "it is not written as an export writes it")
    return record


def _record_from(values: dict[str, Any]) -> Record:
    transaction_id = TransactionId(values["id"])
    at = from_microseconds(values["at"])
    principal = PrincipalId(values["principal"]).value if "principal" in values else None
    text = json.dumps(values["command"])
    command = codec.command_from_text(values["kind"], text, transaction_id)
    if "postings" in values:
        postings = tuple(map(_posting_from, values["postings"]))
        return Transaction(transaction_id, command, at, postings, principal)
    code = values["refusal"]
    facts = codec.facts_from_text(code, json.dumps(values["facts"]))
    batch = codec.batch_from_text(json.dumps(values["batch"]) if "batch" in values else None)
    return Refusal(transaction_id, command, at, code, facts, principal, batch)


def _posting_from(parts: list[Any]) -> Posting:
    account_id, version, code, exponent, *amounts = parts
    currency = codec.currency_of(code, exponent)
    amount, balance, held, limit = (Money.from_minor(minor, currency) for minor in amounts)
    return Posting(AccountId(account_id), amount, balance, held, limit, version)
