"""
Who may do what, over any sequence of what several principals ask for.

"Nobody touches an account they may not": what an owner may do is worked out here from the
rights alone, without the policies and their table.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import attrs
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Account, AccountId, Bank, ExchangeRate, Money, Principal
from bankcore.accounts import Right
from bankcore.commands import Command, Deposit, GrantAccess, RevokeAccess
from bankcore.errors import AccessDeniedError, BankError, TransactionNotFoundError
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import MemoryStore
from bankcore.values import PrincipalId, TransactionId
from every_command import Domain, commands_of, kinds

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NAMES = ["mary", "bert"]
ACCOUNTS = ["a", "b", "c"]


@attrs.frozen
class Step:
    """
    A principal and what it asks for, in one call; None is trusted code.
    """

    who: str | None
    commands: tuple[Command, ...]
    atomic: bool = False


# Kinds that are drawn more often than once: those that move money, and by the rights of owners.
WEIGHTS: Final = dict.fromkeys(
    ("deposit", "withdraw", "transfer", "post", "place_hold", "capture_hold", "close_account"), 3
)
IDS: Final = st.sampled_from([f"t-{number}" for number in range(8)])
AMOUNTS: Final = st.integers(1, 60).map(lambda amount: Money.from_minor(amount, "EUR"))
DOMAIN: Final[Domain] = {
    AccountId: st.sampled_from([*ACCOUNTS, *ACCOUNTS, "x"]),
    TransactionId: IDS,
    Money: AMOUNTS,
    PrincipalId: st.sampled_from(NAMES),
    datetime: st.integers(-1, 9).map(lambda hours: NOON + timedelta(hours=hours)),
    # Without an id of its own it would be another account when it is sent again.
    "open_account.account_id": st.sampled_from([*ACCOUNTS, "d"]),
    "legs": st.builds(
        lambda pair, amount: [(pair[0], -amount), (pair[1], amount)],
        st.permutations([*ACCOUNTS, "x"]),
        AMOUNTS,
    ),
    "exchange_rate": st.just(ExchangeRate("EUR", "EUR", 1)),
}


@st.composite
def commands(draw: st.DrawFn) -> Command:
    command = draw(kinds(WEIGHTS).flatmap(lambda kind: commands_of(kind, DOMAIN)))
    return attrs.evolve(command, transaction_id=draw(st.none() | IDS))


def grants() -> st.SearchStrategy[Command]:
    account, name = st.sampled_from(ACCOUNTS), st.sampled_from(NAMES)
    rights = st.sets(st.sampled_from(Right), min_size=1)
    return st.builds(GrantAccess, account, name, rights) | st.builds(RevokeAccess, account, name)


def steps() -> st.SearchStrategy[Step]:
    asked = st.builds(
        Step, st.sampled_from(NAMES), st.lists(commands(), min_size=1, max_size=3).map(tuple)
    )
    atomic = st.builds(
        lambda who, several: Step(
            who, tuple(attrs.evolve(each, transaction_id=None) for each in several), atomic=True
        ),
        st.sampled_from(NAMES),
        st.lists(commands(), min_size=1, max_size=3),
    )
    trusted = st.builds(
        lambda command: Step(None, (command,)), st.one_of(grants(), grants(), commands())
    )
    return st.one_of(asked, asked, trusted, atomic)


class Town:
    """
    A bank with three accounts: mary's, bert's, and one that both hold.
    """

    def __init__(self) -> None:
        numbers = count()
        self.store = MemoryStore()
        self.bank = Bank(self.store, clock=lambda: NOON, new_id=lambda: f"made-{next(numbers)}")
        for name, holder in (("a", "mary"), ("b", "bert"), ("c", "mary")):
            self.bank.open_account(
                name, initial_balance=Money.from_minor(50, "EUR"), holder=holder
            )
        self.bank.grant_access("c", "bert", list(Right))

    def door(self, who: str | None) -> Any:
        return self.bank if who is None else self.bank.acting_as(Principal(who, ["owner"]))

    def send(self, step: Step) -> list[Any]:
        try:
            return list(self.door(step.who).execute(step.commands, atomic=step.atomic))
        except BankError as error:
            return [error]

    def accounts(self) -> dict[str, Account]:
        return {str(account.id): account for account in self.bank.accounts()}

    def records(self) -> tuple[Transaction | Refusal, ...]:
        return self.store.journal(limit=10_000).records


def rights(account: Account | None, who: str) -> frozenset[Right]:
    """
    Return what *who* holds on *account*, from its holders alone.
    """
    holders = () if account is None else account.holders
    return frozenset(
        right
        for holder in holders
        if holder.principal == PrincipalId(who)
        for right in holder.rights
    )


def touched(
    before: dict[str, Account], after: dict[str, Account]
) -> Iterator[tuple[Any, Account]]:
    for name, account in after.items():
        if before.get(name) != account:
            yield before.get(name), account


def _booked(record: Transaction | Refusal) -> Transaction | Refusal:
    """
    The record without its sender, and without what depends on what its sender may see.
    """
    if isinstance(record, Refusal) and len(record.command.account_ids) > 1:
        record = attrs.evolve(record, code="", facts={})
    return attrs.evolve(record, principal=None)


class TestNobodyTouchesWhatTheyMayNot:
    """
    "Nobody touches an account they may not", and what there is adds up all the same.
    """

    @given(st.lists(steps(), max_size=12))
    def test_money_leaves_no_account_without_the_right_to_debit(self, history: list[Step]) -> None:
        """
        What a principal changes is: less money or more held with the right to debit; more money
        by a payment of its own or with the right to credit; nothing else of what was there.
        """
        town = Town()
        for step in history:
            for command in step.commands:
                before = town.accounts()
                town.send(Step(step.who, (command,)))
                if step.who is None:
                    continue
                for was, now in touched(before, town.accounts()):
                    if was is None:
                        assert Right.DEBIT in rights(now, step.who)
                        continue
                    held = rights(was, step.who)
                    paid_in = now.balance > was.balance and now.held == was.held
                    assert Right.DEBIT in held or paid_in
                    if isinstance(command, Deposit):
                        assert Right.CREDIT in held
                    assert (was.holders, was.overdraft_limit, was.restriction) == (
                        *(now.holders, now.overdraft_limit, now.restriction),
                    )

    @given(st.lists(steps(), max_size=12))
    def test_nobody_is_told_of_accounts_that_they_may_not_read(self, history: list[Step]) -> None:
        """
        No receipt has a posting, no list an account, and no read an answer without the right.
        """
        town = Town()
        for step in history:
            before = town.accounts()
            outcomes = town.send(step)
            accounts = town.accounts()
            for who in NAMES:
                may = {name for name, each in accounts.items() if Right.READ in rights(each, who)}
                acting = town.door(who)

                assert may == {str(account.id) for account in acting.accounts()}
                for name in (*accounts, "x"):
                    assert (name in may) == can(acting.account, name)
                    assert (name in may) == can(acting.statement, name)
            if step.who is None:
                continue
            seen = {
                name
                for name in accounts
                if Right.READ
                in rights(accounts[name], step.who) | rights(before.get(name), step.who)
            }
            for outcome in outcomes:
                if isinstance(outcome, Transaction):
                    assert {str(each.account_id) for each in outcome.postings} <= seen

    @given(st.lists(steps(), max_size=12))
    def test_what_was_accepted_is_what_trusted_code_would_have_booked(
        self, history: list[Step]
    ) -> None:
        """
        The journal, sent again by trusted code, gives the same accounts, postings and refusals;
        of a refused payment to another account its sender was told no more than it might know.
        """
        town, again = Town(), Town()
        for step in history:
            town.send(step)
        for record in town.records()[4:]:
            batch = record.batch if isinstance(record, Refusal) else ()
            again.send(Step(None, (*batch, record.command), atomic=bool(batch)))

        assert verify(town.store).is_clean
        assert town.accounts() == again.accounts()
        assert list(map(_booked, town.records())) == list(map(_booked, again.records()))

    @given(st.lists(steps(), max_size=12))
    def test_one_id_has_one_outcome_whoever_asks(self, history: list[Step]) -> None:
        """
        Sent again by all, what is recorded under an id changes nothing: who asked first gets
        the same, or a denial; another learns nothing of it.
        """
        town = Town()
        for step in history:
            town.send(step)
        before = town.records()
        for record in before[4:]:
            for who in NAMES:
                (outcome,) = town.send(Step(who, (record.command,)))
                if isinstance(outcome, AccessDeniedError):
                    continue
                if who != record.principal:
                    assert () == outcome.fields
                elif isinstance(record, Transaction):
                    assert (record.id, True) == (outcome.id, outcome.replayed)
                else:
                    assert (record.code, True) == (outcome.code, outcome.replayed)
        assert before == town.records()

    @given(st.lists(steps(), max_size=12))
    def test_a_denial_leaves_no_trace_in_the_journal(self, history: list[Step]) -> None:
        """
        What was denied is recorded nowhere, and its id stays free.
        """
        town = Town()
        for step in history:
            for command in step.commands:
                before = town.records()
                (outcome,) = town.send(Step(step.who, (command,)))
                is_denied = isinstance(outcome, AccessDeniedError) or (
                    step.who is not None and isinstance(outcome, TransactionNotFoundError)
                )
                if is_denied:
                    assert before == town.records()
                elif isinstance(outcome, Transaction) and not outcome.replayed:
                    assert before != town.records()


def can(read: Any, name: str) -> bool:
    try:
        read(name)
    except AccessDeniedError:
        return False
    return True


def test_the_ids_of_the_histories_are_known() -> None:
    """The town begins with four records, which the comparisons leave out."""
    assert 4 == len(Town().records())
    assert isinstance(Town().records()[0].id, TransactionId)
