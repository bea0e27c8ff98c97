"""
The account by itself: what it can be, and what taking in and out do to it.
"""

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, cast

import attrs
import pytest

from bankcore import Account, AccountId, AccountStatus, Money
from bankcore.accounts import (
    AMOUNT_MINOR_MAX,
    END_YEAR_MAX,
    HOLDERS_MAX,
    HOLDS_MAX,
    Hold,
    Holder,
    Restriction,
    Right,
)
from bankcore.accounts._fields import require_amount, require_not_negative
from bankcore.commands import GrantAccess
from bankcore.errors import (
    AccountClosedError,
    AccountRestrictedError,
    AmountTooLargeError,
    BalanceLimitError,
    BankError,
    CloseBlockedError,
    CurrencyMismatchError,
    HolderLimitError,
    HolderNotFoundError,
    HoldExceededError,
    HoldLimitError,
    HoldNotActiveError,
    HoldNotFoundError,
    InsufficientFundsError,
    InvalidAccountError,
    InvalidAmountError,
    InvalidIdError,
    InvalidRestrictionError,
    InvalidRightsError,
    InvalidTextError,
    InvalidTimeError,
)
from bankcore.values import PrincipalId, TransactionId

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # an input under test
LAST_END = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def eur(amount: Any) -> Money:
    return Money(amount, "EUR")


def minor(amount: int) -> Money:
    return Money.from_minor(amount, "EUR")


def account(balance: str = "100", **fields: Any) -> Account:
    return Account(id="alice", balance=eur(balance), **fields)


def hold(amount: str, hold_id: str = "h-1", **fields: Any) -> Hold:
    return Hold(id=hold_id, amount=eur(amount), **fields)


def holding(amount: str) -> tuple[Hold, ...]:
    """
    The holds of an account of which *amount* is held.
    """
    return (hold(amount),) if eur(amount) else ()


CLOSED = account("0", status=AccountStatus.CLOSED, version=3)


def test_five_lines_to_a_correct_account() -> None:
    """An account works with no bank and no store, and the old one is as it was."""
    opened = Account.open("alice", initial_balance=eur("100"))
    richer = opened.deposit(eur("50"))
    poorer = richer.withdraw(eur("30"))

    assert (eur("100"), eur("150"), eur("120")) == (opened.balance, richer.balance, poorer.balance)
    assert (1, 2, 3) == (opened.version, richer.version, poorer.version)


def test_opening_gives_every_field() -> None:
    """A new account is open, at version 1, with what it was opened with."""
    opened = Account.open(
        "alice", initial_balance=eur("0"), overdraft_limit=eur("5"), booked_at=NOON
    )

    assert (
        Account(
            id=AccountId("alice"),
            balance=eur("0"),
            holds=(),
            overdraft_limit=eur("5"),
            status=AccountStatus.OPEN,
            version=1,
            last_booked_at=NOON,
        )
        == opened
    )


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"account_id": "a b"}, InvalidIdError),
        ({"initial_balance": eur("-1")}, InvalidAmountError),
        ({"initial_balance": 5}, InvalidAmountError),
        ({"initial_balance": minor(AMOUNT_MINOR_MAX + 1)}, AmountTooLargeError),
        ({"overdraft_limit": eur("-1")}, InvalidAmountError),
        ({"overdraft_limit": 5}, InvalidAmountError),
        ({"overdraft_limit": Money("1", "USD")}, CurrencyMismatchError),
        ({"booked_at": datetime(2026, 1, 1)}, InvalidTimeError),  # noqa: DTZ001  # the very input under test
    ],
)
def test_opening_refuses(fields: dict[str, Any], error: type[BankError]) -> None:
    """What is not valid for a new account raises its own error."""
    with pytest.raises(error):
        Account.open(**{"account_id": "alice", "initial_balance": eur("0"), **fields})


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        (
            {"holds": [Hold(id="h", amount=Money("1", "USD"))]},
            InvalidAccountError,
            "a value of type Hold is not an open hold in its currency",
        ),
        ({"holds": [hold("1", captured=eur("1"))]}, InvalidAccountError, "not an open hold"),
        ({"holds": [None]}, InvalidAccountError, "None is not an open hold"),
        ({"holds": [hold("1"), hold("2")]}, InvalidAccountError, "its 2 holds are too many, or"),
        (
            {"holds": [hold("0.01", f"h-{n}") for n in range(HOLDS_MAX + 1)]},
            InvalidAccountError,
            "its 1001 holds are too many, or two are of one id",
        ),
        ({"overdraft_limit": Money("1", "USD")}, InvalidAccountError, "not of one currency"),
        (
            {"overdraft_limit": eur("-0.01")},
            InvalidAccountError,
            "its overdraft limit is EUR -0.01, below zero",
        ),
        (
            {"holds": [Hold(id="h", amount=minor(AMOUNT_MINOR_MAX)), hold("0.01")]},
            AmountTooLargeError,
            "^held must be within ±",
        ),
        (
            {"overdraft_limit": minor(AMOUNT_MINOR_MAX + 1)},
            AmountTooLargeError,
            "^overdraft_limit must be within ±",
        ),
        (
            {"balance": minor(AMOUNT_MINOR_MAX + 1)},
            AmountTooLargeError,
            "^balance must be within ±",
        ),
        (
            {"balance": minor(-AMOUNT_MINOR_MAX - 1)},
            AmountTooLargeError,
            "^balance must be within ±",
        ),
        ({"balance": 5}, InvalidAccountError, "Money"),
        ({"overdraft_limit": None}, InvalidAccountError, "are not both Money"),
        ({"version": -1}, InvalidAccountError, "not an int from 0"),
        ({"version": 1.0}, InvalidAccountError, "not an int from 0"),
        ({"version": True}, InvalidAccountError, "not an int from 0"),
        ({"status": AccountStatus.CLOSED}, InvalidAccountError, "it is closed, with a balance of"),
        (
            {"balance": eur("0"), "holds": [hold("1")], "status": AccountStatus.CLOSED},
            InvalidAccountError,
            "it is closed, with a balance of EUR 0.00 and 1 holds",
        ),
        (
            {"balance": eur("-1"), "status": AccountStatus.CLOSED},
            InvalidAccountError,
            "it is closed",
        ),
        ({"status": "open"}, InvalidAccountError, "not an AccountStatus"),
        ({"id": "a b"}, InvalidIdError, "^id must be 1 to 64 characters"),
        ({"last_booked_at": NAIVE}, InvalidTimeError, "^last_booked_at must have a time zone"),
        (
            {"restriction": Restriction.ALL},
            InvalidRestrictionError,
            "^restriction_reason must say why the account is restricted, got None",
        ),
        (
            {"restriction": Restriction.ALL, "restriction_reason": ""},
            InvalidRestrictionError,
            "^restriction_reason must say why the account is restricted, got ''",
        ),
        (
            {"restriction": "everything"},
            InvalidRestrictionError,
            "^restriction must be one of none, debits, credits, all, got 'everything'",
        ),
        (
            {"restriction": Restriction.ALL, "restriction_reason": "a\nb"},
            InvalidTextError,
            "^restriction_reason must be one line",
        ),
        (
            {"restriction_ends_at": NOON},
            InvalidRestrictionError,
            "^restriction_ends_at must be left out where nothing is restricted",
        ),
        (
            {
                "restriction": Restriction.ALL,
                "restriction_reason": "x",
                "restriction_ends_at": LAST_END + TICK,
            },
            InvalidTimeError,
            r"^restriction_ends_at must be before the year 9999 \(None, or left out, if",
        ),
        ({"holders": [None]}, InvalidAccountError, "its holders are not all Holder, at most 100"),
        (
            {"holders": [Holder(f"p-{n:03}", ["read"]) for n in range(HOLDERS_MAX + 1)]},
            InvalidAccountError,
            "its holders are not all Holder, at most 100",
        ),
        (
            {"holders": [Holder("b", ["read"]), Holder("a", ["read"])]},
            InvalidAccountError,
            "its holders are not in the order of their ids, each once",
        ),
        (
            {"holders": [Holder("a", ["read"]), Holder("a", ["debit"])]},
            InvalidAccountError,
            "its holders are not in the order",
        ),
    ],
)
def test_an_account_that_cannot_be_is_not_born(
    fields: dict[str, Any], error: type[BankError], reason: str
) -> None:
    """Whoever constructs it, an account that breaks what is always true raises."""

    def make() -> Account:
        return Account(**{"id": "alice", "balance": eur("100"), **fields})

    for each in (make, lambda: attrs.evolve(account(), **fields)):
        with pytest.raises(error, match=reason) as caught:
            each()
        assert str(caught.value).startswith(f"{caught.value.facts['field'] or 'The account'} ")


