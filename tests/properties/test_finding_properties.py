"""
Finding transactions, against a look at every record of the journal.

What is expected is worked out from the records alone, without `TransactionQuery` and any index.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Bank, Money, Principal, Transaction, TransactionId
from bankcore.commands import Command, Deposit, OpenAccount, PlaceHold, Post, Transfer, Withdraw
from bankcore.errors import AccessDeniedError, TransactionNotFoundError
from every_store import MakeStore

NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Whose each account is, and its currency.
ACCOUNTS: Final = {"a": ("mary", "EUR"), "b": ("bert", "EUR"), "c": ("mary", "JPY")}
#: Who asks, and which of these accounts it may read; None is trusted code.
READERS: Final = (
    (None, "abc"),
    (Principal("mary", roles=["owner"]), "ac"),
    (Principal("bert", roles=["owner"]), "b"),
    # It sees all accounts but its own.
    (Principal("mary", roles=["teller"]), "b"),
)
PAIRS: Final = st.dictionaries(
    st.sampled_from(["order", "shop"]), st.sampled_from(["é", "\\"]), max_size=2
)
NAMES: Final = st.sampled_from(sorted(ACCOUNTS))
INSTANTS: Final = st.integers(0, 4).map(lambda seconds: NOON + timedelta(seconds=seconds))
TEXTS: Final = ("Rent", "STRASSE 1", "Straße", 'a\\ "100%" _', "ΣΊΣΥΦΟΣ")
#: Seconds since the step before, what is done, to which account, with how much of its currency.
STEPS: Final = st.tuples(
    st.sampled_from([0, 0, 1]),
    st.sampled_from([Deposit, Withdraw, Transfer, PlaceHold, Post, OpenAccount]),
    NAMES,
    st.integers(1, 4),
    st.fixed_dictionaries({}, optional={"description": st.sampled_from(TEXTS), "metadata": PAIRS}),
)
Asked = dict[str, Any]


@st.composite
def searches(draw: st.DrawFn) -> Asked:
    currency = draw(st.sampled_from(["EUR", "JPY"]))
    amounts = st.integers(0, 4).map(lambda amount: Money(amount, currency))
    kinds = st.sampled_from(["deposit", "transfer", "place_hold", "post", "open_account"])
    optional: dict[str, st.SearchStrategy[Any]] = {
        "account_id": NAMES,
        "start": INSTANTS,
        "end": INSTANTS,
        "kinds": st.sets(kinds, max_size=3),
        "at_least": amounts,
        "at_most": amounts,
        "metadata": PAIRS,
        "text": st.sampled_from(["s", "rent", "strasse", "ς", "\\", '\\ "1', "%", "_", "ẞ"]),
    }
    # Of all at once hardly any would be true.
    names = draw(st.sets(st.sampled_from(sorted(optional)), max_size=3))
    asked: Asked = {name: draw(optional[name]) for name in sorted(names)}
    asked["newest_first"] = draw(st.booleans())
    for low, high in (("start", "end"), ("at_least", "at_most")):
        if low in asked and high in asked:
            asked[low], asked[high] = sorted([asked[low], asked[high]])
    return asked


SOUGHT: Final = st.tuples(st.sampled_from(READERS), searches())


def lived(store: Any, steps: Sequence[Any]) -> Bank:
    """
    Return a bank after *steps*, some of them of one time, and some openings of an earlier one.
    """
    commands: list[Command] = [
        OpenAccount(name, initial_balance=Money(5, currency), holder=holder, booked_at=NOON)
        for name, (holder, currency) in ACCOUNTS.items()
    ]
    now = NOON
    for number, (seconds, kind, name, amount, said) in enumerate(steps):
        now += timedelta(seconds=seconds)
        common, money = {"booked_at": now, **said}, Money(amount, ACCOUNTS[name][1])
        if kind is OpenAccount:
            common["booked_at"] = NOON
            commands.append(OpenAccount(f"z-{number}", initial_balance=money, **common))
        elif kind is Transfer:
            pair = ("b", "a") if name == "b" else ("a", "b")
            commands.append(Transfer(*pair, Money(amount, "EUR"), up_to=True, **common))
        elif kind is Post:
            legs = [("b", Money(amount, "EUR")), ("a", Money(1, "EUR")), ("c", Money(2, "JPY"))]
            commands.append(Post(legs, crosses_boundary=True, **common))
        else:
            commands.append(kind(name, money, **common))
    bank = Bank(store)
    bank.execute(commands)
    return bank


def fits(transaction: Transaction, asked: Asked) -> bool:
    command, at = transaction.command, transaction.booked_at
    account = asked.get("account_id")
    moved = [
        abs(posting.amount)
        for posting in transaction.postings
        if account in {None, posting.account_id.value}
    ]
    bounds = [asked[name] for name in ("at_least", "at_most") if name in asked]
    if bounds:
        moved = [each for each in moved if each and each.currency == bounds[0].currency]
    text = asked.get("text", "").casefold()
    return (
        asked.get("start", at) <= at
        and ("end" not in asked or at < asked["end"])
        and command.kind in (asked.get("kinds") or {command.kind})
        and asked.get("metadata", {}).items() <= command.metadata.items()
        and text in (command.description or "").casefold()
        and (
            not (bounds or account)
            or any(
                asked.get("at_least", each) <= each <= asked.get("at_most", each) for each in moved
            )
        )
    )


def readable(bank: Any) -> Callable[[TransactionId], Transaction | None]:
    @cache
    def read(transaction_id: TransactionId) -> Transaction | None:
        try:
            found: Transaction = bank.transaction(transaction_id)
        except TransactionNotFoundError:
            return None
        return found

    return read


class TestFinding:
    """
    "A bank that acts for a principal finds what the principal may read, and by nothing that it
    may not", in the order of the times, "and those of one time in the order in which they were
    recorded; with `newest_first`, the other way round".
    """

    @given(
        steps=st.lists(STEPS, min_size=6, max_size=16),
        sought=st.lists(st.tuples(st.sampled_from(READERS), searches()), min_size=1, max_size=9),
        limit=st.integers(1, 3),
        nth=st.integers(0, 9),
    )
    def test_all_that_fits_on_every_page(
        self,
        make_store: MakeStore,
        steps: list[Any],
        sought: list[tuple[tuple[Principal | None, str], Asked]],
        limit: int,
        nth: int,
    ) -> None:
        """
        Every search finds what a look at each record finds, page by page, and behind any record.
        """
        with make_store() as store:
            trusted = lived(store, steps)
            journal = [each for each in store.journal().records if isinstance(each, Transaction)]
            journal.sort(key=lambda each: each.booked_at)
            for (principal, own), asked in sought:
                bank: Any = trusted if principal is None else trusted.acting_as(principal)
                read = readable(bank)
                seen = [each for record in journal if (each := read(record.id)) is not None]
                if asked["newest_first"]:
                    seen.reverse()
                if asked.get("account_id", own[0]) not in own:
                    with pytest.raises(AccessDeniedError):
                        bank.transactions(**asked)
                    continue
                expected = [each for each in seen if fits(each, asked)]
                found: list[Transaction] = []
                while page := bank.transactions(
                    **asked, limit=limit, after=found[-1].id if found else None
                ):
                    found += page

                assert expected == found
                if seen:
                    at = nth % len(seen)
                    rest = [each for each in seen[at + 1 :] if fits(each, asked)]

                    assert rest == list(bank.transactions(**asked, after=seen[at].id))
