"""
Properties of holds, posts, reversals, and of all commands together.

Each class opens with the sentence of the design that it proves. What is expected is worked out
in plain ints from commands and answers, without the rules that booked them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from bankcore.accounts import Restriction
from bankcore.bank import Bank
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.errors import (
    AccountRestrictedError,
    AlreadyReversedError,
    BankError,
    HoldExceededError,
    HoldNotActiveError,
    InsufficientFundsError,
    InvalidLegsError,
    NotReversibleError,
    PartNotReversibleError,
    ReversalExceededError,
)
from bankcore.ledger import AccountStore, Transaction, verify
from bankcore.money import ExchangeRate, Money
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, PrincipalId, TransactionId
from every_command import Domain, commands_of, kinds
from every_store import MakeStore, memory_store

Outcome = Transaction | BankError
Amounts = dict[str, int]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# What each account is opened with, and in which currency.
ACCOUNTS = {"a": ("EUR", 400), "b": ("EUR", 150), "c": ("EUR", 50), "u": ("USD", 200)}


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


# -- Lives -------------------------------------------------------------------

# A command, and how many seconds past NOW the clock says.
Step = tuple[int, Command]

# Kinds that are drawn more or less often than once. The accounts are those above, and no others.
WEIGHTS = {
    "open_account": 0,
    "deposit": 2,
    "withdraw": 2,
    "transfer": 3,
    "post": 3,
    "reverse": 4,
    "place_hold": 5,
    "capture_hold": 9,
    "set_overdraft_limit": 2,
}
NAMES = st.sampled_from(["a", "a", "b", "b", "c", "u"])


def _money(name: str, minor: int) -> Money:
    return Money.from_minor(minor, ACCOUNTS[name][0])


@st.composite
def _legs(draw: st.DrawFn) -> list[tuple[str, Money]]:
    """
    Legs of which those in euros mostly add up to zero.
    """
    amounts = st.integers(-100, 100).filter(bool)
    legs = [(draw(NAMES), draw(amounts)) for _ in range(draw(st.integers(1, 4)))]
    rest = -sum(minor for name, minor in legs if ACCOUNTS[name][0] == "EUR")
    if rest and draw(st.sampled_from([True, True, True, False])):
        legs.append((draw(st.sampled_from("abc")), rest))
    return [(name, _money(name, minor)) for name, minor in legs]


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """
    The four openings, and up to 30 commands of every kind, each under an id of its own.

    Holds and transactions are named that were asked for before, accepted or not.
    """
    steps: list[Step] = [
        (0, OpenAccount(name, initial_balance=_money(name, minor), transaction_id=f"o-{name}"))
        for name, (_, minor) in ACCOUNTS.items()
    ]
    seconds = 0
    for n in range(draw(st.integers(0, 30))):
        seconds += draw(st.sampled_from([0, 0, 1, 3]))
        command = draw(kinds(WEIGHTS).flatmap(partial(_commands, steps, seconds)))
        steps.append((seconds, attrs.evolve(command, transaction_id=f"t-{n}")))
    return steps


def _in_currency(most: int) -> Callable[[dict[str, Any]], st.SearchStrategy[Money]]:
    """
    Amounts in the currency of the account to be debited, or the only one.
    """
    return lambda values: st.integers(1, most).map(
        partial(_money, str(next(iter(values.values()))))
    )


def _commands(
    steps: Sequence[Step], seconds: int, kind: type[Command]
) -> st.SearchStrategy[Command]:
    """
    Commands of a kind, on a hold that was asked for before if it has one; otherwise a hold is.
    """
    domain: Domain = {
        AccountId: NAMES,
        Money: _in_currency(120),
        PrincipalId: st.just("mary"),
        datetime: st.integers(1, 9).map(lambda n: NOW + timedelta(seconds=seconds + n)),
        Restriction: st.sampled_from([Restriction.NONE, *Restriction]),
        ExchangeRate: st.just(ExchangeRate("EUR", "USD", "1.1")),
        "legs": _legs(),
        "crosses_boundary": st.just(True),
        "capture_hold.amount": lambda values: st.none() | _in_currency(60)(values),
        "reverse.amount": st.none() | st.integers(1, 60).map(partial(_money, "a")),
        "close_account.sweep_to": NAMES,
        "destination_id": st.sampled_from("abc"),
        "original_id": st.sampled_from([each.transaction_id for _, each in steps[-8:]]),
    }
    if "hold_id" not in attrs.fields_dict(kind):
        return commands_of(kind, domain)
    holds = [each for _, each in steps if isinstance(each, PlaceHold)]
    if not holds:
        return commands_of(PlaceHold, domain)
    return st.sampled_from(holds[-4:]).flatmap(
        lambda placed: commands_of(
            kind, domain, {"account_id": placed.account_id, "hold_id": placed.transaction_id}
        )
    )


class Run:
    """
    A bank over *store*, led through steps; what it said, and what there is.
    """

    def __init__(self, store: AccountStore) -> None:
        self._seconds = 0
        self.store = store
        self.bank = Bank(store, clock=lambda: NOW + timedelta(seconds=self._seconds))

    def take(self, steps: Sequence[Step]) -> list[Outcome]:
        return [outcome for step in steps for outcome in self.take_one(step)]

    def take_one(self, step: Step) -> list[Outcome]:
        self._seconds, command = step
        return self.bank.execute([command])

    def journal(self) -> list[Transaction]:
        """
        Every transaction, those that the bank made itself included.
        """
        records = self.store.journal(limit=10_000).records
        return [record for record in records if isinstance(record, Transaction)]

    def state(self) -> object:
        return tuple(self.store.accounts()), self.store.journal(limit=10_000).records


def said(outcome: Outcome) -> object:
    if isinstance(outcome, Transaction):
        return outcome
    return (outcome.code, dict(outcome.facts))


def amounts_of(transaction: Transaction) -> list[tuple[str, int]]:
    return [
        (posting.account_id.value, posting.amount.amount_minor) for posting in transaction.postings
    ]


def crossed(transaction: Transaction, before: dict[str, Transaction]) -> Amounts:
    """
    Return what came into the bank with a transaction, by currency, below zero what went out.

    It is what its command says, not what was booked; but for a capture, whose amount need not
    be given, and for what is taken up to an amount.
    """
    command = transaction.command
    inside: tuple[type[Command], ...] = (Transfer, CloseAccount)
    if isinstance(command, OpenAccount):
        moved = [command.initial_balance]
    elif isinstance(command, Deposit):
        moved = [command.amount]
    elif isinstance(command, Withdraw):
        moved = [transaction.postings[0].amount if command.up_to else -command.amount]
    elif isinstance(command, Post):
        moved = [amount for _, amount in command.legs]
    elif isinstance(command, CaptureHold) and command.destination_id is None:
        moved = [transaction.postings[0].amount]
    elif isinstance(command, Reverse):
        original = before[command.original_id.value]
        came_in = crossed(original, before)
        if original.command.moves_one_amount:
            # All that came in, or the part of it that was reversed.
            return {code: -sign(minor) * moved_by(transaction) for code, minor in came_in.items()}
        return {code: -minor for code, minor in came_in.items()}
    else:
        assert isinstance(command, (*inside, CaptureHold)) or not any(
            minor for _, minor in amounts_of(transaction)
        )
        moved = []
    totals: Amounts = Counter()
    for money in moved:
        totals[money.currency.code] += money.amount_minor
    return totals


def sign(minor: int) -> int:
    return (minor > 0) - (minor < 0)


def moved_by(transaction: Transaction) -> int:
    """
    Return the largest amount that was booked on an account, in or out.
    """
    return max(abs(minor) for _, minor in amounts_of(transaction))


# -- The properties ----------------------------------------------------------


class TestMoneyIsConserved:
    """
    "no money appears or disappears"
    """

    @given(steps=lives())
    def test_over_a_whole_life(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        In each currency all balances together are what crossed the boundary of the bank, after
        every step.
        """
        totals: Amounts = Counter()
        with make_store() as store:
            run = Run(store)
            accepted: dict[str, Transaction] = {}
            for step in steps:
                (outcome,) = run.take_one(step)
                if isinstance(outcome, Transaction):
                    accepted[outcome.id.value] = outcome
                    for code, minor in crossed(outcome, accepted).items():
                        totals[code] += minor
                balances: Amounts = Counter()
                for account in store.accounts():
                    balances[account.balance.currency.code] += account.balance.amount_minor

                assert {**dict.fromkeys(balances, 0), **totals} == balances


