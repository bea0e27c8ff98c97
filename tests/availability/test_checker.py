"""
The checker of histories finds nothing in a true one, and each kind of lie in a forged one.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import attrs
import checker
import load
import pytest
from history import Fate, History, Log, Sent

from bankcore import Bank
from bankcore.ledger import Refusal, Transaction
from bankcore.stores import MemoryStore

_Journal = list[Transaction | Refusal]


@attrs.define
class Case:
    """What happened, and what the bank has of it."""

    history: History
    journal: _Journal
    balances: dict[str, int]

    def change(self, sent: Sent, **facts: Any) -> None:
        self.history.sent[sent.id] = attrs.evolve(sent, **facts)

    def an(self, fate: Fate) -> Sent:
        return self.history.of(fate)[0]

    def record(self, sent: Sent) -> Transaction | Refusal:
        (found,) = (record for record in self.journal if record.id.value == sent.id)
        return found

    @property
    def after_all(self) -> int:
        ends = [sent.end for sent in self.history.sent.values()]
        return max(ends + [seen.end for seen in self.history.seen]) + 1


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """What threads at work on a store in memory were told."""
    store = MemoryStore()
    load.open_accounts(store)
    client = load.Client(store, "client", Log(tmp_path / "history"), pause=0)
    writers = [Thread(target=client.write, args=(number, 60)) for number in range(3)]
    threads = [*writers, Thread(target=client.look, args=(20,))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    balances = {each.id.value: each.balance.amount_minor for each in store.accounts()}
    return Case(History.read([client.log.path]), list(store.journal().records), balances)


def test_what_happened_is_possible(case: Case) -> None:
    """
    A history of a store that keeps everything has no problems, and something of every kind.
    """
    problems = checker.problems(case.history, case.journal, case.balances)

    assert [] == problems
    assert {Fate.ACKNOWLEDGED, Fate.REFUSED} == {each.fate for each in case.history.sent.values()}
    assert case.history.seen


def forget(case: Case, fate: Fate) -> None:
    case.journal.remove(case.record(case.an(fate)))


def decide_again(case: Case) -> None:
    sent = case.an(Fate.ACKNOWLEDGED)
    case.change(sent, versions={each: version + 1 for each, version in sent.versions.items()})


def refuse_after_all(case: Case) -> None:
    sent = case.an(Fate.ACKNOWLEDGED)
    case.change(sent, fate=Fate.REFUSED)


def acknowledge_after_all(case: Case) -> None:
    case.change(case.an(Fate.REFUSED), fate=Fate.ACKNOWLEDGED)


def say_nothing(case: Case) -> None:
    case.change(case.an(Fate.ACKNOWLEDGED), fate=Fate.UNKNOWN)


def say_that_it_failed(case: Case) -> None:
    case.change(case.an(Fate.ACKNOWLEDGED), fate=Fate.NOT_DONE)


def record_twice(case: Case) -> None:
    case.journal.append(case.record(case.an(Fate.ACKNOWLEDGED)))


def book_twice(case: Case) -> None:
    sent = case.an(Fate.ACKNOWLEDGED)
    case.balances[sent.source] -= sent.amount
    case.balances[sent.destination] += sent.amount


def send_nothing(case: Case) -> None:
    del case.history.sent[case.an(Fate.ACKNOWLEDGED).id]


def send_another_amount(case: Case) -> None:
    sent = case.an(Fate.ACKNOWLEDGED)
    case.change(sent, amount=sent.amount + 1)


def read_half_a_transfer(case: Case) -> None:
    seen = case.history.seen[0]
    (account, (version, balance)), *others = seen.accounts.items()
    accounts = dict([(account, (version, balance + 1)), *others])
    case.history.seen[0] = attrs.evolve(seen, accounts=accounts)


def read_what_is_gone(case: Case) -> None:
    seen = case.history.seen[0]
    accounts = {each: (9_999, balance) for each, (_, balance) in seen.accounts.items()}
    case.history.seen[0] = attrs.evolve(seen, accounts=accounts)


def read_too_late(case: Case) -> None:
    """As a standby answers, or a primary that was replaced."""
    late = case.after_all
    case.history.seen[0] = attrs.evolve(case.history.seen[0], start=late, end=late + 1)


def write_too_late(case: Case) -> None:
    late = case.after_all
    case.change(case.an(Fate.ACKNOWLEDGED), start=late, end=late + 1)


def raise_a_drivers_error(case: Case) -> None:
    case.history.troubles.append("psycopg.OperationalError: no")


@pytest.mark.parametrize(
    ("forge", "kind"),
    [
        (lambda case: forget(case, Fate.ACKNOWLEDGED), "lost"),
        (lambda case: forget(case, Fate.REFUSED), "lost"),
        (decide_again, "lost"),
        (refuse_after_all, "lost"),
        (acknowledge_after_all, "lost"),
        (say_nothing, "unsettled"),
        (say_that_it_failed, "done"),
        (record_twice, "doubled"),
        (book_twice, "doubled"),
        (send_nothing, "never sent"),
        (send_another_amount, "never sent"),
        (read_half_a_transfer, "wrong sum"),
        (read_what_is_gone, "never there"),
        (read_too_late, "stale"),
        (write_too_late, "stale"),
        (raise_a_drivers_error, "not a store's error"),
    ],
)
def test_a_forged_history_is_found_wrong(
    case: Case, forge: Callable[[Case], None], kind: str
) -> None:
    """
    Each kind of forgery is a problem of its kind.
    """
    forge(case)

    assert kind in checker.kinds(checker.problems(case.history, case.journal, case.balances))


def test_a_client_that_died_leaves_something_unsettled(tmp_path: Path) -> None:
    """
    What was sent and never told about is unknown, until somebody sends it again.
    """
    store, log = MemoryStore(), Log(tmp_path / "history")
    load.open_accounts(store)
    sent = Sent("t-1", load.ACCOUNTS[0], load.ACCOUNTS[1], amount=1, start=1)
    log.add(id=sent.id, **sent.what, start=sent.start)

    assert [Fate.UNKNOWN] == [each.fate for each in History.read([log.path]).sent.values()]

    load.send(Bank(store), log, sent)

    assert [Fate.ACKNOWLEDGED] == [each.fate for each in History.read([log.path]).sent.values()]
