"""
Is a history of clients possible, given what the bank has on its books?

Decided here, in plain integers and without the rules of the bank, is what it means that nothing
was lost, doubled or read too late. The journal tells the order of what happened to each account;
the history adds what users noticed, and when. As in Jepsen's bank test, the sum of all accounts
must be the same in every read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from history import Fate, History, Seen, Sent

from bankcore.commands import OpenAccount, Transfer
from bankcore.ledger import Refusal, Transaction

_Record = Transaction | Refusal


def problems(
    history: History, journal: Sequence[_Record], balances: Mapping[str, int]
) -> list[str]:
    """
    Return what is wrong: sentences that begin with the kind of it and a colon.

    *balances* are those of the accounts as they are stored, next to the *journal*. A transfer
    whose fate is unknown must have been sent again until that was told.
    """
    return [
        *(f"not a store's error: {trouble}" for trouble in history.troubles),
        *_told_otherwise(history, journal),
        *_doubled(history, journal, balances),
        *_never_there(history, journal),
        *_out_of_order(history),
    ]


def kinds(found: Sequence[str]) -> dict[str, int]:
    """Return how many problems of each kind were *found*."""
    return dict(Counter(problem.partition(":")[0] for problem in found))


def _told_otherwise(history: History, journal: Sequence[_Record]) -> Iterator[str]:
    """What a client was told of a transfer is what is on the books, to the version."""
    on_books = {record.id.value: record for record in journal}
    for sent in history.sent.values():
        match sent.fate, on_books.get(sent.id):
            case Fate.ACKNOWLEDGED, Transaction() as found if sent.versions == _versions(found):
                pass
            case (Fate.REFUSED, Refusal()) | (Fate.NOT_DONE, None):
                pass
            case Fate.UNKNOWN, _:
                yield f"unsettled: nobody was told what became of {sent.id}: {sent.error}"
            case (Fate.ACKNOWLEDGED | Fate.REFUSED) as fate, found:
                yield f"lost: {sent.id} was {fate} as {dict(sent.versions)}, and is now {found}"
            case _, found:
                yield f"done: {sent.id} was said not to be, and is now {found}"


def _doubled(
    history: History, journal: Sequence[_Record], balances: Mapping[str, int]
) -> Iterator[str]:
    """Each id is on the books once, as it was sent, and balances are the sum of it all."""
    sums: defaultdict[str, int] = defaultdict(int)
    for id_, times in Counter(record.id.value for record in journal).items():
        if times > 1:
            yield f"doubled: {id_} is in the journal {times} times"
    for record in journal:
        command = record.command
        if isinstance(command, OpenAccount):
            sums[record.id.value] += command.initial_balance.amount_minor
        elif isinstance(command, Transfer):
            source, destination = command.source_id.value, command.destination_id.value
            sent = history.sent.get(record.id.value)
            what = (source, destination, command.amount.amount_minor)
            if sent is None or (sent.source, sent.destination, sent.amount) != what:
                yield f"never sent: {record.id.value} as {command}"
            if isinstance(record, Transaction):
                sums[source] -= command.amount.amount_minor
                sums[destination] += command.amount.amount_minor
    if sums != balances:
        yield f"doubled: the journal comes to {dict(sums)}, accounts have {dict(balances)}"


def _never_there(history: History, journal: Sequence[_Record]) -> Iterator[str]:
    """Every read has the whole sum, and balances that are in the journal for good."""
    booked = {
        (posting.account_id.value, posting.version): posting.balance.amount_minor
        for record in journal
        if isinstance(record, Transaction)
        for posting in record.postings
    }
    total = sum(balance for (_, version), balance in booked.items() if version == 1)
    for seen in history.seen:
        if sum(balance for _, balance in seen.accounts.values()) != total:
            yield f"wrong sum: a read had {dict(seen.accounts)}, which is not {total} in all"
        for account, (version, balance) in seen.accounts.items():
            if booked.get((account, version)) != balance:
                yield f"never there: a read had {account} with {balance} as version {version}"


def _out_of_order(history: History) -> Iterator[str]:
    """
    Whoever begins after something ended has it behind him: a read has seen at least its versions,
    and a transfer makes later ones.
    """
    observations: list[Sent | Seen] = [*history.of(Fate.ACKNOWLEDGED), *history.seen]
    starts = ((each.start, False, each) for each in observations)
    ends = ((each.end, True, each) for each in observations)
    told: defaultdict[str, int] = defaultdict(int)
    for _, is_end, each in sorted(chain(starts, ends), key=lambda event: event[:2]):
        for account, version in _reached(each).items():
            if is_end:
                told[account] = max(told[account], version)
                continue
            is_late = (
                version <= told[account] if isinstance(each, Sent) else version < told[account]
            )
            if is_late:
                who = f"transfer {each.id}" if isinstance(each, Sent) else "a read"
                yield (
                    f"stale: {who} had version {version} of {account}"
                    f" after somebody was told of {told[account]}"
                )


def _reached(each: Sent | Seen) -> Mapping[str, int]:
    if isinstance(each, Sent):
        return each.versions
    return {account: version for account, (version, _) in each.accounts.items()}


def _versions(record: Transaction) -> dict[str, int]:
    return {posting.account_id.value: posting.version for posting in record.postings}