class TestHeld:
    """
    "`held`: the sum of what is left of the account's open, unexpired holds"
    """

    @given(steps=lives())
    def test_over_a_whole_life(self, steps: list[Step]) -> None:
        """
        After each transaction, what is held is what was placed, less what was captured,
        released or has expired, in plain ints.
        """
        run = Run(MemoryStore())
        run.take(steps)
        left: dict[tuple[str, str], int] = {}
        for transaction in run.journal():
            command = transaction.command
            name = transaction.account_id.value
            if isinstance(command, PlaceHold):
                before = sum(minor for (of, _), minor in left.items() if of == name)
                placed = transaction.postings[0].held.amount_minor - before
                assert command.amount.amount_minor == placed or (
                    command.up_to and 0 < placed < command.amount.amount_minor
                )
                left[name, transaction.id.value] = placed
            elif isinstance(command, CaptureHold):
                key = (name, command.hold_id.value)
                taken = -transaction.postings[0].amount.amount_minor
                if command.amount is not None:
                    asked = command.amount.amount_minor
                    assert taken == (min(asked, left[key]) if command.up_to else asked)
                assert 0 < taken <= left[key]
                left[key] -= taken
                if command.final or not left[key]:
                    del left[key]
            elif isinstance(command, ReleaseHold | ExpireHold):
                del left[name, command.hold_id.value]
            for posting in transaction.postings:
                held = sum(
                    minor for (of, _), minor in left.items() if of == posting.account_id.value
                )
                assert held == posting.held.amount_minor
        for account in run.store.accounts():
            assert {hold.id.value: hold.left.amount_minor for hold in account.holds} == {
                hold: minor for (of, hold), minor in left.items() if of == account.id.value
            }