#: What a person reads, whole: every word of it is part of the answer.
SENTENCES: list[tuple[Callable[[], object], str]] = [
    (lambda: Holder("mary", "read"), "rights must be a collection of rights, got 'read'."),
    (
        lambda: Holder("mary", []),
        "rights must not be empty (revoke_access removes them all), got none.",
    ),
    (lambda: Holder("mary", ["own"]), "rights must be among read, credit, debit, got 'own'."),
    (
        lambda: hold("1", expires_at=LAST_END + TICK),
        (
            "expires_at must be before the year 9999 (None, or left out, if there is no end), got"
            " 9999-01-01T00:00:00+00:00."
        ),
    ),
    (
        lambda: account(restriction_ends_at=NOON),
        (
            "restriction_ends_at must be left out where nothing is restricted, got"
            " 2026-05-01T12:00:00+00:00."
        ),
    ),
    (lambda: require_amount("5"), "amount must be a Money, got '5'."),
    (lambda: require_amount(eur("0")), "amount must be above zero, got EUR 0.00."),
    (
        lambda: require_amount(minor(AMOUNT_MINOR_MAX + 1)),
        "amount must be within ±(10¹⁸ - 1) minor units, got EUR 10000000000000000.00.",
    ),
    (lambda: require_not_negative(eur("-0.01")), "amount must not be negative, got EUR -0.01."),
    (
        lambda: Account(id="alice", balance=cast("Any", "5")),
        "The account is not valid: its balance is '5', not a Money.",
    ),
    (
        lambda: account(overdraft_limit="5"),
        "The account is not valid: its balance and overdraft limit are not both Money.",
    ),
    (
        lambda: account(overdraft_limit=Money("5", "USD")),
        (
            "The account is not valid: balance EUR 100.00 and overdraft limit USD 5.00 are"
            " not of one currency."
        ),
    ),
    (
        lambda: account(overdraft_limit=eur("-5")),
        "The account is not valid: its overdraft limit is EUR -5.00, below zero.",
    ),
    (
        lambda: account(version=-1),
        "The account is not valid: its version is -1, not an int from 0.",
    ),
    (
        lambda: account(version="1"),
        "The account is not valid: its version is '1', not an int from 0.",
    ),
    (
        lambda: account(status="open"),
        "The account is not valid: its status is 'open', not an AccountStatus.",
    ),
    (
        lambda: account(holders=[Holder("b", ["read"]), Holder("a", ["read"])]),
        "The account is not valid: its holders are not in the order of their ids, each once.",
    ),
    (lambda: account().post(cast("Any", "5")), "net must be a Money, got '5'."),
    (
        lambda: account(holds=holding("5")).place_hold("h-1", eur("1")),
        "hold_id must not be the id of an open hold of the account, got 'h-1'.",
    ),
    (
        lambda: Hold(id="h", amount=eur("5"), captured=Money("1", "USD")),
        "captured must be in EUR, got USD.",
    ),
    (
        lambda: account().place_hold("h", eur("1"), expires_at=NOON, booked_at=NOON),
        (
            "expires_at must be after the operation, at 2026-05-01T12:00:00+00:00, got"
            " 2026-05-01T12:00:00+00:00."
        ),
    ),
]


