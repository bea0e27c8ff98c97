"""
Properties of a bank under any sequence of openings, deposits, withdrawals and transfers.

Each class opens with the sentence of the design that it proves, on each store that ships.
What is expected is worked out in plain ints, without the rules that booked it; the one test
that runs `decide` itself compares it with what it did before.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import attrs
from hypothesis import example, given
from hypothesis import strategies as st

from bankcore.accounts import AMOUNT_MINOR_MAX, Account
from bankcore.bank import Bank
from bankcore.bank._decide import Clock, Request, decide, reads_of
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import BankError, DeclinedError, InsufficientFundsError, InvalidRequestError
from bankcore.ledger import AccountStore, Refusal, Snapshot, Transaction
from bankcore.money import Money
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, TransactionId
from every_store import MakeStore, memory_store
from ruling import holding

Outcome = Transaction | BankError
Record = Transaction | Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def records_of(store: AccountStore) -> tuple[Record, ...]:
    return store.journal(limit=10_000).records


def kept(store: AccountStore) -> tuple[tuple[Account, ...], tuple[Record, ...]]:
    """
    All that the store has.
    """
    return tuple(store.accounts()), records_of(store)


# -- Sequences ---------------------------------------------------------------


@attrs.frozen
class Step:
    """
    A batch, mostly of one command, and how many seconds past NOW the clock says.
    """

    commands: tuple[Command, ...]
    seconds: int = 0


# Few accounts, so that they meet: a, b and c are opened first, d may be, nobody never is.
NAMES = st.sampled_from(["a", "b", "c", "a", "b", "c", "a", "b", "c", "d"])
NAMES_AND_NOBODY = st.sampled_from(["a", "b", "c", "a", "b", "c", "a", "b", "c", "d", "nobody"])
SPECIAL_AMOUNTS = st.sampled_from(
    [eur(1), eur(100), eur(AMOUNT_MINOR_MAX - 100), eur(AMOUNT_MINOR_MAX), Money(1, "USD")]
)
AMOUNTS = st.one_of(*[st.integers(1, 200).map(eur)] * 8, SPECIAL_AMOUNTS)
BALANCES = st.integers(0, 400).map(eur)
LIMITS = st.none() | st.integers(0, 200).map(eur) | st.just(eur(AMOUNT_MINOR_MAX))
OPENINGS = st.builds(
    OpenAccount, st.none() | NAMES, initial_balance=BALANCES, overdraft_limit=LIMITS
)
PAYMENTS = st.one_of(
    st.builds(Deposit, NAMES_AND_NOBODY, AMOUNTS), st.builds(Withdraw, NAMES_AND_NOBODY, AMOUNTS)
)
TRANSFERS = (
    st.tuples(NAMES, NAMES_AND_NOBODY)
    .filter(lambda pair: pair[0] != pair[1])
    .flatmap(lambda pair: st.builds(Transfer, st.just(pair[0]), st.just(pair[1]), AMOUNTS))
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(*[PAYMENTS] * 4, *[TRANSFERS] * 4, OPENINGS)


@st.composite
def times(draw: st.DrawFn, number: int) -> list[datetime | None]:
    """
    The times given with *number* commands: mostly history in order, and then none any more.
    Now and then one is out of order, or a second later than a clock at NOW.
    """
    days = sorted(draw(st.lists(st.integers(-10, 0), max_size=number)))
    given_times = [NOW + timedelta(days=day) for day in days]
    odd = st.sampled_from([None] * 12 + [NOW - timedelta(days=5), NOW + timedelta(seconds=1)])
    return [draw(odd) or (given_times[n] if n < len(given_times) else None) for n in range(number)]


@st.composite
def sequences(draw: st.DrawFn, *, are_timed: bool = False, ids: str = "some") -> list[Command]:
    """
    Three openings and up to 25 commands, each under an id of its own: *ids* are "all" given,
    or "some". With *are_timed*, some have a time given.
    """
    commands: list[Command] = [
        OpenAccount(name, initial_balance=draw(BALANCES), overdraft_limit=draw(LIMITS))
        for name in ("a", "b", "c")
    ]
    # A number first: a list by itself would mostly be a short one.
    commands += [draw(COMMANDS) for _ in range(draw(st.integers(0, 25)))]
    booked_at = [NOW - timedelta(days=20)] * 3 + draw(times(len(commands) - 3))
    return [
        attrs.evolve(
            command,
            transaction_id=f"t-{n}" if ids == "all" or draw(st.booleans()) else None,
            booked_at=at if are_timed else None,
        )
        for n, (command, at) in enumerate(zip(commands, booked_at, strict=True))
    ]


@st.composite
def journeys(draw: st.DrawFn) -> list[Step]:
    """
    A sequence cut into batches, with a clock that goes on, back, and too far back.
    """
    commands = draw(sequences(are_timed=True))
    steps = []
    while commands:
        length = draw(st.sampled_from([1, 1, 1, 2, 5]))
        seconds = draw(st.integers(0, 20) | st.sampled_from([-10, 3600]))
        steps.append(Step(tuple(commands[:length]), seconds))
        commands = commands[length:]
    return steps


class Run:
    """
    A bank over *store*, whose clock is set before each step and whose ids are m-0, m-1, …
    """

    def __init__(self, store: AccountStore) -> None:
        self._seconds = 0
        made = count()
        self.bank = Bank(
            store,
            clock=lambda: NOW + timedelta(seconds=self._seconds),
            new_id=lambda: f"m-{next(made)}",
        )

    def take(self, steps: Iterable[Step]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for step in steps:
            self._seconds = step.seconds
            outcomes += self.bank.execute(step.commands)
        return outcomes

    def take_each(self, commands: Iterable[Command]) -> list[Outcome]:
        return self.take(Step((command,)) for command in commands)


def said(outcome: Outcome) -> tuple[object, ...]:
    """
    An outcome as something to compare, whether it is replayed aside.
    """
    if isinstance(outcome, Transaction):
        return (outcome, outcome.command.transaction_id)
    return (outcome.code, dict(outcome.facts))


def is_recorded(outcome: Outcome) -> bool:
    """
    Return whether this outcome, of a command whose id was given, is kept under that id.
    """
    if isinstance(outcome, Transaction):
        return True
    return isinstance(outcome, DeclinedError) and outcome.is_recorded


def changes_of(command: Command, account_ids: tuple[AccountId, ...]) -> dict[str, int]:
    """
    By how many minor units an accepted command changes which account.
    """
    if isinstance(command, OpenAccount):
        return {account_ids[0].value: command.initial_balance.amount_minor}
    if isinstance(command, Deposit):
        return {command.account_id.value: command.amount.amount_minor}
    if isinstance(command, Withdraw):
        return {command.account_id.value: -command.amount.amount_minor}
    assert isinstance(command, Transfer)
    amount = command.amount.amount_minor
    return {command.source_id.value: -amount, command.destination_id.value: amount}


def balances_after(outcomes: Iterable[Outcome]) -> Mapping[str, int]:
    """
    The balances that follow from the accepted commands among *outcomes*, in plain ints.
    """
    balances: dict[str, int] = {}
    for outcome in outcomes:
        if isinstance(outcome, Transaction):
            account_ids = tuple(posting.account_id for posting in outcome.postings)
            for name, change in changes_of(outcome.command, account_ids).items():
                balances[name] = balances.get(name, 0) + change
    return balances


# -- The properties ----------------------------------------------------------


class TestMoneyIsConserved:
    """
    "no money appears or disappears"
    """

    @given(steps=journeys())
    def test_balances_follow_from_what_was_accepted(
        self, make_store: MakeStore, steps: list[Step]
    ) -> None:
        """
        Every balance is the sum of what was accepted for it; nothing comes from elsewhere.
        """
        with make_store() as store:
            outcomes = Run(store).take(steps)
            balances = {
                account.id.value: account.balance.amount_minor for account in store.accounts()
            }

        assert balances_after(outcomes) == balances

    @given(commands=sequences())
    def test_in_and_out(self, make_store: MakeStore, commands: list[Command]) -> None:
        """
        All balances together are what came in from outside less what went out; a transfer
        moves nothing in or out.
        """
        with make_store() as store:
            outcomes = Run(store).take_each(commands)
            together = sum(account.balance.amount_minor for account in store.accounts())

        came_in = went_out = 0
        for outcome in outcomes:
            if isinstance(outcome, Transaction):
                command = outcome.command
                if isinstance(command, OpenAccount):
                    came_in += command.initial_balance.amount_minor
                elif isinstance(command, Deposit):
                    came_in += command.amount.amount_minor
                elif isinstance(command, Withdraw):
                    went_out += command.amount.amount_minor
        assert came_in - went_out == together


class TestFloor:
    """
    "a command whose net effect would lower an account's `available` is declined if `available`
    would end below zero. One that does not lower it is never declined by the floor"
    """

    @given(commands=sequences())
    def test_of_a_bank(self, make_store: MakeStore, commands: list[Command]) -> None:
        """
        What is taken is refused for funds exactly where more is asked than the balance and the
        limit make available, by plain ints; a deposit never is.
        """
        balances: dict[str, int] = {}
        limits: dict[str, int] = {}
        with make_store() as store:
            run = Run(store)
            for command in commands:
                (outcome,) = run.take_each([command])
                refused = isinstance(outcome, InsufficientFundsError)
                if isinstance(command, Withdraw | Transfer):
                    name = command.account_ids[0].value
                    amount = command.amount.amount_minor
                    is_too_much = (
                        command.amount.currency.code == "EUR"
                        and all(each.value in balances for each in command.account_ids)
                        and amount > balances[name] + limits[name]
                    )
                    assert is_too_much == refused
                else:
                    assert not refused
                if isinstance(outcome, Transaction):
                    for posting in outcome.postings:
                        name = posting.account_id.value
                        balances[name] = balances.get(name, 0) + posting.amount.amount_minor
                        limits.setdefault(name, posting.overdraft_limit.amount_minor)
                        assert balances[name] + limits[name] >= 0

    @given(
        balance=st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX),
        held=st.integers(0, AMOUNT_MINOR_MAX),
        limit=st.integers(0, AMOUNT_MINOR_MAX),
        past=st.integers(-3, 3),
        elsewhere=st.integers(0, 1000),
    )
    def test_of_any_account(
        self, balance: int, held: int, limit: int, past: int, elsewhere: int
    ) -> None:
        """
        Whatever the balance, the holds and the limit, taking is refused exactly where
        ``balance - held + overdraft_limit`` would end below zero, to the minor unit; and
        paying in, in whatever state, is not refused for funds.
        """
        available = balance - held + limit
        amount = min(max(available + past, 1), AMOUNT_MINOR_MAX)
        accounts = {
            AccountId("a"): Account(
                id="a",
                balance=eur(balance),
                holds=holding(held),
                overdraft_limit=eur(limit),
                version=1,
            ),
            AccountId("b"): Account(id="b", balance=eur(elsewhere), version=1),
        }
        commands: list[Command] = [
            Withdraw("a", eur(amount)),
            Transfer("a", "b", eur(amount)),
            Deposit("a", eur(amount)),
            Transfer("b", "a", eur(1)),
        ]
        codes = []
        for command in commands:
            request = Request(command, TransactionId("t"), True, command.account_ids)
            (outcome,) = decide(
                (request,), Snapshot({}, accounts), Clock(NOW, timedelta(0))
            ).outcomes
            codes.append("booked" if isinstance(outcome, Transaction) else outcome.code)

        is_too_much = amount > available
        is_beyond = balance + amount > AMOUNT_MINOR_MAX
        assert ("insufficient_funds" if is_too_much else "booked") == codes[0]
        assert is_too_much == (codes[1] == "insufficient_funds")
        assert ("balance_limit" if is_beyond else "booked") == codes[2]
        assert (elsewhere < 1) == (codes[3] == "insufficient_funds")


class TestHistoryHasNoGaps:
    """
    "Every accepted command makes exactly one posting per account it touches and raises that
    account's `version` by one. An account's history has no gaps, and the account can be rebuilt
    from its transactions."
    """

    @given(steps=journeys())
    def test_versions(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        An account's history is versions 1, 2, 3, … up to its own, at times that never fall, and
        each posting follows from the one before.
        """
        with make_store() as store:
            accepted = [each for each in Run(store).take(steps) if isinstance(each, Transaction)]
            for account in store.accounts():
                history = store.history(account.id)
                postings = [each.posting(account.id) for each in history]
                times = [each.booked_at for each in history]
                balance = 0
                for posting in postings:
                    balance += posting.amount.amount_minor
                    assert balance == posting.balance.amount_minor

                mine = [each for each in accepted if account.id in dict.fromkeys(_touched(each))]
                assert list(range(1, account.version + 1)) == [each.version for each in postings]
                assert sorted(times) == times
                assert mine == list(history)
                last = postings[-1]
                rebuilt = Account(
                    id=account.id,
                    balance=last.balance,
                    overdraft_limit=last.overdraft_limit,
                    version=last.version,
                    last_booked_at=times[-1],
                )
                assert (rebuilt, last.held) == (account, account.held)

    @given(commands=sequences())
    def test_one_posting_each(self, make_store: MakeStore, commands: list[Command]) -> None:
        """
        A transaction has one posting for each account that its command names, and touches no
        other account.
        """
        with make_store() as store:
            run = Run(store)
            for command in commands:
                before = {account.id: account for account in store.accounts()}
                (outcome,) = run.take_each([command])
                after = {account.id: account for account in store.accounts()}
                changed = {name for name in after if before.get(name) != after[name]}
                touched = list(_touched(outcome)) if isinstance(outcome, Transaction) else []

                assert len(touched) == len(set(touched))
                assert set(touched) == changed
                assert all(
                    after[name].version == (before[name].version if name in before else 0) + 1
                    for name in touched
                )


