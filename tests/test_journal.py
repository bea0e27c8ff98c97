"""
The journal as text: what is exported is imported whole, or not at all.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import attrs
import pytest

from bankcore import Bank, Money
from bankcore.audit import verify
from bankcore.cli import main
from bankcore.commands import Deposit, OpenAccount, Reverse, Withdraw
from bankcore.errors import (
    BankError,
    InsufficientFundsError,
    InvalidJournalError,
    StoreMisuseError,
)
from bankcore.journal import FIRST_LINE, export_journal, import_journal
from bankcore.store import ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore, SQLiteStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = Money("1", "EUR")


def lived() -> MemoryStore:
    """A store with a transaction, a refusal, an atomic refusal, and texts of all kinds."""
    store = MemoryStore()
    bank = Bank(store, clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE, transaction_id="t-1")
    bank.deposit("a", ONE, transaction_id="t-2", description='"é\U0001f600\\n')
    for commands, atomic in (
        ([Withdraw("a", ONE * 9, transaction_id="t-3")], False),
        (
            [
                Deposit("a", ONE, transaction_id="t-4"),
                Withdraw("a", ONE * 9, transaction_id="t-5"),
            ],
            True,
        ),
    ):
        try:
            bank.execute(commands, atomic=atomic)
        except BankError:
            assert atomic
    return store


def closed(*records: str) -> list[str]:
    """A file of these lines that is whole, whatever they say."""
    text = "".join(f"{line}\n" for line in (FIRST_LINE, *records))
    closing = f'{{"records":{len(records)},"sha256":"{sha256(text.encode()).hexdigest()}"}}\n'
    return [*text.splitlines(keepends=True), closing]


def records_of(store: MemoryStore) -> list[str]:
    return [line.rstrip("\n") for line in export_journal(store)][1:-1]


def test_the_format_is_as_documented() -> None:
    """The lines are these characters: what was exported once is read for ever."""
    store = MemoryStore()
    Bank(store, clock=lambda: NOON).open_account("a", initial_balance=ONE, transaction_id="t-1")

    assert closed(
        '{"id":"t-1","kind":"open_account",'
        '"command":{"account_id":"a","initial_balance":[100,"EUR",2]},'
        '"at":1777636800000000,"postings":[["a",1,"EUR",2,100,100,0,0]]}'
    ) == list(export_journal(store))


def test_a_refusal_keeps_its_facts_and_its_batch() -> None:
    """Texts come back as they were, from ASCII alone; refusals with all that explains them."""
    first, again = lived(), MemoryStore()
    lines = list(export_journal(first))
    report = import_journal(again, lines)

    assert all(line.isascii() for line in lines)
    assert (2, 2, 1) == (report.transactions, report.refusals, report.accounts)
    assert first.journal().records == again.journal().records
    assert first.accounts() == again.accounts()
    assert () == verify(again).disagreements


def test_who_asked_comes_back() -> None:
    """The principal of a record is exported and imported."""
    first, again = MemoryStore(), MemoryStore()
    made = lived()
    first.transact(
        ReadSet((), ()),
        lambda _: WriteSet(
            tuple(made.accounts()),
            tuple(attrs.evolve(each, principal='m"ary') for each in made.journal().records),
        ),
    )
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records
    assert {'m"ary'} == {each.principal for each in again.journal().records}


def test_accounts_whose_ids_the_bank_made() -> None:
    """An account keeps the id that was made for it; of one that was undone there is none."""
    first, again = MemoryStore(), MemoryStore()
    bank = Bank(first, clock=lambda: NOON)
    opened = bank.open_account(initial_balance=ONE)
    batch = [
        OpenAccount(initial_balance=ONE, transaction_id="t-1"),
        Withdraw(opened.account_id, ONE * 9, transaction_id="t-2"),
    ]
    with pytest.raises(InsufficientFundsError):
        bank.execute(batch, atomic=True)
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records
    assert [opened.account_id] == [account.id for account in again.accounts()]


def test_a_refused_batch_with_a_reversal() -> None:
    """A reversal that was undone with its batch is judged again on what it reversed."""
    first, again = lived(), MemoryStore()
    batch = [Reverse("t-2", transaction_id="t-6"), Withdraw("a", ONE * 2, transaction_id="t-7")]
    with pytest.raises(InsufficientFundsError):
        Bank(first, clock=lambda: NOON).execute(batch, atomic=True)
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records


def test_an_empty_journal() -> None:
    """The journal of an empty store is two lines, and makes an empty store."""
    lines, again = list(export_journal(MemoryStore())), MemoryStore()
    report = import_journal(again, lines)

    assert closed() == lines
    assert (0, 0, 0) == (report.transactions, report.refusals, report.accounts)


def test_a_store_that_is_not_empty_is_refused() -> None:
    """Nothing is imported beside what is there."""
    first = lived()
    with pytest.raises(StoreMisuseError, match="it is not empty"):
        import_journal(first, export_journal(first))

    assert 4 == len(first.journal().records)


class Late(MemoryStore):
    """Somebody else opens the account just before the unit."""

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        other = lived().account(next(iter(reads.account_ids)))
        return super().transact(reads, lambda _: decide(Snapshot({}, {other.id: other})))


def test_a_store_that_is_written_to_meanwhile_is_refused() -> None:
    """What came between the look and the write is seen in the unit."""
    store = Late()
    with pytest.raises(StoreMisuseError, match="it is not empty"):
        import_journal(store, export_journal(lived()))

    assert () == store.journal().records


WHOLE = records_of(lived())
WRONG = [
    pytest.param([], 1, "the closing line is missing", id="nothing"),
    pytest.param(['{"format":"bankcore journal","version":2}\n'], 1, "is not", id="newer"),
    pytest.param(closed(*WHOLE)[:-1], 6, "the file is cut off", id="no closing line"),
    pytest.param(closed(*WHOLE)[:3], 4, "the file is cut off", id="cut off"),
    pytest.param([*closed(*WHOLE), "\n"], 7, "after the closing line", id="more"),
    pytest.param(
        [*closed(*WHOLE)[:-2], closed(*WHOLE)[-1]], 5, "number or hash", id="a line less"
    ),
    pytest.param(closed("[]"), 2, "cannot be read", id="no object"),
    pytest.param(closed("[" * 100_000), 2, "", id="nested"),
    pytest.param(closed("{}"), 2, "cannot be read", id="no fields"),
    pytest.param(closed(f"{WHOLE[0]} "), 2, "as an export writes it", id="a space"),
    pytest.param(
        closed(WHOLE[0].replace('"at"', '"more":1,"at"')), 2, "as an export writes", id="a field"
    ),
    pytest.param(
        closed(WHOLE[0], WHOLE[1].replace("100,200,0,0", "100,300,0,0")),
        *(3, "t-2 is not what the rules make of its command"),
        id="a balance",
    ),
    pytest.param(closed(*WHOLE[1:]), 2, "t-2 is not what the rules", id="no opening"),
    pytest.param(
        closed(*WHOLE[:3], WHOLE[3].replace("[900,", "[100,")),
        *(5, "t-5 is not what the rules"),
        id="a refused batch that would pass",
    ),
    pytest.param(closed(WHOLE[0], WHOLE[0]), 3, "t-1 is not what the rules", id="twice"),
]


@pytest.mark.parametrize(("lines", "line", "reason"), WRONG)
def test_what_is_wrong_is_told_by_its_line(lines: list[str], line: int, reason: str) -> None:
    """A damaged journal is refused with the number of the line, and nothing is written."""
    store = MemoryStore()
    with pytest.raises(InvalidJournalError) as raised:
        import_journal(store, lines)

    assert line == raised.value.line
    assert reason in raised.value.reason
    assert () == store.journal().records


def test_two_expiries_of_one_instant_come_together() -> None:
    """A journal that ends in the middle of what one instant brought is incomplete."""
    store, now = MemoryStore(), [NOON]
    bank = Bank(store, clock=lambda: now[0])
    bank.open_account("a", initial_balance=ONE * 2)
    end = NOON.replace(hour=13)
    for _ in range(2):
        bank.place_hold("a", ONE, expires_at=end)
    now[0] = end
    bank.expire_holds()
    whole = records_of(store)
    again = MemoryStore()
    import_journal(again, closed(*whole))

    assert store.journal().records == again.journal().records
    with pytest.raises(InvalidJournalError) as raised:
        import_journal(MemoryStore(), closed(*whole[:-1]))
    assert (5, "expiry:a:5 is missing after it") == (raised.value.line, raised.value.reason)


@pytest.mark.parametrize("seed", range(200))
def test_any_damage_is_seen(seed: int) -> None:
    """A character changed, left out, doubled or cut off anywhere: refused, and nothing written."""
    chance = random.Random(seed)
    text = "".join(closed(*WHOLE))
    place = chance.randrange(len(text) - 1)
    damaged = chance.choice(
        [
            text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + text[place] + text[place:],
            text[:place],
        ]
    )
    store = MemoryStore()
    with pytest.raises(InvalidJournalError):
        import_journal(store, damaged.splitlines(keepends=True))

    assert () == store.journal().records


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `bankcore export` prints, `bankcore import-journal` makes a bank of; once."""
    old, new, file = (str(tmp_path / name) for name in ("old.db", "new.db", "journal.jsonl"))
    with SQLiteStore(old) as store:
        import_journal(store, export_journal(lived()))

    assert 0 == main(["export", old])
    printed = capsys.readouterr().out
    assert closed(*WHOLE) == printed.splitlines(keepends=True)
    Path(file).write_text(printed, "ascii")
    assert 0 == main(["import-journal", file, "--store", new])
    assert "1 account, 2 transactions and 2 refusals imported\n" == capsys.readouterr().out
    assert 1 == main(["import-journal", file, "--store", new])
    assert "it is not empty" in capsys.readouterr().err
    Path(file).write_bytes(b"\xff\n")
    assert 2 == main(["import-journal", file, "--store", str(tmp_path / "other.db")])
    assert "Line 1 of the journal" in capsys.readouterr().err
