"""
Commands: what each carries, which are malformed, and when two are equal.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import attrs
import pytest

from bankcore import AccountId, ExchangeRate, Money, TransactionId
from bankcore.accounts import AMOUNT_MINOR_MAX, Restriction, Right
from bankcore.commands import (
    BY_KIND,
    COMMANDS,
    LEGS_MAX,
    SENT,
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
    ExtendHold,
    GrantAccess,
    Leg,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.commands._base import AccountCommand
from bankcore.commands._holds import HoldCommand
from bankcore.commands._money import Movement
from bankcore.errors import (
    AmountTooLargeError,
    BankError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidFlagError,
    InvalidIdError,
    InvalidLegsError,
    InvalidRateError,
    InvalidRestrictionError,
    InvalidRightsError,
    InvalidTextError,
    InvalidTimeError,
    InvalidVersionError,
    SameAccountError,
)
from bankcore.testing._commands import values_of
from bankcore.values import DESCRIPTION_LENGTH_MAX, PrincipalId
from every_command import EACH, EXCHANGE, NAMED, NOON, ONE, OTHERWISE, RATE

MOST = Money.from_minor(AMOUNT_MINOR_MAX, "EUR")
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # an input under test
LAST_END = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def kind_of(command: object) -> str:
    return type(command).__name__


# The bases that several commands share. They are never made themselves.
SHARED = {AccountCommand, HoldCommand, Movement}


def kinds_below(base: type[Command]) -> set[type[Command]]:
    """
    Return the kinds of command of the library that are *base*, without the shared bases.
    """
    found = set()
    for kind in base.__subclasses__():
        if kind.__module__.startswith("bankcore."):
            found |= kinds_below(kind) | ({kind} - SHARED)
    return found


def snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")


def test_every_kind_is_listed_under_its_name() -> None:
    """`COMMANDS` has every kind of command, by the snake_case of its class."""
    kinds = kinds_below(Command)

    assert kinds == set(COMMANDS)
    assert len(COMMANDS) == len(set(COMMANDS))
    assert {snake(kind.__name__): kind for kind in kinds} == BY_KIND


def test_the_tables_here_have_every_kind() -> None:
    """Every kind that an application sends is in the tables of this file; it has grants."""
    kinds = set(COMMANDS) - {ExpireHold}

    assert kinds == set(SENT) == {type(command) for command in EACH}
    assert ExpireHold.grants is None
    assert kinds == set(OTHERWISE)


@pytest.mark.parametrize(
    ("command", "account_ids"),
    [
        *NAMED,
        (CaptureHold("b", "h-1", destination_id="a"), ["b", "a"]),
        (CloseAccount("b", sweep_to="a"), ["b", "a"]),
        (ExpireHold("a", "h-1", transaction_id=TransactionId("expiry:a:2")), ["a"]),
        (Post([("a", ONE), ("b", ONE), ("c", -ONE), ("d", -ONE)]), ["c", "d", "a", "b"]),
        (Post([("a", ONE), ("b", -ONE), ("a", -ONE), ("c", ONE)]), ["b", "a", "c"]),
    ],
)
def test_accounts_are_named_debited_first(command: Command, account_ids: list[str]) -> None:
    """A command names the accounts it touches, the one to be debited first."""
    assert tuple(map(AccountId, account_ids)) == command.account_ids


@pytest.mark.parametrize("command", EACH, ids=kind_of)
def test_the_guard_and_the_id_do_not_count(command: Command) -> None:
    """Two commands that ask for the same are equal, whatever version they expect."""
    guarded = attrs.evolve(command, expected_version=3, transaction_id="t")

    assert (3, TransactionId("t")) == (guarded.expected_version, guarded.transaction_id)
    assert command == guarded
    assert hash(command) == hash(guarded)


@pytest.mark.parametrize(
    ("command", "field", "value"),
    [
        (command, field, value)
        for command in EACH
        for field, value in {
            **OTHERWISE[type(command)],
            "booked_at": NOON,
            "description": "tea",
            "metadata": {"order": "1017"},
        }.items()
    ],
)
def test_every_other_field_counts(command: Command, field: str, value: Any) -> None:
    """A command that asks for anything else is another command."""
    assert command != attrs.evolve(command, **{field: value})


@pytest.mark.parametrize("command", EACH, ids=kind_of)
def test_every_field_is_in_the_table(command: Command) -> None:
    """No field of a kind of command is left out of the comparison above."""
    names = {field.name for field in attrs.fields(type(command))}

    assert names == {
        *OTHERWISE[type(command)],
        *("booked_at", "description", "metadata", "transaction_id", "expected_version"),
    }


def test_an_opening_may_leave_the_account_s_id_open() -> None:
    """An account opened without an id has none until the bank makes one."""
    assert () == OpenAccount(initial_balance=ONE).account_ids


def test_text_becomes_ids_and_instants_become_utc() -> None:
    """What is given as text becomes an id; an instant of any zone becomes UTC."""
    at = datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    command = Deposit("a", ONE, transaction_id="t", booked_at=at, description="tea")

    assert (AccountId("a"), TransactionId("t"), NOON, UTC, "tea") == (
        command.account_id,
        command.transaction_id,
        command.booked_at,
        command.booked_at and command.booked_at.tzinfo,
        command.description,
    )


def test_ids_do_not_count_in_equality_and_everything_else_does() -> None:
    """Two commands are equal when they ask for the same, whatever their ids."""
    command = Deposit("a", ONE, transaction_id="t")

    assert command == Deposit("a", ONE, transaction_id="u") == Deposit("a", ONE)
    for changes in (
        {"account_id": "b"},
        {"amount": Money("2", "EUR")},
        {"booked_at": NOON},
        {"description": "tea"},
        {"metadata": {"order": "1017"}},
    ):
        assert command != attrs.evolve(command, **changes)
    other: Command = Withdraw("a", ONE)
    assert other != Deposit("a", ONE)


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.kind)
def test_what_is_sent_has_every_field(kind: type[Command]) -> None:
    """A command that is sent under an id keeps all its fields but the expected version."""
    own = values_of(kind)
    options: dict[str, Any] = {
        "booked_at": NOON,
        "description": "tea",
        "metadata": {"order": "1017"},
        "expected_version": 3,
    }
    given = {**own, **options, "transaction_id": TransactionId("t-1")}
    command = kind(**given)
    sent = command.sent_as(TransactionId("t-2"))

    assert {field.name for field in attrs.fields(kind)} == set(given)
    assert not [
        field.name
        for field in attrs.fields(kind)
        if field.default is not attrs.NOTHING and getattr(command, field.name) == field.default
    ]
    assert type(sent) is kind
    assert attrs.asdict(sent, recurse=False) == {
        **attrs.asdict(command, recurse=False),
        "transaction_id": TransactionId("t-2"),
        "expected_version": None,
    }
    assert command == sent


@pytest.mark.parametrize("command", EACH, ids=kind_of)
def test_a_command_cannot_change(command: Command) -> None:
    """No field of a command can be assigned."""
    with pytest.raises(AttributeError):
        command.description = "other"  # type: ignore[misc]  # the very thing under test


MALFORMED: list[tuple[type[Command], dict[str, Any], type[BankError]]] = [
    *(
        (kind, {"amount": amount}, error)
        for kind in (Deposit, Withdraw, Transfer, PlaceHold, CaptureHold)
        for amount, error in (
            (Money("0", "EUR"), InvalidAmountError),
            (Money("-1", "EUR"), InvalidAmountError),
            (5, InvalidAmountError),
            (Money.from_minor(AMOUNT_MINOR_MAX + 1, "EUR"), AmountTooLargeError),
        )
    ),
    *(
        (kind, {field: value}, error)
        for kind in map(type, EACH)
        for field, value, error in (
            ("transaction_id", "a:b", InvalidIdError),
            ("transaction_id", 5, InvalidIdError),
            ("booked_at", datetime(2026, 1, 1), InvalidTimeError),  # noqa: DTZ001  # the very input under test
            ("booked_at", "2026-01-01", InvalidTimeError),
            ("description", "a\nb", InvalidTextError),
            ("description", 5, InvalidTextError),
            *(
                ("expected_version", version, InvalidVersionError)
                for version in (-1, 2**63, True, 1.0, "1", 10**5000)
            ),
        )
    ),
    *(
        (kind, {"account_id": value}, InvalidIdError)
        for kind in OTHERWISE
        if "account_id" in OTHERWISE[kind]
        for value in ("a b", 5, *(() if kind is OpenAccount else (None,)))
    ),
    *(
        (kind, {"hold_id": value}, InvalidIdError)
        for kind in (CaptureHold, ReleaseHold, ExtendHold)
        for value in ("a b", 5, None)
    ),
    (Reverse, {"original_id": "a b"}, InvalidIdError),
    (Reverse, {"original_id": None}, InvalidIdError),
    (CaptureHold, {"destination_id": "a b"}, InvalidIdError),
    (CaptureHold, {"destination_id": "a"}, SameAccountError),
    *((CaptureHold, {"final": value}, InvalidFlagError) for value in (1, 0, None, "no")),
    (Post, {"crosses_boundary": 1}, InvalidFlagError),
    (CloseAccount, {"sweep_to": "a b"}, InvalidIdError),
    (CloseAccount, {"sweep_to": "a"}, SameAccountError),
    *(
        (kind, {field: value}, InvalidTimeError)
        for kind, field in (
            (PlaceHold, "expires_at"),
            (ExtendHold, "expires_at"),
            (Restrict, "ends_at"),
        )
        for value in (NAIVE, "2026-01-01", LAST_END + timedelta(microseconds=1))
    ),
    *(
        (Restrict, {"restriction": value}, InvalidRestrictionError)
        for value in ("everything", "ALL", "", None, 5, True)
    ),
    (Restrict, {"reason": None}, InvalidRestrictionError),
    (Restrict, {"reason": ""}, InvalidRestrictionError),
    (Restrict, {"reason": "a\nb"}, InvalidTextError),
    (Restrict, {"restriction": Restriction.NONE, "ends_at": NOON}, InvalidRestrictionError),
    (SetOverdraftLimit, {"overdraft_limit": Money("-0.01", "EUR")}, InvalidAmountError),
    (SetOverdraftLimit, {"overdraft_limit": None}, InvalidAmountError),
    (
        SetOverdraftLimit,
        {"overdraft_limit": Money.from_minor(AMOUNT_MINOR_MAX + 1, "EUR")},
        AmountTooLargeError,
    ),
    *(
        (kind, {"principal": value}, InvalidIdError)
        for kind in (GrantAccess, RevokeAccess)
        for value in ("", "a b", "x" * 129, "ключ", None, 5)
    ),
    *(
        (GrantAccess, {"rights": value}, InvalidRightsError)
        for value in ([], ["own"], "read", b"read", None, 5, [Right.READ, None])
    ),
    *(
        (Post, {"legs": value}, InvalidLegsError)
        for value in (
            *([], "ab", b"ab", None, 5, ["ab"], [("a",)], [("a", ONE, ONE)], [None]),
            [("a", ONE)],
            [("a", ONE), ("b", Money("-0.99", "EUR"))],
            [("a", ONE), ("b", Money("-1", "USD"))],
            [("a", ONE), ("b", -ONE)] * (LEGS_MAX // 2) + [("a", ONE)],
        )
    ),
    *(
        (Post, {"exchange_rate": value}, InvalidRateError)
        for value in (1, "1.1", ("EUR", "USD", "1.1"), 0.5)
    ),
    (Post, {"exchange_rate": ExchangeRate("EUR", "GBP", "1.1")}, CurrencyMismatchError),
    (Post, {"legs": EXCHANGE[:2], "exchange_rate": RATE}, CurrencyMismatchError),
    (
        Post,
        {"legs": [*EXCHANGE, ("e", Money("1", "GBP"))], "exchange_rate": RATE},
        CurrencyMismatchError,
    ),
    (Post, {"legs": [("a", 5), ("b", -ONE)]}, InvalidAmountError),
    (Post, {"legs": [("a", Money("0", "EUR"))]}, InvalidAmountError),
    (Post, {"legs": [("a b", ONE), ("b", -ONE)]}, InvalidIdError),
    (
        Post,
        {"legs": [("a", MOST + Money("0.01", "EUR")), ("b", -MOST)], "crosses_boundary": True},
        AmountTooLargeError,
    ),
    (
        Post,
        {"legs": [("a", -MOST), ("a", Money("-0.01", "EUR"))], "crosses_boundary": True},
        AmountTooLargeError,
    ),
    (
        Post,
        {
            "legs": [("a", ONE), ("a", Money("-1", "USD"))],
            "crosses_boundary": True,
            "exchange_rate": None,
        },
        CurrencyMismatchError,
    ),
    (Transfer, {"source_id": "a b"}, InvalidIdError),
    (Transfer, {"destination_id": "a b"}, InvalidIdError),
    (Transfer, {"destination_id": "a"}, SameAccountError),
    (OpenAccount, {"initial_balance": Money("-1", "EUR")}, InvalidAmountError),
    (OpenAccount, {"initial_balance": 5}, InvalidAmountError),
    (OpenAccount, {"overdraft_limit": Money("-1", "EUR")}, InvalidAmountError),
    (OpenAccount, {"overdraft_limit": Money("1", "USD")}, CurrencyMismatchError),
]


@pytest.mark.parametrize(("kind", "fields", "error"), MALFORMED)
def test_a_malformed_command_is_not_born(
    kind: type[Command], fields: dict[str, Any], error: type[BankError]
) -> None:
    """A command that could never pass raises when it is made."""
    (good,) = [command for command in EACH if type(command) is kind]
    with pytest.raises(error):
        attrs.evolve(good, **fields)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("tea", "tea"),
        ("", ""),
        ("x" * DESCRIPTION_LENGTH_MAX, "x" * DESCRIPTION_LENGTH_MAX),
        ("cafe\u0301", "café"),
        ("👩\u200d👩 שלום", "👩\u200d👩 שלום"),
        ("é" * DESCRIPTION_LENGTH_MAX, "é" * DESCRIPTION_LENGTH_MAX),
    ],
)
def test_a_description_is_one_line_in_composed_form(given: str, kept: str) -> None:
    """A description of up to 500 characters is kept, composed (NFC)."""
    assert kept == Deposit("a", ONE, description=given).description


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * (DESCRIPTION_LENGTH_MAX + 1), "at most 500 characters"),
        ("\u0344" * 300, "one line"),  # 300 characters that compose into 600
        ("a\tb", "one line of at most 500 characters, with no control characters"),
        ("\ud800", "one line"),
        ("a\u2028b", "one line"),
    ],
)
def test_any_other_description_is_refused(text: str, reason: str) -> None:
    """Control characters, line ends, lone surrogates, and too much text are refused."""
    with pytest.raises(InvalidTextError, match=reason):
        Deposit("a", ONE, description=text)


def test_the_base_names_no_accounts() -> None:
    """A command by itself is none: each kind says which accounts it touches."""
    with pytest.raises(NotImplementedError):
        _ = Command().account_ids
    with pytest.raises(NotImplementedError):
        Command().moves(cast("Any", None))


class TestPost:
    def test_pairs_of_any_kind_become_legs(self) -> None:
        """Lists, tuples and generators of pairs are legs, kept in the order given."""
        pairs = [["b", ONE], ("a", -ONE)]

        assert (Leg(AccountId("b"), ONE), Leg(AccountId("a"), -ONE)) == Post(pairs).legs  # type: ignore[arg-type]  # lists are taken too
        assert Post(tuple(pair) for pair in pairs) == Post(pairs)  # type: ignore[arg-type,misc]  # as above

    def test_legs_of_one_account_are_netted(self) -> None:
        """The net of an account is the sum of its legs, zero included, debits first."""
        post = Post([("a", ONE), ("c", ONE), ("b", -ONE), ("a", -ONE), ("b", -ONE), ("d", ONE)])

        nets = [(account_id.value, net) for account_id, net in post.nets.items()]
        assert [("b", -ONE - ONE), ("a", ONE - ONE), ("c", ONE), ("d", ONE)] == nets

    def test_a_rate_is_recorded_with_the_legs(self) -> None:
        """An exchange may carry its rate, in either direction, which moves nothing itself."""
        for rate in (RATE, ExchangeRate("USD", "EUR", "2")):
            assert rate == Post(EXCHANGE, exchange_rate=rate).exchange_rate
        same = ExchangeRate("EUR", "EUR", 1)
        assert same == Post([("a", ONE), ("b", -ONE)], exchange_rate=same).exchange_rate

    def test_the_currencies_that_do_not_go_with_the_rate(self) -> None:
        """What the rate is between and what the legs are in are both named."""
        with pytest.raises(CurrencyMismatchError) as raised:
            Post(EXCHANGE, exchange_rate=ExchangeRate("EUR", "GBP", 2))

        assert ("EUR and GBP", "EUR and USD") == (raised.value.expected, raised.value.given)
        assert "legs must be in EUR and GBP, got EUR and USD." == str(raised.value)

    def test_each_currency_adds_up_by_itself(self) -> None:
        """An exchange has four legs, and is zero in each of its two currencies."""
        dollar = Money("1.10", "USD")
        post = Post([("a", -ONE), ("eur", ONE), ("usd", -dollar), ("b", dollar)])

        assert ["a", "usd", "eur", "b"] == [each.value for each in post.nets]

    def test_what_is_missing_is_said(self) -> None:
        """Legs that do not add up leave a rest, and the error names it in each currency."""
        with pytest.raises(
            InvalidLegsError,
            match=r"^legs are not valid: they leave EUR 0\.01, USD -1\.00, and must",
        ):
            Post([("a", Money("0.01", "EUR")), ("b", Money("-1", "USD"))])

    def test_crossing_the_boundary_leaves_a_rest(self) -> None:
        """A post that says that it crosses the bank's boundary need not add up."""
        assert {AccountId("a"): ONE} == Post([("a", ONE)], crosses_boundary=True).nets

    def test_the_most_legs(self) -> None:
        """A thousand legs are taken, and the net of one account up to the largest amount."""
        half = Money.from_minor(AMOUNT_MINOR_MAX // 2, "EUR")
        cent = Money("0.01", "EUR")
        post = Post([("a", half), ("a", half), ("a", cent), ("b", -MOST)])

        assert MOST == post.nets[AccountId("a")] == -post.nets[AccountId("b")]
        assert LEGS_MAX == len(Post([("a", ONE), ("b", -ONE)] * (LEGS_MAX // 2)).legs)

    def test_endless_legs_end(self) -> None:
        """Legs are read up to the first that is too many, and no further."""
        read = 0

        def endless() -> Iterator[tuple[str, Money]]:
            nonlocal read
            while True:
                read += 1
                yield ("a", ONE)

        with pytest.raises(
            InvalidLegsError, match=r"^legs are not valid: there must be at most 1,000\.$"
        ):
            Post(endless())
        assert LEGS_MAX + 1 == read


def test_rights_are_a_set_of_rights_by_name_or_value() -> None:
    """Rights are given by value or by name, in any order and number."""
    given = GrantAccess("a", "mary", ["debit", Right.READ, "read"])

    assert GrantAccess("a", "mary", {Right.READ, Right.DEBIT}) == given
    assert (PrincipalId("mary"), frozenset({Right.READ, Right.DEBIT})) == (
        given.principal,
        given.rights,
    )


@pytest.mark.parametrize("name", ["none", "debits", "credits", "all"])
def test_the_names_of_restrictions_stay(name: str) -> None:
    """A restriction is given by value or by name; the names are recorded, and must not change."""
    by_name = Restrict("a", name, reason="theft")

    assert Restriction(name) is by_name.restriction
    assert Restrict("a", Restriction(name), reason="theft") == by_name


@pytest.mark.parametrize("name", ["read", "credit", "debit"])
def test_the_names_of_rights_stay(name: str) -> None:
    """The names of rights are recorded, and must not change."""
    assert frozenset({Right(name)}) == GrantAccess("a", "mary", [name]).rights


def test_the_last_end_is_an_end() -> None:
    """A hold or restriction may end in the last microsecond of 9998, in UTC."""
    zoned = LAST_END.astimezone(timezone(timedelta(hours=3)))

    assert LAST_END == PlaceHold("a", ONE, expires_at=zoned).expires_at
    assert LAST_END == ExtendHold("a", "h-1", expires_at=zoned).expires_at
    assert LAST_END == Restrict("a", Restriction.ALL, reason="x", ends_at=zoned).ends_at


@pytest.mark.parametrize("version", [0, 1, 2**63 - 1])
def test_any_version_there_can_be_is_expected(version: int) -> None:
    """A version is a whole number from 0 that every store can keep."""
    assert version == Deposit("a", ONE, expected_version=version).expected_version


def test_only_the_bank_makes_ids_with_a_colon() -> None:
    """An expiry's id can name a transaction, and cannot be given to a command."""
    expiry_id = "expiry:a:7"

    assert TransactionId(expiry_id) == Reverse(expiry_id).original_id
    with pytest.raises(InvalidIdError, match=r"^transaction_id must not have a ':'"):
        Deposit("a", ONE, transaction_id=expiry_id)


def test_all_that_is_left_and_final_are_what_a_capture_means() -> None:
    """Without anything else said, a capture takes all, frees the rest, and goes outside."""
    command = CaptureHold("a", "h-1")

    assert (None, True, None) == (command.amount, command.final, command.destination_id)