def _touched(transaction: Transaction) -> Iterator[AccountId]:
    return (posting.account_id for posting in transaction.postings)


class TestRefusalsChangeNoMoney:
    """
    "a refusal changes no money and says why"
    """

    @given(commands=sequences(are_timed=True))
    def test_no_account_changes(self, make_store: MakeStore, commands: list[Command]) -> None:
        """
        A command that comes to an error leaves every account as it was; at most its refusal is
        written, and that only under an id that the caller gave.
        """
        with make_store() as store:
            run = Run(store)
            for command in commands:
                accounts, records = kept(store)
                (outcome,) = run.take_each([command])
                if isinstance(outcome, Transaction):
                    continue
                accounts_after, records_after = kept(store)

                assert accounts == accounts_after
                assert str(outcome)
                new = records_after[len(records) :]
                if command.transaction_id is not None and is_recorded(outcome):
                    (refusal,) = new
                    assert isinstance(refusal, Refusal)
                    assert (command.transaction_id, command, outcome.code) == (
                        refusal.id,
                        refusal.command,
                        refusal.code,
                    )
                    assert said(outcome) == said(refusal.to_error())
                else:
                    assert new == ()


class TestOneOutcomePerId:
    """
    "Same id and same command: the original transaction comes back, `replayed=True` (not part of
    equality), or the original refusal is raised again; nothing is written. Same id, different
    command: `TransactionIdReusedError`, naming the fields that differ."
    """

    @given(steps=journeys(), data=st.data())
    def test_sent_again(
        self, make_store: MakeStore, steps: list[Step], data: st.DataObject
    ) -> None:
        """
        Any command with an id, sent again at any time later, gives its outcome again.
        """
        commands = [command for step in steps for command in step.commands]
        with make_store() as store:
            run = Run(store)
            outcomes = run.take(steps)
            before = kept(store)
            recorded = [
                (command, outcome)
                for command, outcome in zip(commands, outcomes, strict=True)
                if command.transaction_id is not None and is_recorded(outcome)
            ]
            for command, first in recorded:
                seconds = data.draw(st.sampled_from([-86_400, 0, 86_400]))
                (second,) = run.take([Step((command,), seconds)])

                assert said(first) == said(second)
                assert second.replayed
            assert before == kept(store)

    @given(steps=journeys(), other=COMMANDS)
    def test_for_another_command(
        self, make_store: MakeStore, steps: list[Step], other: Command
    ) -> None:
        """
        A recorded id, sent with another command, names exactly the fields that differ, and
        nothing is written.
        """
        with make_store() as store:
            run = Run(store)
            run.take(steps)
            before = kept(store)
            for record in before[1]:
                (outcome,) = run.take([Step((attrs.evolve(other, transaction_id=record.id),))])

                expected = _difference(record.command, other)
                if expected:
                    assert isinstance(outcome, BankError)
                    assert ("transaction_id_reused", expected) == (
                        outcome.code,
                        outcome.facts["fields"],
                    )
                else:
                    assert outcome.replayed
            assert before == kept(store)

    @given(commands=sequences(are_timed=True, ids="all"), in_one_batch=st.booleans())
    def test_the_whole_sequence_again(
        self, make_store: MakeStore, commands: list[Command], *, in_one_batch: bool
    ) -> None:
        """
        A whole sequence with ids, sent again, one by one or as a batch, gives what is recorded
        again, word for word; what was invalid is invalid still; and nothing changes.
        """
        with make_store() as store:
            run = Run(store)
            first = run.take_each(commands)
            before = kept(store)
            second = run.take([Step(tuple(commands))]) if in_one_batch else run.take_each(commands)

            for one, other in zip(first, second, strict=True):
                if is_recorded(one):
                    assert said(one) == said(other)
                    assert other.replayed
                else:
                    # What is wrong with it may be another thing now: the time may be too early.
                    assert isinstance(one, InvalidRequestError)
                    assert isinstance(other, InvalidRequestError)
            assert before == kept(store)