class TestFloor:
    """
    "a command whose net effect would lower an account's `available` is declined if `available`
    would end below zero"
    """

    @given(steps=lives())
    def test_over_a_whole_life(self, steps: list[Step]) -> None:
        """
        Posting by posting, ``balance - held + overdraft_limit`` falls to no less than zero,
        unless it is the limit that was lowered.
        """
        run = Run(MemoryStore())
        run.take(steps)
        available: Amounts = {}
        for transaction in run.journal():
            for posting in transaction.postings:
                name = posting.account_id.value
                now = (
                    posting.balance.amount_minor
                    - posting.held.amount_minor
                    + posting.overdraft_limit.amount_minor
                )
                if not isinstance(transaction.command, SetOverdraftLimit):
                    assert now >= min(available.get(name, 0), 0)
                available[name] = now


class TestCaptures:
    """
    "Captured once or several times (`final=True` frees the rest; default), never for more than
    is left; captured to the outside (withdrawal) or to another account."
    """

    @settings(max_examples=100)
    @given(
        amount=st.integers(1, 1000),
        parts=st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=12),
        is_last_final=st.booleans(),
    )
    def test_random_splits(
        self,
        make_store: MakeStore,
        amount: int,
        parts: list[tuple[int, bool]],
        *,
        is_last_final: bool,
    ) -> None:
        """
        However a hold is captured in parts, each part passes that is not more than is left and
        no other, so that they never add up to more than the hold; a final one frees the rest.
        """
        with make_store() as store:
            bank = Run(store).bank
            bank.open_account("a", initial_balance=eur(1500))
            bank.open_account("b", initial_balance=eur(0))
            bank.place_hold("a", eur(amount), transaction_id="h")
            left, out, over = amount, 0, 0
            for n, (part, is_inside) in enumerate(parts):
                is_final = is_last_final and n == len(parts) - 1
                expected: Any = (
                    HoldNotActiveError if not left else HoldExceededError if part > left else None
                )
                try:
                    bank.capture_hold(
                        "a",
                        "h",
                        eur(part),
                        final=is_final,
                        destination_id="b" if is_inside else None,
                    )
                    found = None
                except BankError as error:
                    found = type(error)

                assert expected == found
                if found is None:
                    left = 0 if is_final else left - part
                    out, over = (out, over + part) if is_inside else (out + part, over)
                account = bank.account("a")
                assert (1500 - out - over, left) == (
                    account.balance.amount_minor,
                    account.held.amount_minor,
                )
                assert out + over <= amount
            assert eur(over) == bank.account("b").balance


