"""
Commands: what each carries, which are malformed, and when two are equal.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from bankcore import AccountId, Money, TransactionId
from bankcore.account import AMOUNT_MINOR_MAX
from bankcore.commands import (
    COMMANDS,
    DESCRIPTION_LENGTH_MAX,
    Command,
    Deposit,
    OpenAccount,
    Transfer,
    Withdraw,
)
from bankcore.errors import (
    AmountTooLargeError,
    BankError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidIdError,
    InvalidTextError,
    InvalidTimeError,
    SameAccountError,
)

ONE = Money("1", "EUR")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
EACH: list[Command] = [
    OpenAccount("a", initial_balance=ONE),
    Deposit("a", ONE),
    Withdraw("a", ONE),
    Transfer("a", "b", ONE),
]


def test_every_kind_is_listed_under_its_name() -> None:
    """`COMMANDS` has every kind of command, by the snake_case of its class."""
    kinds = set(Command.__subclasses__())

    assert kinds == set(COMMANDS.values())
    assert ["deposit", "open_account", "transfer", "withdraw"] == sorted(COMMANDS)


@pytest.mark.parametrize(
    ("command", "account_ids"),
    [(EACH[0], ["a"]), (EACH[1], ["a"]), (EACH[2], ["a"]), (EACH[3], ["a", "b"])],
)
def test_accounts_are_named_debited_first(command: Command, account_ids: list[str]) -> None:
    """A command names the accounts it touches, the one to be debited first."""
    assert tuple(map(AccountId, account_ids)) == command.account_ids


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
    ):
        assert command != attrs.evolve(command, **changes)
    other: Command = Withdraw("a", ONE)
    assert other != Deposit("a", ONE)


@pytest.mark.parametrize("command", EACH, ids=lambda command: type(command).__name__)
def test_a_command_cannot_change(command: Command) -> None:
    """No field of a command can be assigned."""
    with pytest.raises(AttributeError):
        command.description = "other"  # type: ignore[misc]  # the very thing under test


MALFORMED: list[tuple[type[Command], dict[str, Any], type[BankError]]] = [
    *(
        (kind, {"amount": amount}, error)
        for kind in (Deposit, Withdraw, Transfer)
        for amount, error in (
            (Money("0", "EUR"), InvalidAmountError),
            (Money("-1", "EUR"), InvalidAmountError),
            (5, InvalidAmountError),
            (Money.from_minor(AMOUNT_MINOR_MAX + 1, "EUR"), AmountTooLargeError),
        )
    ),
    *(
        (kind, {field: value}, error)
        for kind in (OpenAccount, Deposit, Withdraw, Transfer)
        for field, value, error in (
            ("transaction_id", "a:b", InvalidIdError),
            ("transaction_id", 5, InvalidIdError),
            ("booked_at", datetime(2026, 1, 1), InvalidTimeError),  # noqa: DTZ001  # the very input under test
            ("booked_at", "2026-01-01", InvalidTimeError),
            ("description", "a\nb", InvalidTextError),
            ("description", 5, InvalidTextError),
        )
    ),
    *((kind, {"account_id": "a b"}, InvalidIdError) for kind in (OpenAccount, Deposit, Withdraw)),
    (Deposit, {"account_id": None}, InvalidIdError),
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
        ("a\tb", "one line, with no control characters"),
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