def _difference(first: Command, second: Command) -> tuple[str, ...]:
    """
    The fields in which two commands differ, by what they show of themselves.
    """
    if type(first) is not type(second):
        return ("command",)
    one, other = (attrs.asdict(command, recurse=False) for command in (first, second))
    return tuple(
        name for name in one if name != "transaction_id" and repr(one[name]) != repr(other[name])
    )


class TestTheJournalIsEnough:
    """
    "The journal is transactions and refusals, and it is enough: from its commands, times and
    ids alone, running `decide` again from an empty store gives every account, posting and
    refusal back, exactly."

    Not shown for atomic batches: a command of one may be refused for what an earlier one of
    the same batch would have done, and that earlier one is in no journal.
    """

    @given(steps=journeys())
    def test_from_an_empty_store(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        What is booked anew from the journal is what was booked, refusals included.
        """
        with make_store() as store:
            Run(store).take(steps)
            accounts, records = kept(store)
        anew = MemoryStore()
        for record in records:
            _book_anew(anew, record)

        accounts_anew, records_anew = kept(anew)
        assert records == records_anew
        assert accounts == accounts_anew
        assert [record.id for record in records] == [
            record.command.transaction_id for record in records_anew
        ]


def _book_anew(store: MemoryStore, record: Record) -> None:
    at = record.booked_at if isinstance(record, Transaction) else record.refused_at
    account_ids = record.command.account_ids
    if not account_ids:
        # Only an account that was opened had its id made.
        assert isinstance(record, Transaction)
        account_ids = (record.account_id,)
    requests = (Request(record.command, record.id, True, account_ids),)
    store.transact(
        reads_of(requests), lambda snapshot: decide(requests, snapshot, Clock(at, timedelta(0)))
    )


class TestBatches:
    """
    "A batch: `bank.execute(commands)` returns one outcome per command, in order (a
    `Transaction`, or the error as a value), each seeing what the earlier ones did"
    """

    @given(commands=sequences(are_timed=True))
    def test_is_one_by_one(self, make_store: MakeStore, commands: list[Command]) -> None:
        """
        A batch comes to what its commands come to one by one, and leaves the same behind.
        """
        with make_store() as one_by_one, make_store() as at_once:
            first = Run(one_by_one).take_each(commands)
            second = Run(at_once).take([Step(tuple(commands))])

            assert list(map(said, first)) == list(map(said, second))
            assert kept(one_by_one) == kept(at_once)


class TestAtomicBatches:
    """
    "`atomic=True`: all or nothing, raises the first error; either all ids are given or none; a
    refusal is recorded under the failing id alone, the others stay unused and the error lists
    them"
    """

    @given(before=sequences(ids="all"), batch=st.lists(COMMANDS, min_size=1, max_size=5))
    def test_with_ids(
        self, make_store: MakeStore, before: list[Command], batch: list[Command]
    ) -> None:
        """
        Where all would pass one by one, all are booked just so; otherwise the first error is
        raised, its refusal alone is written, and sent again it is the same.
        """
        commands = [
            attrs.evolve(command, transaction_id=f"x-{n}") for n, command in enumerate(batch)
        ]
        with make_store() as store, make_store() as twin:
            run, other = Run(store), Run(twin)
            run.take_each(before)
            other.take_each(before)
            accounts, records = kept(store)
            one_by_one = other.take_each(commands)
            errors = [outcome for outcome in one_by_one if isinstance(outcome, BankError)]
            first = _atomic(run.bank, commands)
            if not errors:
                assert one_by_one == first
                assert kept(twin) == kept(store)
                return
            accounts_after, records_after = kept(store)
            again = _atomic(run.bank, commands)
            assert isinstance(first, BankError)
            assert isinstance(again, BankError)
            failing = one_by_one.index(errors[0])
            new = records_after[len(records) :]
            unused = [command.transaction_id for command in commands]
            if is_recorded(errors[0]):
                (refusal,) = new
                assert isinstance(refusal, Refusal)
                assert unused.pop(failing) == refusal.id
            else:
                assert new == ()

            assert said(errors[0]) == said(first) == said(again)
            assert accounts == accounts_after
            assert (tuple(unused), tuple(unused)) == (first.unused_ids, again.unused_ids)
            assert (False, is_recorded(errors[0])) == (first.replayed, again.replayed)
            assert (accounts_after, records_after) == kept(store)

    @given(before=sequences(), batch=st.lists(COMMANDS, min_size=1, max_size=5))
    def test_without_ids(
        self, make_store: MakeStore, before: list[Command], batch: list[Command]
    ) -> None:
        """
        Without ids, all are booked, or nothing at all is written.
        """
        with make_store() as store:
            run = Run(store)
            run.take_each(before)
            before_it = kept(store)
            outcomes = _atomic(run.bank, batch)
            if isinstance(outcomes, BankError):
                assert before_it == kept(store)
                assert outcomes.unused_ids == ()
            else:
                assert len(batch) == len(outcomes)
                assert outcomes == list(records_of(store)[len(before_it[1]) :])


def _atomic(bank: Bank, commands: list[Command]) -> list[Outcome] | BankError:
    """
    Return what an atomic batch gives: its outcomes, or the error that it raises.
    """
    try:
        return bank.execute(commands, atomic=True)
    except BankError as error:
        return error


class TestStoresAgree:
    """
    "All obey exactly the same rules"
    """

    @given(steps=journeys(), data=st.data())
    def test_in_all_they_say(
        self, make_store: MakeStore, steps: list[Step], data: st.DataObject
    ) -> None:
        """
        The same sequence comes to the same outcomes, journals, accounts, statements and
        balances on every store as in memory.
        """
        with memory_store() as memory, make_store() as store:
            one, other = Run(memory), Run(store)

            assert list(map(said, one.take(steps))) == list(map(said, other.take(steps)))
            assert kept(memory) == kept(store)
            instants = sorted(data.draw(st.lists(INSTANTS, min_size=2, max_size=2)))
            spans: list[dict[str, Any]] = [
                {},
                {"start": instants[0]},
                {"end": instants[0]},
                {"start": instants[0], "end": instants[1]},
            ]
            for account in memory.accounts():
                for span in spans:
                    assert one.bank.statement(account.id, **span) == other.bank.statement(
                        account.id, **span
                    )
                assert one.bank.balance_at(account.id, instants[0]) == other.bank.balance_at(
                    account.id, instants[0]
                )


# The instants at which things are booked, and those a tick before and after.
INSTANTS = st.builds(
    lambda at, ticks: at + timedelta(microseconds=ticks),
    st.integers(-11, 0).map(lambda days: NOW + timedelta(days=days))
    | st.integers(-10, 20).map(lambda seconds: NOW + timedelta(seconds=seconds))
    | st.just(NOW + timedelta(hours=1)),
    st.sampled_from([-1, 0, 1]),
)


class TestTime:
    """
    "Statements are `[start, end)`; a date means midnight UTC."
    """

    @given(steps=journeys(), instant=INSTANTS)
    def test_balance_at(self, make_store: MakeStore, steps: list[Step], instant: datetime) -> None:
        """
        The balance at an instant is the sum of what was accepted at or before it, in plain ints.
        """
        with make_store() as store:
            run = Run(store)
            by_then = [
                outcome
                for outcome in run.take(steps)
                if isinstance(outcome, Transaction) and outcome.booked_at <= instant
            ]
            balances = balances_after(by_then)

            for account in store.accounts():
                expected = balances.get(account.id.value, 0)
                assert eur(expected) == run.bank.balance_at(account.id, instant)

    @given(steps=journeys(), one=INSTANTS, other=INSTANTS)
    @example(
        steps=[Step((OpenAccount(account_id="a", initial_balance=eur(0)),))],
        one=NOW,
        other=NOW + timedelta(seconds=1),
    )
    def test_statement(
        self, make_store: MakeStore, steps: list[Step], one: datetime, other: datetime
    ) -> None:
        """
        A statement begins with the sum of what was accepted before its start, has each
        transaction that moved money from there to before its end as a line, and ends with the
        sum of all.
        """
        start, end = sorted((one, other))
        with make_store() as store:
            run = Run(store)
            accepted = [each for each in run.take(steps) if isinstance(each, Transaction)]
            opening = balances_after(each for each in accepted if each.booked_at < start)
            closing = balances_after(each for each in accepted if each.booked_at < end)
            within = [each for each in accepted if start <= each.booked_at < end]

            for account in store.accounts():
                name = account.id.value
                statement = run.bank.statement(account.id, start=start, end=end)
                mine = [each for each in within if account.id in _touched(each)]
                lines = [each for each in mine if each.posting(account.id).amount != eur(0)]
                assert eur(opening.get(name, 0)) == statement.opening_balance
                assert lines == [line.transaction for line in statement.lines]
                assert eur(closing.get(name, 0)) == statement.closing_balance
                balance = opening.get(name, 0)
                for line in statement.lines:
                    balance += line.amount.amount_minor
                    assert eur(balance) == line.balance