class TestExpiry:
    """
    "Expired from the exact instant on, judged by the operation's own time: an expired hold
    neither counts in `held` nor can be captured, whether or not anything has recorded it."
    """

    @given(
        ends=st.integers(1, 10**9),
        ticks=st.sampled_from([-(10**6), -1, 0, 1, 10**6]),
        is_recorded=st.booleans(),
        is_given=st.booleans(),
    )
    def test_to_the_tick(
        self, make_store: MakeStore, ends: int, ticks: int, *, is_recorded: bool, is_given: bool
    ) -> None:
        """
        Up to a tick before its expiry a hold counts and can be captured, and from the expiry on
        it neither counts nor can be: by the clock, by a time that is given, and by what is read
        for that instant.
        """
        ends_at = NOW + TICK * ends
        at = max(ends_at + TICK * ticks, NOW)
        counts = at < ends_at
        with make_store() as store:
            now = NOW
            bank = Bank(store, clock=lambda: now)
            for name in ("a", "b"):
                bank.open_account(name, initial_balance=eur(10))
                bank.place_hold(name, eur(7), expires_at=ends_at, transaction_id=f"h-{name}")

            assert eur(3 if counts else 10) == bank.available_at("a", at)
            now = at + timedelta(days=1) if is_given else at
            if is_recorded and not is_given:
                assert ([] if counts else ["h-a", "h-b"]) == [
                    each.command.hold_id.value
                    for each in bank.expire_holds()
                    if isinstance(each.command, ExpireHold)
                ]
            options: dict[str, Any] = {"booked_at": at if is_given else None}
            (captured,) = bank.execute([CaptureHold("a", "h-a", **options)])
            (withdrawn,) = bank.execute([Withdraw("b", eur(10), **options)])

            assert (Transaction if counts else HoldNotActiveError) is type(captured)
            assert (InsufficientFundsError if counts else Transaction) is type(withdrawn)
            assert eur(3 if counts else 10) == bank.balance_at("a", at)


