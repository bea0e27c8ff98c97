"""The promise that everything comes back as it was written."""

from collections.abc import Iterable

import attrs

from bankcore import AccountStore
from bankcore.ledger import ReadSet
from bankcore.testing._conformance.failing import require_equal
from bankcore.testing._conformance.helpers import LAST_INSTANT, append, exactly, journal_of, look
from bankcore.testing._conformance.samples import (
    Case,
    amount_cases,
    booked,
    changed_alone,
    command_cases,
    instant_cases,
    postings_of,
    refusal_cases,
    state_cases,
    text_cases,
)
from bankcore.testing._conformance.subject import check


def _require_back(store: AccountStore, written: Iterable[Case]) -> None:
    """Write these records and accounts in one unit, and compare them with every read."""
    written = list(written)
    records = [record for record, _ in written]
    accounts = sorted(
        (account for _, touched in written for account in touched), key=lambda each: each.id
    )
    append(store, records, accounts)
    reads = ReadSet(tuple(r.id for r in records), tuple(a.id for a in accounts))
    seen = look(store, reads)

    require_equal(exactly(records), exactly(journal_of(store)))
    # Only some one by one: a remote store takes time for each.
    some = records[:: len(records) // 200 + 1]
    require_equal(exactly(some), exactly(store.outcome(record.id) for record in some))
    require_equal(exactly(records), exactly(seen.recorded[record.id] for record in records))
    require_equal(exactly(accounts), exactly(store.accounts()))
    require_equal(exactly(accounts), exactly(store.account(account.id) for account in accounts))
    require_equal(exactly(accounts), exactly(seen.accounts[account.id] for account in accounts))
    for record, touched in written:
        for account in touched:
            require_equal(exactly([record]), exactly(store.history(account.id)))
            posting = store.posting_at(account.id, LAST_INSTANT)
            require_equal(
                [posting], [each for each in postings_of(record) if each.account_id == account.id]
            )


@check
def amounts_of_every_currency_come_back(store: AccountStore) -> None:
    """
    Amounts up to ±(10¹⁸ - 1) minor units come back exactly, in currencies of every exponent,
    the application's own included.
    """
    _require_back(store, amount_cases())


@check
def texts_come_back(store: AccountStore) -> None:
    """Descriptions, metadata and principals come back unchanged, in any script, with quotes."""
    _require_back(store, text_cases())


@check
def instants_come_back(store: AccountStore) -> None:
    """Instants come back to the microsecond, from the year 1 to the year 9999."""
    _require_back(store, instant_cases())


@check
def transactions_of_every_command_come_back(store: AccountStore) -> None:
    """A transaction of every command comes back field by field, with the accounts it touched."""
    _require_back(store, command_cases())


@check
def accounts_in_every_state_come_back(store: AccountStore) -> None:
    """
    An account comes back with its holds, restriction, holders, metadata, overdraft limit and
    status.
    """
    _require_back(store, state_cases())


@check
def each_setting_changes_alone(store: AccountStore) -> None:
    """
    Where one setting of an account changes, and no other, it comes back as it was last written.
    """
    pairs = [(before, after) for _, before, after in changed_alone()]
    for version in (1, 2):
        accounts = [
            attrs.evolve(pair[version - 1], id=f"a-{number}", version=version)
            for number, pair in enumerate(pairs, start=10)
        ]
        append(store, map(booked, accounts), accounts)
        seen = look(store, ReadSet((), tuple(account.id for account in accounts)))

        require_equal(exactly(accounts), exactly(store.accounts()))
        require_equal(exactly(accounts), exactly(store.account(each.id) for each in accounts))
        require_equal(exactly(accounts), exactly(seen.accounts[each.id] for each in accounts))


@check
def refusals_of_every_kind_come_back(store: AccountStore) -> None:
    """A refusal for every reason comes back with its facts, and with its batch."""
    _require_back(store, refusal_cases())