@pytest.mark.parametrize(("make", "sentence"), SENTENCES)
def test_what_cannot_be_is_told_in_a_sentence(make: Callable[[], object], sentence: str) -> None:
    """Every word of a refusal is the documented one, and it begins with the field, if there is."""
    with pytest.raises(BankError) as caught:
        make()

    assert sentence == str(caught.value)
    assert sentence.startswith(f"{caught.value.facts['field'] or 'The account'} ")


def test_the_bounds_themselves_are_fine() -> None:
    """The largest amounts there can be are amounts that can be."""
    most = minor(AMOUNT_MINOR_MAX)
    rich = account(holds=[Hold(id="h", amount=most)], overdraft_limit=most)
    holds = [hold("0.01", f"h-{n}") for n in range(HOLDS_MAX)]
    holders = [Holder(f"p-{n:03}", ["read"]) for n in range(HOLDERS_MAX)]

    assert (most, most) == (rich.held, rich.overdraft_limit)
    assert eur("10") == account(holds=holds).held
    assert HOLDERS_MAX == len(account(holders=holders).holders)
    for balance in (most, -most):
        assert balance == Account(id="alice", balance=balance).balance


@pytest.mark.parametrize(
    ("balance", "held", "limit", "available"),
    [
        ("100", "0", "0", "100"),
        ("100", "30", "0", "70"),
        ("100", "30", "20", "90"),
        ("-10", "0", "20", "10"),
        ("-30", "0", "20", "-10"),
        ("0", "5", "0", "-5"),
    ],
)
def test_available_is_balance_less_held_plus_limit(
    balance: str, held: str, limit: str, available: str
) -> None:
    """What may be taken now is `balance - held + overdraft_limit`."""
    assert (
        eur(available)
        == account(balance, holds=holding(held), overdraft_limit=eur(limit)).available
    )


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, "100"),
        ({"holds": holding("30")}, "70"),
        ({"overdraft_limit": eur("20")}, "120"),
        ({"holds": holding("30"), "overdraft_limit": eur("20")}, "90"),
    ],
)
def test_all_that_is_available_may_be_taken_and_no_cent_more(
    fields: dict[str, Any], most: str
) -> None:
    """A withdrawal may bring available to zero exactly; one cent more is declined."""
    before = account(**fields)
    cent = Money.from_minor(1, "EUR")

    assert eur("0") == before.withdraw(eur(most)).available
    with pytest.raises(InsufficientFundsError) as raised:
        before.withdraw(eur(most) + cent)
    assert (AccountId("alice"), eur(most), eur(most) + cent, cent) == (
        raised.value.account_id,
        raised.value.available,
        raised.value.requested,
        raised.value.shortfall,
    )


def test_an_overdrawn_account_may_be_repaid() -> None:
    """What does not lower available is never declined by the floor."""
    overdrawn = account("-50", overdraft_limit=eur("20"))

    assert eur("-49.99") == overdrawn.deposit(eur("0.01")).balance
    with pytest.raises(InsufficientFundsError) as raised:
        overdrawn.withdraw(eur("0.01"))
    assert eur("30.01") == raised.value.shortfall


@pytest.mark.parametrize("method", [Account.deposit, Account.withdraw])
@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (eur("0"), InvalidAmountError),
        (eur("-1"), InvalidAmountError),
        (5, InvalidAmountError),
        ("5", InvalidAmountError),
        (None, InvalidAmountError),
        (minor(AMOUNT_MINOR_MAX + 1), AmountTooLargeError),
        (Money("1", "USD"), CurrencyMismatchError),
    ],
)
def test_what_cannot_move_is_refused(
    method: Callable[..., Account], amount: Any, error: type[BankError]
) -> None:
    """Nothing but money above zero, of the account's currency, moves."""
    with pytest.raises(error):
        method(account(), amount)


@pytest.mark.parametrize("method", [Account.deposit, Account.withdraw])
def test_a_closed_account_takes_and_gives_nothing(method: Callable[..., Account]) -> None:
    """Closing is final; a wrong currency is told first."""
    with pytest.raises(AccountClosedError):
        method(CLOSED, eur("1"))
    with pytest.raises(CurrencyMismatchError):
        method(CLOSED, Money("1", "USD"))


def test_the_balance_stays_within_its_bounds() -> None:
    """A deposit or withdrawal may reach ±(10¹⁸ - 1) minor units, and not pass them."""
    most = minor(AMOUNT_MINOR_MAX)
    rich, poor = (
        Account(id="a", balance=most),
        Account(id="a", balance=-most, overdraft_limit=most),
    )
    held = attrs.evolve(poor, balance=-most + minor(1), overdraft_limit=most)

    assert most == Account(id="a", balance=most - minor(1)).deposit(minor(1)).balance
    assert -most == held.withdraw(minor(1)).balance
    with pytest.raises(BalanceLimitError) as raised:
        rich.deposit(minor(1))
    assert (most, minor(1)) == (raised.value.balance, raised.value.requested)


def test_a_withdrawal_cannot_pass_the_lower_bound() -> None:
    """Below -(10¹⁸ - 1) there is no balance, even where funds would allow it."""
    most = minor(AMOUNT_MINOR_MAX)
    # Available is balance + limit = 1; an account at the very bottom has none.
    bottom = Account(id="a", balance=-most, overdraft_limit=most)
    with pytest.raises(InsufficientFundsError):
        bottom.withdraw(minor(1))


def test_a_booking_changes_balance_version_and_time_only() -> None:
    """What a booking does not change is as it was; without an instant, the last one stays."""
    before = account(
        holds=holding("5"),
        overdraft_limit=eur("7"),
        version=4,
        last_booked_at=datetime(2026, 1, 1, tzinfo=UTC),
        restriction=Restriction.ALL,
        restriction_reason="theft",
        restriction_ends_at=NOON,
        holders=[Holder("mary", ["read"])],
    )

    assert attrs.evolve(
        before, balance=eur("101"), version=5, last_booked_at=NOON
    ) == before.deposit(eur("1"), booked_at=NOON)
    unrestricted = attrs.evolve(
        before, restriction=Restriction.NONE, restriction_reason=None, restriction_ends_at=None
    )
    assert attrs.evolve(unrestricted, balance=eur("99"), version=5) == unrestricted.withdraw(
        eur("1")
    )
    assert before.held == before.deposit(eur("1"), booked_at=NOON).held
    for after in (unrestricted.deposit(eur("1")), unrestricted.post(eur("1"))):
        assert before.last_booked_at == after.last_booked_at