class TestPosts:
    """
    "Several legs at once: `Post(legs=((a, money), (b, -money), …))`, netted to one posting per
    account, zero per currency in all unless it says that it crosses the bank's boundary; limits
    are judged on each account's net."
    """

    @settings(max_examples=200)
    @given(
        legs=_legs(),
        crosses=st.booleans(),
        held=st.integers(0, 400),
        restriction=st.sampled_from([Restriction.NONE] * 3 + [*Restriction]),
    )
    def test_nets(
        self, legs: list[tuple[str, Money]], held: int, restriction: Restriction, *, crosses: bool
    ) -> None:
        """
        What is booked on each account is the sum of its legs, once, where they add up, no net
        is stopped, and none takes more than is available: in this order.
        """
        bank = Run(MemoryStore()).bank
        for name, (code, minor) in ACCOUNTS.items():
            bank.open_account(name, initial_balance=Money.from_minor(minor, code))
        if held:
            bank.place_hold("a", eur(held))
        reason = None if restriction is Restriction.NONE else "theft"
        bank.restrict("b", restriction, reason=reason)
        nets: Amounts = Counter()
        totals: Amounts = Counter()
        for name, money in legs:
            nets[name] += money.amount_minor
            totals[money.currency.code] += money.amount_minor
        available = {**{name: minor for name, (_, minor) in ACCOUNTS.items()}, "a": 400 - held}
        is_stopped = (nets["b"] < 0 and restriction.value in {"debits", "all"}) or (
            nets["b"] > 0 and restriction.value in {"credits", "all"}
        )
        expected: type[Outcome] = Transaction
        if any(totals.values()) and not crosses:
            expected = InvalidLegsError
        elif is_stopped:
            expected = AccountRestrictedError
        elif any(net < 0 and available[name] + net < 0 for name, net in nets.items()):
            expected = InsufficientFundsError
        try:
            outcome: Outcome = bank.post(legs, crosses_boundary=crosses)
        except BankError as error:
            outcome = error

        assert expected is type(outcome)
        booked = dict.fromkeys(nets, 0)
        if isinstance(outcome, Transaction):
            touched = {name for name, _ in legs}
            assert {name: nets[name] for name in touched} == dict(amounts_of(outcome))
            assert len(touched) == len(outcome.postings)
            booked = nets
        for name, (_, minor) in ACCOUNTS.items():
            assert minor + booked.get(name, 0) == bank.account(name).balance.amount_minor


class TestReversals:
    """
    "`reverse(transaction_id, amount=None)` makes one opposite transaction that names it: whole,
    or for what moved one amount a part, as often as something is left; all parts together never
    exceed the original. Only transactions that move money (…; a closing or a reversal cannot be
    reversed), declined where the money is gone. What has reversed it is a query."
    """

    @given(steps=lives(), data=st.data())
    def test_opposite_and_never_more(self, steps: list[Step], data: st.DataObject) -> None:
        """
        Whatever there is, a reversal books on each account what the original booked there, or a
        part or the rest of it, with the other sign; all of them together book no more than it
        did; what is refused changes nothing.
        """
        run = Run(MemoryStore())
        run.take(steps)
        originals = run.journal()
        reversals: defaultdict[TransactionId, list[Transaction]] = defaultdict(list)
        for each in originals:
            if isinstance(each.command, Reverse):
                reversals[each.command.original_id].append(each)
        for original in data.draw(st.permutations(originals * 2)):
            part = data.draw(st.none() | st.integers(1, 60))
            code = original.postings[0].amount.currency.code
            amount = None if part is None else Money.from_minor(part, code)
            before, done = run.state(), reversals[original.id]
            (outcome,) = run.bank.execute([Reverse(original.id, amount)])
            moved = moved_by(original)
            left = moved - sum(map(moved_by, done))
            if isinstance(original.command, CloseAccount | Reverse) or not moved:
                assert NotReversibleError is type(outcome)
            elif part is None and not left:
                assert isinstance(outcome, AlreadyReversedError)
                assert done[-1].id == outcome.reversed_by
            elif part is not None and isinstance(original.command, Post):
                assert PartNotReversibleError is type(outcome)
            elif part is not None and part > left:
                assert isinstance(outcome, ReversalExceededError)
                assert left == outcome.left.amount_minor
            elif isinstance(outcome, Transaction):
                done.append(outcome)
                opposite = amounts_of(outcome)
                taken = [
                    (
                        name,
                        minor
                        if isinstance(original.command, Post)
                        else sign(minor) * (part or left),
                    )
                    for name, minor in amounts_of(original)
                ]
                assert sorted((name, -minor) for name, minor in taken) == sorted(opposite)
                # Those to be debited come first.
                assert sorted(opposite, key=lambda each: each[1] >= 0) == opposite
            if isinstance(outcome, BankError):
                assert before == run.state()
            assert tuple(done) == run.bank.reversals(original.id)
            assert run.bank.reversed_by(original.id) == (done[-1] if done else None)
        assert verify(run.store).is_clean

    @given(steps=lives())
    def test_newest_first(self, steps: list[Step]) -> None:
        """
        Where nothing but money moved, all that was booked can be reversed, the newest first, a
        cent of it before the rest, and leaves every balance as it was opened.
        """
        movements = (OpenAccount, Deposit, Withdraw, Transfer, Post)
        run = Run(MemoryStore())
        run.take([step for step in steps if isinstance(step[1], movements)])
        for original in reversed(run.journal()[len(ACCOUNTS) :]):
            moved = moved_by(original)
            if moved > 1 and original.command.moves_one_amount:
                cent = Money.from_minor(1, original.postings[0].amount.currency)
                run.bank.reverse(original.id, cent)
            if moved:
                run.bank.reverse(original.id)

        assert {name: minor for name, (_, minor) in ACCOUNTS.items()} == {
            account.id.value: account.balance.amount_minor for account in run.store.accounts()
        }


