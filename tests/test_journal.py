"""
The journal as text: what is exported is imported whole, or not at all.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import AccountStore, Bank, Money, Principal, Refusal
from bankcore.cli import main
from bankcore.commands import Deposit, OpenAccount, Reverse, Withdraw
from bankcore.errors import (
    AccountExistsError,
    BankError,
    InsufficientFundsError,
    InvalidArgumentError,
    InvalidJournalError,
    StoreMisuseError,
)
from bankcore.io import FIRST_LINE, export_journal, import_journal
from bankcore.ledger import Chained, HolderIndex, ReadSet, Snapshot, WriteSet, verify
from bankcore.ledger import _codec as codec
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.values import PrincipalId, TransactionId
from every_store import MakeStore, memory_store

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


def test_closings_that_swept_nothing() -> None:
    """
    They come back wherever they would have swept to: nowhere, or to an account ahead of the clock.
    """
    first, again = MemoryStore(), MemoryStore()
    closings = []
    now = NOON + timedelta(days=1)
    bank = Bank(first, clock=lambda: now)
    bank.open_account("ahead", initial_balance=ONE)
    now = NOON
    for name, elsewhere in (("alice", "nowhere"), ("bob", "ahead")):
        bank.open_account(name, initial_balance=ONE * 0)
        closings.append(bank.close_account(name, sweep_to=elsewhere))
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records
    assert [NOON, NOON] == [closing.booked_at for closing in closings]
    assert verify(again).is_clean


def test_an_account_that_was_there_by_chance() -> None:
    """That an id the bank made was taken is a refusal like any other."""
    first, again = lived(), MemoryStore()
    with pytest.raises(AccountExistsError):
        Bank(first, clock=lambda: NOON, new_id=lambda: "a").execute(
            [OpenAccount(initial_balance=ONE, transaction_id="t-6")], atomic=True
        )
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records


def test_no_account_stands_in_for_one_that_was_undone() -> None:
    """Whatever the accounts are called, an opening that was undone is judged as it was."""
    first, again = lived(), MemoryStore()
    bank = Bank(first, clock=lambda: NOON)
    name = f"undone-{sha256(b't-6').hexdigest()[:40]}"
    bank.open_account(name, initial_balance=ONE)
    batch = [
        OpenAccount(initial_balance=ONE, transaction_id="t-6"),
        OpenAccount(initial_balance=ONE, transaction_id="t-7"),
        Withdraw("a", ONE * 9, transaction_id="t-8"),
    ]
    with pytest.raises(InsufficientFundsError):
        bank.execute(batch, atomic=True)
    import_journal(again, export_journal(first))

    assert first.journal().records == again.journal().records


PRINCIPALS = {
    name: Principal(name, [role])
    for name, role in (
        ("mary", "owner"),
        ("bert", "owner"),
        ("tom", "teller"),
        ("olga", "operator"),
        ("ann", "auditor"),
    )
}


def lived_by_several(store: AccountStore) -> Bank:
    """
    A bank in which several principals did all they may, and were told no by policy and rules.
    """
    now = [NOON]
    bank = Bank(store, clock=lambda: now[0])
    of = {name: bank.acting_as(principal) for name, principal in PRINCIPALS.items()}
    mary, bert, tom, olga = (of[name] for name in ("mary", "bert", "tom", "olga"))
    refused = suppress(BankError)
    mary.open_account("m", initial_balance=ONE * 0, transaction_id="t-1")
    bert.open_account("b", initial_balance=ONE * 0, transaction_id="t-2")
    bank.open_account("vault", initial_balance=ONE * 100, transaction_id="t-3")
    bank.deposit("m", ONE * 50, transaction_id="t-4")
    mary.transfer("m", "b", ONE * 10, transaction_id="t-5")
    mary.transfer("m", "b", ONE, transaction_id="t-6")
    bank.reverse("t-6", transaction_id="t-7")
    bank.grant_access("m", "bert", ["read"], transaction_id="t-8")
    olga.grant_access("b", "mary", ["read", "debit"], transaction_id="t-9")
    bank.grant_access("vault", "mary", ["read"], transaction_id="t-10")
    bank.revoke_access("vault", "mary", transaction_id="t-11")
    # By the rules, recorded with who asked; by the policy, and not recorded.
    with refused:
        mary.withdraw("m", ONE * 99, transaction_id="t-12")
    with refused:
        mary.transfer("m", "vault", ONE * 99, transaction_id="t-13")
    with refused:
        bert.withdraw("m", ONE, transaction_id="t-14")
    with refused:
        tom.deposit("m", ONE, transaction_id="t-15")
    with refused:
        mary.execute(
            [
                Withdraw("m", ONE, transaction_id="t-16"),
                Withdraw("m", ONE * 99, transaction_id="t-17"),
            ],
            atomic=True,
        )
    for number in range(3):
        mary.place_hold(
            "m",
            ONE,
            expires_at=NOON + timedelta(hours=1 + number // 2),
            transaction_id=f"h-{number}",
        )
    now[0] += timedelta(minutes=90)
    mary.capture_hold("m", "h-2", destination_id="b", transaction_id="t-18")
    olga.restrict("b", "debits", reason="theft", transaction_id="t-19")
    with refused:
        mary.withdraw("b", ONE, transaction_id="t-20")
    bank.deposit("vault", ONE, transaction_id="t-21")
    return bank


def answers(store: AccountStore) -> list[object]:
    """Return the answers to all questions that take an index or a look around."""
    assert isinstance(store, HolderIndex)
    assert isinstance(store, Chained)
    later = NOON + timedelta(days=1)
    bank = Bank(store, clock=lambda: later)
    transaction_ids = [record.id for record in store.journal().records]
    found: list[object] = [store.journal().records, verify(store), bank.checkpoint()]
    for name, principal in PRINCIPALS.items():
        acting = bank.acting_as(principal)
        found.append(tuple(store.accounts_of(PrincipalId(name))))
        found.append([] if name == "ann" else list(acting.accounts()))
    for transaction_id in transaction_ids:
        found.append(bank.can_reverse(transaction_id).blockers)
        with suppress(BankError):
            found.append(bank.reversed_by(transaction_id))
    for account in bank.accounts():
        found += (account, store.account(account.id), bank.statement(account.id))
        found += (tuple(store.history(account.id)), store.posting_at(account.id, later))
        found.append(store.chain_head(account.id))
    chained = store.chained_journal()
    # Its cursor is the store's own.
    found += (tuple(store.holds_due(later)), chained.records, chained.hashes)
    return found


def test_the_imported_store_answers_as_the_first(make_store: MakeStore) -> None:
    """
    Accounts of holders, statements, histories, reversals, holds, the audit, hashes and
    checkpoint: from store to store they are the same, for each who asks.
    """
    with make_store() as first, make_store() as again, memory_store() as memory:
        lived_by_several(first)
        lines = list(export_journal(first))
        for store in (again, memory):
            import_journal(store, lines)

            assert answers(first) == answers(store)
            assert lines == list(export_journal(store))
        recorded = {str(each.id): each for each in first.journal().records}
        assert {"t-12", "t-13", "t-17", "t-20"} == {
            name for name, each in recorded.items() if isinstance(each, Refusal)
        }
        assert {"mary"} == {recorded[name].principal for name in ("t-5", "t-12", "t-17", "t-18")}


def test_an_id_sent_again_has_the_outcome_that_it_had() -> None:
    """After an import, who asked first gets the first answer, and another none."""
    first, again = MemoryStore(), MemoryStore()
    lived_by_several(first)
    import_journal(again, export_journal(first))
    mary, bert = (Bank(again).acting_as(PRINCIPALS[name]) for name in ("mary", "bert"))

    assert mary.transfer("m", "b", ONE * 10, transaction_id="t-5").replayed
    with pytest.raises(InsufficientFundsError) as raised:
        mary.withdraw("m", ONE * 99, transaction_id="t-12")
    assert raised.value.replayed
    with pytest.raises(BankError, match="t-5 is already used"):
        bert.transfer("b", "m", ONE * 10, transaction_id="t-5")


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
    *(
        pytest.param(
            closed(WHOLE[0].replace('"postings"', f'"principal":{principal},"postings"')),
            *(2, "cannot be read"),
            id=f"principal {principal}",
        )
        for principal in ("5", "true", "null", '""', '"a b"', "[1]")
    ),
    pytest.param(
        closed(
            '{"id":"t-1","kind":"open_account","command":{"initial_balance":[0,"EUR",2]},"at":0,"postings":[]}'
        ),
        *(2, "t-1 is not what the rules"),
        id="an opening without an account",
    ),
    pytest.param(
        closed(
            '{"id":"t-1","kind":"open_account","command":{"initial_balance":[0,"EUR",2]},"at":0,'
            '"refusal":"hold_not_found",'
            '"facts":{"account_id":"a","hold_id":"h"}}'
        ),
        *(2, "t-1 is not what the rules"),
        id="an opening refused for a hold",
    ),
    pytest.param(
        closed(
            '{"id":"t-1","kind":"open_account","command":{"initial_balance":[0,"EUR",2]},"at":0,'
            '"refusal":"close_blocked",'
            '"facts":{}}'
        ),
        *(2, "cannot be read"),
        id="facts that are none",
    ),
    pytest.param([line.encode() for line in closed()], 1, "open the file as text", id="bytes"),
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


# What anything in a line may be changed to.
ANYTHING: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "a",
    "t-1",
    ":",
    [],
    {},
    [1],
    ["a", 1, "EUR"],
]


def changed(value: Any, chance: random.Random) -> Any:
    """*value* with something in it, somewhere, that is something else."""
    if isinstance(value, dict | list) and value and chance.random() < 0.9:
        place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        copy = value.copy()
        if chance.random() < 0.1:
            del copy[place]
        else:
            copy[place] = changed(value[place], chance)
        return copy
    return chance.choice(ANYTHING)


@pytest.mark.parametrize("seed", range(20))
def test_no_line_is_believed_and_none_breaks_the_import(seed: int) -> None:
    """
    A file made whole again around any value in it that is something else: it is refused with
    its line, or it is the journal of another bank that is sound.
    """
    chance = random.Random(seed)
    store = MemoryStore()
    lived_by_several(store)
    whole = records_of(store)
    for _ in range(50):
        records = [*whole]
        number = chance.randrange(len(records))
        values = changed(json.loads(records[number]), chance)
        records[number] = json.dumps(values, separators=(",", ":"))
        again = MemoryStore()
        try:
            import_journal(again, closed(*records))
        except InvalidJournalError as error:
            assert number + 2 <= error.line
            assert () == again.journal().records
        else:
            assert records == records_of(again)
            assert () == verify(again).disagreements


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


def test_from_one_bank_to_another_through_a_pipe(tmp_path: Path) -> None:
    """`bankcore export | bankcore import-journal -` makes an equal bank, with no file between."""
    old, new = (str(tmp_path / name) for name in ("old.db", "new.db"))
    with SQLiteStore(old) as store:
        import_journal(store, export_journal(lived()))
    bankcore = f"{sys.executable} -m bankcore"
    done = subprocess.run(
        f"{bankcore} export {old} | {bankcore} import-journal - --store {new}",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("1 account, 2 transactions and 2 refusals imported\n", "") == (
        done.stdout,
        done.stderr,
    )
    with SQLiteStore(new) as store:
        assert closed(*WHOLE) == list(export_journal(store))


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("export bank.db > /dev/full", 2, "No space left on device."),
        ("import-journal . --store new.db", 2, ".: Is a directory."),
        ("import-journal absent --store new.db", 2, "absent: No such file or directory."),
        ("import-journal - --store bank.db < /dev/null", 1, "it is not empty"),
        ("import-journal - --store new.db < /dev/null", 2, "the closing line is missing"),
        ("import-journal bank.db --store new.db", 2, "Line 1 of the journal"),
        ("export .", 1, "it is a directory"),
        ("export absent.db", 1, "there is no file"),
    ],
)
def test_what_goes_wrong_is_a_sentence(
    tmp_path: Path, command: str, status: int, said: str
) -> None:
    """Files, pipes and disks that fail are one sentence each, and a status."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        import_journal(store, export_journal(lived()))
    done = subprocess.run(
        f"{sys.executable} -m bankcore {command}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (status, 1) == (done.returncode, done.stderr.count("\n"))
    assert said in done.stderr
    assert done.stderr.startswith("bankcore: ")


def test_lines_may_end_as_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose line ends became those of Windows on its way is the same journal."""
    file, new = tmp_path / "journal.jsonl", str(tmp_path / "new.db")
    file.write_text("".join(closed(*WHOLE)), "ascii", newline="\r\n")

    assert 0 == main(["import-journal", str(file), "--store", new])
    assert "2 refusals imported" in capsys.readouterr().out


@pytest.mark.parametrize("rate", ["1e300000000", "1.5", " 2", "2/3/4", "9" * 65, "", "-1"])
def test_a_rate_is_read_as_it_is_written(rate: str) -> None:
    """
    Nothing but digits, and digits under them, is a rate, and a short text that stands for a huge
    number is not worked out.
    """
    legs = '[["a",[-100,"EUR",2]],["b",[100,"EUR",2]],["c",[-100,"USD",2]],["d",[100,"USD",2]]]'
    text = f'{{"legs":{legs},"exchange_rate":["EUR",2,"USD",2,"{rate}"]}}'
    with pytest.raises(ValueError, match="a whole number or a fraction"):
        codec.command_from_text("post", text, TransactionId("t-1"))


def test_only_what_a_sender_can_have_been_told_is_a_refusal_by_the_rules() -> None:
    """
    What the sender of a payment is told depends on no account that the sender does not see. That
    is accepted, and neither other facts nor the same refusal of trusted code.
    """
    store = MemoryStore()
    bank = Bank(store, clock=lambda: NOON)
    bank.open_account("m", initial_balance=ONE * 100, holder="mary", transaction_id="t-1")
    bank.open_account("b", initial_balance=ONE * 100, transaction_id="t-2")
    bank.restrict("b", "credits", reason="theft", transaction_id="t-3")
    with pytest.raises(InsufficientFundsError):
        bank.acting_as(Principal("mary", ["owner"])).transfer(
            "m", "b", ONE * 1000, transaction_id="t-4"
        )
    lines = records_of(store)
    import_journal(MemoryStore(), closed(*lines))
    (told,) = [line for line in lines if '"t-4"' in line]
    for wrong in (
        told.replace('"available":[10000', '"available":[9999'),
        told.replace('"principal":"mary",', ""),
        told.replace('"refusal":"insufficient_funds"', '"refusal":"account_closed"'),
    ):
        assert wrong != told
        with pytest.raises(InvalidJournalError):
            import_journal(MemoryStore(), closed(*lines[:-1], wrong))


@pytest.mark.parametrize("lines", ["journal.jsonl", b"journal.jsonl", Path("journal.jsonl"), None])
def test_the_name_of_a_journal_is_no_journal(lines: Any) -> None:
    """What has no lines is told by its argument: a name would give its letters."""
    with pytest.raises(InvalidArgumentError, match=r"^lines must be lines of text"):
        import_journal(MemoryStore(), lines)