def test_an_account_cannot_change() -> None:
    """No field of an account can be assigned, on one that was booked on either."""
    for each in (account(), account().deposit(eur("1"))):
        for name in ("balance", "version", "holds", "held", "more"):
            with pytest.raises(AttributeError):
                setattr(each, name, None)


@pytest.mark.parametrize(
    "each",
    [
        account(),
        account().deposit(eur("1")),
        CLOSED,
        account(holds=holding("5"), holders=[Holder("mary", ["read"])]).withdraw(eur("1")),
    ],
)
def test_accounts_survive_copies(each: Account) -> None:
    """Copies and pickled accounts are equal."""
    assert each == copy.deepcopy(each) == pickle.loads(pickle.dumps(each))
    assert hash(each) == hash(copy.copy(each))
    assert each.held == pickle.loads(pickle.dumps(each)).held


def test_the_checks_of_amounts_by_themselves() -> None:
    """What may move is above zero; what an account begins with may be zero."""
    assert (eur("1"), eur("0")) == (require_amount(eur("1")), require_not_negative(eur("0")))
    assert minor(AMOUNT_MINOR_MAX) == require_amount(minor(AMOUNT_MINOR_MAX))
    with pytest.raises(InvalidAmountError):
        require_not_negative(eur("-0.01"))


class TestHold:
    def test_every_field(self) -> None:
        """A hold says what was reserved, what was taken of it, until when, and why."""
        made = Hold(
            id="h-1",
            amount=eur("10"),
            captured=eur("3"),
            expires_at=NOON.astimezone(UTC),
            description="room 7",
        )

        assert (TransactionId("h-1"), eur("10"), eur("3"), eur("7"), NOON, "room 7") == (
            made.id,
            made.amount,
            made.captured,
            made.left,
            made.expires_at,
            made.description,
        )
        assert (eur("0"), None, None) == (
            hold("5").captured,
            hold("5").expires_at,
            hold("5").description,
        )

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"id": "a b"}, InvalidIdError),
            ({"id": None}, InvalidIdError),
            ({"amount": eur("0")}, InvalidAmountError),
            ({"amount": eur("-1")}, InvalidAmountError),
            ({"amount": 5}, InvalidAmountError),
            ({"amount": minor(AMOUNT_MINOR_MAX + 1)}, AmountTooLargeError),
            ({"captured": eur("-0.01")}, InvalidAmountError),
            ({"captured": eur("10.01")}, InvalidAmountError),
            ({"captured": Money("1", "USD")}, CurrencyMismatchError),
            ({"captured": Money("0", "USD")}, CurrencyMismatchError),
            ({"captured": None}, InvalidAmountError),
            ({"expires_at": NAIVE}, InvalidTimeError),
            ({"expires_at": "never"}, InvalidTimeError),
            ({"expires_at": LAST_END + TICK}, InvalidTimeError),
            ({"description": "a\nb"}, InvalidTextError),
        ],
    )
    def test_a_hold_that_cannot_be_is_not_born(
        self, fields: dict[str, Any], error: type[BankError]
    ) -> None:
        """A hold refuses amounts, ids, ends and texts that cannot be."""
        with pytest.raises(error):
            Hold(**{"id": "h-1", "amount": eur("10"), **fields})

    def test_its_bounds(self) -> None:
        """A hold may be of the largest amount, captured whole, and end with 9998."""
        most = minor(AMOUNT_MINOR_MAX)
        made = Hold(id="expiry:a:1", amount=most, captured=most, expires_at=LAST_END)

        assert (minor(0), LAST_END) == (made.left, made.expires_at)

    def test_capture(self) -> None:
        """What is captured adds up, to the very amount and no further; the old one stays."""
        before = hold("10", expires_at=NOON, description="x")

        assert attrs.evolve(before, captured=eur("4")) == before.capture(eur("4"))
        assert eur("0") == before.capture(eur("4")).capture(eur("6")).left
        assert eur("10") == before.left
        with pytest.raises(HoldExceededError) as raised:
            before.capture(eur("4")).capture(eur("6.01"))
        assert (TransactionId("h-1"), eur("6"), eur("6.01"), eur("0.01")) == (
            raised.value.hold_id,
            raised.value.left,
            raised.value.requested,
            raised.value.shortfall,
        )

    @pytest.mark.parametrize(
        ("amount", "error"),
        [
            (eur("0"), InvalidAmountError),
            (eur("-1"), InvalidAmountError),
            (None, InvalidAmountError),
            (Money("1", "USD"), CurrencyMismatchError),
        ],
    )
    def test_capture_refuses(self, amount: Any, error: type[BankError]) -> None:
        """Nothing but money above zero, of the hold's currency, is captured."""
        with pytest.raises(error):
            hold("10").capture(amount)

    @pytest.mark.parametrize(
        ("expires_at", "at", "is_due"),
        [
            (None, LAST_END, False),
            (NOON, NOON - TICK, False),
            (NOON, NOON, True),
            (NOON, NOON + TICK, True),
        ],
    )
    def test_is_due(self, expires_at: datetime | None, at: datetime, is_due: bool) -> None:
        """A hold is due from the very instant of its expiry on; one without is never."""
        assert is_due is hold("1", expires_at=expires_at).is_due(at)

    def test_extend(self) -> None:
        """An extension is later by a tick at least, or for ever."""
        before = hold("10", expires_at=NOON, captured=eur("1"))

        assert attrs.evolve(before, expires_at=NOON + TICK) == before.extend(NOON + TICK)
        assert attrs.evolve(before, expires_at=None) == before.extend(None)
        for refused in (NOON, NOON - TICK, NAIVE, LAST_END + TICK):
            with pytest.raises(InvalidTimeError):
                before.extend(refused)
        for expires_at in (NOON, LAST_END, None):
            with pytest.raises(
                InvalidTimeError,
                match=r"^expires_at cannot be later: hold h-1 never expires, got ",
            ):
                hold("10").extend(expires_at)