class TestClosing:
    """
    "a closed account has zero balance and no holds", "Closing is final."
    """

    @given(steps=lives())
    def test_over_a_whole_life(self, steps: list[Step]) -> None:
        """
        With its closing an account has no money and nothing held, and nothing moves on it any
        more.
        """
        run = Run(MemoryStore())
        run.take(steps)
        closed: set[str] = set()
        for transaction in run.journal():
            for posting in transaction.postings:
                name = posting.account_id.value
                if name in closed:
                    assert isinstance(transaction.command, GrantAccess | RevokeAccess)
                if (
                    isinstance(transaction.command, CloseAccount)
                    and posting is (transaction.postings[0])
                ):
                    closed.add(name)
                if name in closed:
                    assert (0, 0) == (posting.balance.amount_minor, posting.held.amount_minor)


class TestPreview:
    """
    "Look before you leap: `bank.preview(commands)` runs the real path, writes nothing and uses
    up no id"
    """

    @given(steps=lives(), is_atomic=st.booleans(), length=st.integers(1, 4))
    def test_before_each_batch(self, steps: list[Step], length: int, *, is_atomic: bool) -> None:
        """
        What a preview says is what comes to pass, and until then nothing has.
        """
        run = Run(MemoryStore())
        run.take(steps[: len(ACCOUNTS)])
        for start in range(len(ACCOUNTS), len(steps), length):
            batch = [command for _, command in steps[start : start + length]]
            before = run.state()
            previewed = _outcomes(partial(run.bank.preview, batch, atomic=is_atomic))

            assert before == run.state()
            assert previewed == _outcomes(partial(run.bank.execute, batch, atomic=is_atomic))


def _outcomes(do: Callable[[], Sequence[Outcome]]) -> list[object]:
    try:
        return list(map(said, do()))
    except BankError as error:
        return [said(error), error.unused_ids]


class TestStoresAgree:
    """
    "All obey exactly the same rules"
    """

    @given(steps=lives(), seconds=st.integers(-1, 60), ticks=st.integers(-1, 1))
    def test_over_a_whole_life(
        self, make_store: MakeStore, steps: list[Step], seconds: int, ticks: int
    ) -> None:
        """
        The same life comes to the same outcomes, journals, accounts, statements, holds and
        expiries on every store as in memory.
        """
        at = NOW + timedelta(seconds=seconds) + TICK * ticks
        with memory_store() as memory, make_store() as store:
            one, other = Run(memory), Run(store)

            assert list(map(said, one.take(steps))) == list(map(said, other.take(steps)))
            assert list(memory.holds_due(at)) == list(store.holds_due(at))
            for account in memory.accounts():
                first, second = (
                    (
                        run.bank.statement(account.id, end=at),
                        run.bank.balance_at(account.id, at),
                        run.bank.available_at(account.id, at),
                        run.bank.holds(account.id),
                    )
                    for run in (one, other)
                )
                assert first == second
            assert one.bank.expire_holds() == other.bank.expire_holds()
            assert one.state() == other.state()