def test_collections_become_tuples() -> None:
    """Holds and holders may be given in any collection, and are kept as tuples."""
    made = account(holds=iter([hold("1")]), holders=[Holder("mary", ["read"])])

    assert ((hold("1"),), (Holder("mary", ["read"]),)) == (made.holds, made.holders)


def test_fields_have_names() -> None:
    """Accounts and holds are made with the names of their fields, which nobody can mix up."""
    with pytest.raises(TypeError):
        Hold("h-1", eur("1"))  # type: ignore[call-arg]  # the very thing under test
    with pytest.raises(TypeError):
        Account("alice", eur("1"))  # type: ignore[call-arg]  # the very thing under test


class TestHoldsOfAnAccount:
    """
    Holds on an account alone: what the tables of the rules say, with no bank.
    """

    def test_a_life_in_five_lines(self) -> None:
        """Placed, captured in part, released: the account says what is left at each step."""
        opened = Account.open("alice", initial_balance=eur("100"))
        held = opened.place_hold("h-1", eur("30"), description="room 7")
        part = held.capture_hold("h-1", eur("10"), final=False)
        done = part.release_hold("h-1")

        seen = [(a.balance, a.held, a.available, a.version) for a in (held, part, done)]
        assert [
            (eur("100"), eur("30"), eur("70"), 2),
            (eur("90"), eur("20"), eur("70"), 3),
            (eur("90"), eur("0"), eur("90"), 4),
        ] == seen

    def test_place(self) -> None:
        """All that is available may be held, and no cent more."""
        before = account("100", holds=holding("30"))

        with pytest.raises(InsufficientFundsError) as raised:
            before.place_hold("h-2", eur("70.01"))
        assert eur("0.01") == raised.value.shortfall
        placed = before.place_hold("h-2", eur("70"), expires_at=NOON, booked_at=NOON - TICK)
        assert (
            attrs.evolve(
                before,
                holds=(hold("30"), hold("70", "h-2", expires_at=NOON)),
                version=1,
                last_booked_at=NOON - TICK,
            )
            == placed
        )

    @pytest.mark.parametrize(
        ("before", "act", "error"),
        [
            (account(), lambda a: a.place_hold("h", Money("1", "USD")), CurrencyMismatchError),
            (account(), lambda a: a.place_hold("h", eur("0")), InvalidAmountError),
            (account(), lambda a: a.place_hold("h", 5), InvalidAmountError),
            (account(), lambda a: a.place_hold("a b", eur("1")), InvalidIdError),
            (
                account(),
                lambda a: a.place_hold("h", eur("1"), expires_at=NOON, booked_at=NOON),
                InvalidTimeError,
            ),
            (CLOSED, lambda a: a.place_hold("h", eur("1")), AccountClosedError),
            (
                account(restriction=Restriction.DEBITS, restriction_reason="x"),
                lambda a: a.place_hold("h", eur("1")),
                AccountRestrictedError,
            ),
            (
                account(holds=[hold("0.01", f"h-{n}") for n in range(HOLDS_MAX)]),
                lambda a: a.place_hold("h", eur("1")),
                HoldLimitError,
            ),
            (
                Account(
                    id="a",
                    balance=minor(AMOUNT_MINOR_MAX),
                    holds=[Hold(id="h-1", amount=minor(AMOUNT_MINOR_MAX))],
                    overdraft_limit=minor(1),
                ),
                lambda a: a.place_hold("h", minor(1)),
                BalanceLimitError,
            ),
            (
                account(holds=holding("1")),
                lambda a: a.place_hold("h-1", Money("1", "USD")),
                InvalidIdError,
            ),
            (account(), lambda a: a.capture_hold("h-1"), HoldNotFoundError),
            (account(), lambda a: a.release_hold("h-1"), HoldNotFoundError),
            (account(), lambda a: a.extend_hold("h-1", None), HoldNotFoundError),
            (account(), lambda a: a.expire_hold("h-1"), HoldNotFoundError),
            (account(holds=holding("1")), lambda a: a.expire_hold("h-1"), HoldNotFoundError),
            (account(), lambda a: a.open_hold("a b"), InvalidIdError),
            (CLOSED, lambda a: a.capture_hold("h-1"), AccountClosedError),
            (CLOSED, lambda a: a.capture_hold("h", Money("1", "USD")), CurrencyMismatchError),
            (CLOSED, lambda a: a.set_overdraft_limit(Money("1", "USD")), CurrencyMismatchError),
            (
                CLOSED,
                lambda a: a.place_hold("h", eur("1"), expires_at=NOON, booked_at=NOON),
                InvalidTimeError,
            ),
            (
                CLOSED,
                lambda a: a.restrict("all", reason="x", ends_at=NOON, booked_at=NOON),
                InvalidTimeError,
            ),
            (CLOSED, lambda a: a.release_hold("h-1"), AccountClosedError),
            (CLOSED, lambda a: a.extend_hold("h-1", None), AccountClosedError),
            (
                account(holds=holding("1")),
                lambda a: a.capture_hold("h-1", Money("1", "USD")),
                CurrencyMismatchError,
            ),
            (
                account(holds=holding("1")),
                lambda a: a.capture_hold("h-1", eur("0")),
                InvalidAmountError,
            ),
            (
                account(holds=holding("1")),
                lambda a: a.capture_hold("h-1", eur("1.01")),
                HoldExceededError,
            ),
            (
                account(holds=holding("1"), restriction=Restriction.ALL, restriction_reason="x"),
                lambda a: a.capture_hold("h-1", eur("1.01")),
                AccountRestrictedError,
            ),
            (
                Account(
                    id="a",
                    balance=minor(-AMOUNT_MINOR_MAX),
                    holds=[Hold(id="h-1", amount=minor(1))],
                ),
                lambda a: a.capture_hold("h-1"),
                BalanceLimitError,
            ),
            (
                account(
                    holds=[hold("1", expires_at=NOON)],
                    restriction=Restriction.ALL,
                    restriction_reason="x",
                ),
                lambda a: a.extend_hold("h-1", None),
                AccountRestrictedError,
            ),
            (
                account(holds=[hold("1", expires_at=NOON)]),
                lambda a: a.extend_hold("h-1", NOON),
                InvalidTimeError,
            ),
        ],
    )
    def test_refusals(
        self, before: Account, act: Callable[[Account], Account], error: type[BankError]
    ) -> None:
        """Each refusal is an error of its own, and the account is as it was."""
        with pytest.raises(error) as raised:
            act(before)
        assert error is type(raised.value)

    @pytest.mark.parametrize(
        "act",
        [
            lambda a: a.capture_hold("h-1", booked_at=NOON),
            lambda a: a.release_hold("h-1", booked_at=NOON),
            lambda a: a.extend_hold("h-1", None, booked_at=NOON),
        ],
        ids=["capture", "release", "extend"],
    )
    def test_what_has_expired_is_not_active(self, act: Callable[[Account], Account]) -> None:
        """A hold that is due by the operation's time is gone; one tick before, it is there."""
        for expires_at in (NOON, NOON - TICK):
            with pytest.raises(HoldNotActiveError) as raised:
                act(account(holds=[hold("5", expires_at=expires_at)]))
            assert (AccountId("alice"), TransactionId("h-1")) == (
                raised.value.account_id,
                raised.value.hold_id,
            )
        assert 1 == act(account(holds=[hold("5", expires_at=NOON + TICK)])).version

    def test_without_a_time_nothing_is_due(self) -> None:
        """An operation that is not told the time finds every hold as it was placed."""
        before = account(holds=[hold("5", expires_at=datetime.min.replace(tzinfo=UTC))])

        assert eur("95") == before.capture_hold("h-1").balance
        with pytest.raises(InsufficientFundsError):
            before.withdraw(eur("95.01"))

    @pytest.mark.parametrize(
        "act",
        [
            lambda a: a.deposit(eur("1"), booked_at=NOON),
            lambda a: a.withdraw(eur("1"), booked_at=NOON),
            lambda a: a.post(eur("0"), booked_at=NOON),
            lambda a: a.place_hold("h-9", eur("1"), booked_at=NOON),
            lambda a: a.capture_hold("h-4", booked_at=NOON),
            lambda a: a.release_hold("h-4", booked_at=NOON),
            lambda a: a.extend_hold("h-4", None, booked_at=NOON),
            lambda a: a.restrict(Restriction.ALL, reason="x", booked_at=NOON),
            lambda a: a.set_overdraft_limit(eur("1"), booked_at=NOON),
            lambda a: a.grant_access("mary", ["read"], booked_at=NOON),
            lambda a: a.revoke_access("bert", booked_at=NOON),
        ],
    )
    def test_what_is_due_expires_first(self, act: Callable[[Account], Account]) -> None:
        """Every operation that is told the time expires what is due, a version for each."""
        later_hold = hold("1", "h-4", expires_at=NOON + TICK)
        due = [hold("1", "h-2", expires_at=NOON), hold("1", expires_at=NOON - DAY)]
        holders = [Holder("bert", ["read"])]
        after = act(account(holds=[*due, later_hold], version=5, holders=holders))

        assert (8, NOON) == (after.version, after.last_booked_at)
        assert not {TransactionId("h-1"), TransactionId("h-2")} & {each.id for each in after.holds}

    @pytest.mark.parametrize(
        "debit",
        [
            lambda a, amount, at: a.withdraw(amount, booked_at=at),
            lambda a, amount, at: a.post(-amount, booked_at=at),
            lambda a, amount, at: a.place_hold("h-9", amount, booked_at=at),
        ],
        ids=["withdraw", "post", "place_hold"],
    )
    def test_what_is_due_is_free_for_every_debit(self, debit: Callable[..., Account]) -> None:
        """What a hold reserved may be taken from the instant of its expiry, and not before."""
        before = account("100", holds=[hold("60", expires_at=NOON)])

        assert eur("0") == debit(before, eur("100"), NOON).available
        for at in (NOON - TICK, None):
            assert eur("0") == debit(before, eur("40"), at).available
            with pytest.raises(InsufficientFundsError) as raised:
                debit(before, eur("40.01"), at)
            assert eur("40") == raised.value.available

    def test_closing_expires_first(self) -> None:
        """A hold that is due does not stand in the way of closing."""
        before = account("0", holds=[hold("1", expires_at=NOON)])

        assert (AccountStatus.CLOSED, 2) == (
            before.close(booked_at=NOON).status,
            before.close(booked_at=NOON).version,
        )
        with pytest.raises(CloseBlockedError):
            before.close(booked_at=NOON - TICK)
        with pytest.raises(CloseBlockedError):
            before.close()

    def test_a_capture_of_a_part_frees_the_rest(self) -> None:
        """Without another word a capture is final, and what it leaves is free."""
        after = account(holds=holding("30")).capture_hold("h-1", eur("10"))

        assert (eur("90"), eur("0"), ()) == (after.balance, after.held, after.holds)

    def test_expire(self) -> None:
        """An expiry is booked at its own instant, and frees what is left."""
        before = account(holds=[hold("5", expires_at=NOON), hold("1", "h-2")], version=3)

        assert attrs.evolve(
            before, holds=(hold("1", "h-2"),), version=4, last_booked_at=NOON
        ) == before.expire_hold("h-1")

    def test_due_holds_are_in_the_order_of_their_expiries(self) -> None:
        """What is due comes earliest first, and by id where that is at one instant."""
        first = hold("1", "h-3", expires_at=NOON - TICK)
        second, third = hold("1", "h-1", expires_at=NOON), hold("1", "h-2", expires_at=NOON)
        rest = [hold("1", "h-4", expires_at=NOON + TICK), hold("1", "h-5")]

        for order in permutations([first, second, third]):
            assert (first, second, third) == account(holds=[*order, *rest]).due_holds(NOON)
        assert () == account(holds=rest).due_holds(NOON)

    def test_a_hold_that_changes_keeps_its_place(self) -> None:
        """Holds stay in the order in which they were placed, captured and extended too."""
        three = [hold("2", f"h-{n}", expires_at=NOON) for n in (1, 2, 3)]
        before = account(holds=three)

        captured = before.capture_hold("h-2", eur("1"), final=False)
        extended = captured.extend_hold("h-1", None)
        assert ["h-1", "h-2", "h-3"] == [each.id.value for each in extended.holds]
        assert ["h-1", "h-3"] == [each.id.value for each in extended.release_hold("h-2").holds]


class TestAsAt:
    """
    The account as it stands at an instant, if nothing is booked until then.
    """

    BEFORE = account(
        holds=[hold("5", expires_at=NOON), hold("1", "h-2")],
        restriction=Restriction.ALL,
        restriction_reason="theft",
        restriction_ends_at=NOON + TICK,
        version=4,
        last_booked_at=NOON - DAY,
    )

    def test_a_tick_before(self) -> None:
        """Up to a tick before anything ends, it is the very same account."""
        assert self.BEFORE is self.BEFORE.as_at(NOON - TICK)

    def test_at_an_expiry(self) -> None:
        """At the instant of its expiry a hold is gone, and looking books nothing."""
        assert attrs.evolve(self.BEFORE, holds=(hold("1", "h-2"),)) == self.BEFORE.as_at(NOON)

    def test_at_the_end_of_a_restriction(self) -> None:
        """At the end of a restriction there is none, with no reason and no end."""
        assert attrs.evolve(
            self.BEFORE,
            holds=(hold("1", "h-2"),),
            restriction=Restriction.NONE,
            restriction_reason=None,
            restriction_ends_at=None,
        ) == self.BEFORE.as_at(NOON + TICK)

    def test_a_restriction_without_an_end(self) -> None:
        """What has no end has none at any instant."""
        before = account(restriction=Restriction.ALL, restriction_reason="theft")

        assert before is before.as_at(LAST_END)
        assert account() == account().as_at(LAST_END)

    def test_no_instant(self) -> None:
        """What is not an instant is refused."""
        with pytest.raises(InvalidTimeError):
            account().as_at(NAIVE)


class TestDecisions:
    """
    Decisions of the bank about an account: restriction, limit, holders, closing.
    """

    def test_restrict(self) -> None:
        """A restriction is set with its reason and end, replaced, and lifted."""
        restricted = account().restrict(
            Restriction.ALL, reason="theft", ends_at=NOON, booked_at=NOON - TICK
        )
        lifted = restricted.restrict(Restriction.NONE)

        assert (
            attrs.evolve(
                account(),
                restriction=Restriction.ALL,
                restriction_reason="theft",
                restriction_ends_at=NOON,
                version=1,
                last_booked_at=NOON - TICK,
            )
            == restricted
        )
        assert attrs.evolve(account(), version=2, last_booked_at=NOON - TICK) == lifted

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"restriction": "everything"}, InvalidRestrictionError),
            ({"restriction": "all"}, InvalidRestrictionError),
            ({"restriction": Restriction.ALL}, InvalidRestrictionError),
            ({"restriction": Restriction.NONE, "ends_at": NOON}, InvalidRestrictionError),
            ({"reason": "a\nb"}, InvalidTextError),
            ({"ends_at": NAIVE}, InvalidTimeError),
            ({"ends_at": NOON, "booked_at": NOON}, InvalidTimeError),
            ({"ends_at": LAST_END + TICK}, InvalidTimeError),
        ],
    )
    def test_restrict_refuses(self, fields: dict[str, Any], error: type[BankError]) -> None:
        """A restriction that says what it must not, or not what it must, is refused."""
        asked = {"restriction": Restriction.ALL, "reason": "theft", **fields}
        if "restriction" in fields:
            asked.pop("reason")
        with pytest.raises(error):
            account().restrict(asked.pop("restriction"), **asked)

    @pytest.mark.parametrize(
        ("restriction", "takes_in", "gives_out"),
        [
            (Restriction.NONE, True, True),
            (Restriction.DEBITS, True, False),
            (Restriction.CREDITS, False, True),
            (Restriction.ALL, False, False),
        ],
    )
    def test_what_a_restriction_stops(
        self, restriction: Restriction, takes_in: bool, gives_out: bool
    ) -> None:
        """Debits, credits or both are stopped, with or without a time, up to the end."""
        reason = None if restriction is Restriction.NONE else "theft"
        ends_at = None if restriction is Restriction.NONE else NOON
        before = account().restrict(restriction, reason=reason, ends_at=ends_at)
        for passes, amount in ((takes_in, eur("1")), (gives_out, eur("-1"))):
            for booked_at in (None, NOON - TICK):
                if passes:
                    assert 2 == before.post(amount, booked_at=booked_at).version
                    continue
                with pytest.raises(AccountRestrictedError) as raised:
                    before.post(amount, booked_at=booked_at)
                assert (restriction, "theft", NOON) == (
                    raised.value.restriction,
                    raised.value.reason,
                    raised.value.ends_at,
                )
            assert 2 == before.post(amount, booked_at=NOON).version
        assert 2 == before.post(eur("0")).version

    def test_set_overdraft_limit(self) -> None:
        """A limit is raised and lowered, below its use too, and judged as an amount."""
        used = account("-50", overdraft_limit=eur("50")).set_overdraft_limit(eur("20"))

        assert (eur("20"), eur("-30"), 1) == (used.overdraft_limit, used.available, used.version)
        for limit, error in (
            (eur("-1"), InvalidAmountError),
            (None, InvalidAmountError),
            (Money("1", "USD"), CurrencyMismatchError),
            (minor(AMOUNT_MINOR_MAX + 1), AmountTooLargeError),
        ):
            with pytest.raises(error):
                account().set_overdraft_limit(limit)  # type: ignore[arg-type]  # inputs under test
        with pytest.raises(AccountClosedError):
            CLOSED.set_overdraft_limit(eur("1"))
        with pytest.raises(AccountClosedError):
            CLOSED.restrict(Restriction.ALL, reason="theft")

    def test_grant_and_revoke(self) -> None:
        """Rights are granted in place of others, in the order of ids, and all taken at once."""
        granted = account().grant_access("mary", ["read"]).grant_access("bert", [Right.DEBIT])
        changed = granted.grant_access("mary", ["credit"])
        revoked = changed.revoke_access("bert")

        assert (Holder("bert", ["debit"]), Holder("mary", ["read"])) == granted.holders
        assert (Holder("bert", ["debit"]), Holder("mary", ["credit"])) == changed.holders
        assert (Holder("mary", ["credit"]),) == revoked.holders
        assert 4 == revoked.version

    @pytest.mark.parametrize("given", list(permutations(["read", "credit", "debit"])))
    def test_rights_are_shown_in_one_order(self, given: tuple[str, ...]) -> None:
        """Equal holders, and equal commands, have equal reprs in every process."""
        assert (
            "Holder(principal=PrincipalId('mary'), rights={Right.READ, Right.CREDIT, Right.DEBIT})"
            == repr(Holder("mary", given))
        )
        assert "rights={Right.READ, Right.CREDIT, Right.DEBIT}" in repr(
            GrantAccess("a", "mary", given)
        )

    def test_grant_and_revoke_refuse(self) -> None:
        """Rights that are none, a holder too many, and one who holds nothing are refused."""
        full = account(holders=[Holder(f"p-{n:03}", ["read"]) for n in range(HOLDERS_MAX)])

        with pytest.raises(
            InvalidRightsError, match=r"^rights must not be empty \(revoke_access removes"
        ):
            account().grant_access("mary", [])
        with pytest.raises(InvalidRightsError, match=r"^rights must be among read, .* got 'own'"):
            account().grant_access("mary", ["own"])
        with pytest.raises(InvalidRightsError, match=r"^rights must be a collection of rights"):
            account().grant_access("mary", "read")
        with pytest.raises(InvalidRightsError, match=r"^rights must be a collection of rights"):
            account().grant_access("mary", None)  # type: ignore[arg-type]  # an input under test
        with pytest.raises(InvalidIdError):
            account().grant_access("a b", ["read"])
        with pytest.raises(InvalidIdError):
            account().revoke_access("a b")
        with pytest.raises(HolderLimitError) as limit:
            full.grant_access("mary", ["read"])
        assert (AccountId("alice"), HOLDERS_MAX) == (
            limit.value.account_id,
            limit.value.holders_max,
        )
        assert HOLDERS_MAX == len(full.grant_access("p-001", ["debit"]).holders)
        with pytest.raises(HolderNotFoundError) as not_found:
            account().revoke_access("mary")
        assert (AccountId("alice"), PrincipalId("mary")) == (
            not_found.value.account_id,
            not_found.value.principal,
        )

    def test_close(self) -> None:
        """An empty account is closed, once and for ever; every blocker is listed otherwise."""
        closed = account("0").close(booked_at=NOON)

        assert (
            attrs.evolve(account("0"), status=AccountStatus.CLOSED, version=1, last_booked_at=NOON)
            == closed
        )
        with pytest.raises(AccountClosedError):
            closed.close()
        for before, balance, holds in (
            (account("0.01"), eur("0.01"), ()),
            (account("-1"), eur("-1"), ()),
            (account("0", holds=holding("1")), eur("0"), (TransactionId("h-1"),)),
            (account("5", holds=holding("1")), eur("5"), (TransactionId("h-1"),)),
        ):
            with pytest.raises(CloseBlockedError) as raised:
                before.close()
            assert (AccountId("alice"), balance, holds) == (
                raised.value.account_id,
                raised.value.balance,
                raised.value.hold_ids,
            )


@pytest.mark.parametrize(
    ("net", "error"),
    [
        (5, InvalidAmountError),
        (None, InvalidAmountError),
        (minor(AMOUNT_MINOR_MAX + 1), AmountTooLargeError),
        (minor(-AMOUNT_MINOR_MAX - 1), AmountTooLargeError),
        (Money("1", "USD"), CurrencyMismatchError),
        (Money("0", "USD"), CurrencyMismatchError),
        (eur("-100.01"), InsufficientFundsError),
    ],
)
def test_a_net_that_cannot_be_posted(net: Any, error: type[BankError]) -> None:
    """A net is money of the account's currency, within the bounds and the funds."""
    with pytest.raises(error):
        account().post(net)


@pytest.mark.parametrize(("net", "balance"), [("5", "105"), ("-100", "0"), ("0", "100")])
def test_a_net_is_booked_with_its_sign(net: str, balance: str) -> None:
    """A net above zero goes in, below zero out, and of zero is a version alone."""
    after = account().post(eur(net), booked_at=NOON)

    assert attrs.evolve(account(), balance=eur(balance), version=1, last_booked_at=NOON) == after


@pytest.mark.parametrize("rights", [{Right.READ}, ["read", "read"], ("credit", Right.DEBIT)])
def test_rights_are_a_set(rights: Any) -> None:
    """Rights are given by value or name, and kept as a set."""
    assert frozenset(map(Right, rights)) == Holder("mary", rights).rights


def test_the_limits_are_what_is_documented() -> None:
    """Amounts, holds, holders and ends have the bounds that the documentation gives."""
    assert 999_999_999_999_999_999 == AMOUNT_MINOR_MAX
    assert (1000, 100, 9998) == (HOLDS_MAX, HOLDERS_MAX, END_YEAR_MAX)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (AccountStatus, ["open", "closed"]),
        (Restriction, ["none", "debits", "credits", "all"]),
        (Right, ["read", "credit", "debit"]),
    ],
)
def test_names_that_are_recorded_stay(kind: Any, names: list[str]) -> None:
    """The names of statuses, restrictions and rights are recorded, and must not change."""
    assert names == [each.value for each in kind]
    assert [name.upper() for name in names] == [each.name for each in kind]
