"""
Records of every kind, with all that can be in them, to be written and read back.

Decided here: which texts, amounts, instants, commands and states are tried. A store compares
none of it with anything, so that the accounts need not be what the commands would make them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import attrs

from bankcore import (
    Account,
    AccountId,
    AccountStatus,
    Currency,
    ExchangeRate,
    Hold,
    Money,
    Restriction,
    TransactionId,
)
from bankcore.accounts import AMOUNT_MINOR_MAX, Holder, Right
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
    ExtendHold,
    GrantAccess,
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
from bankcore.ledger import Posting, Refusal, Transaction
from bankcore.ledger._errors import RECORDED_ERRORS
from bankcore.testing._conformance.helpers import (
    END,
    FIRST_INSTANT,
    LAST_INSTANT,
    NOW,
    Record,
    eur,
)
from bankcore.values import PrincipalId

#: A record, and the accounts that it touched.
Case = tuple[Record, tuple[Account, ...]]

ONE: Final = Money("1", "EUR")
DOLLAR: Final = Money("1.10", "USD")
NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
RATE: Final = ExchangeRate("EUR", "USD", "1.1")
EXCHANGE: Final = [("b", ONE), ("a", -ONE), ("c", -DOLLAR), ("d", DOLLAR)]

#: A command of each kind that an application sends.
EACH: Final[tuple[Command, ...]] = (
    OpenAccount("a", initial_balance=ONE),
    Deposit("a", ONE),
    Withdraw("a", ONE),
    Transfer("a", "b", ONE),
    Post(EXCHANGE, exchange_rate=RATE),
    Reverse("t-1"),
    PlaceHold("a", ONE),
    CaptureHold("a", "h-1"),
    ReleaseHold("a", "h-1"),
    ExtendHold("a", "h-1", expires_at=NOON),
    Restrict("a", Restriction.ALL, reason="theft"),
    SetOverdraftLimit("a", ONE),
    CloseAccount("a"),
    GrantAccess("a", "mary", [Right.READ]),
    RevokeAccess("a", "mary"),
)

DESCRIPTIONS: Final = (
    None,
    "",
    " ",
    "null",
    "'; DROP TABLE bankcore_journal; --",
    '"quoted" \\ \\u0041 \\" {"a":[1]}',
    "=HYPERLINK(1)",
    "Zoë čeština",
    "日本語 العربية עברית",
    "\u202eright to left\u202c \u200bno width\ufeff",
    "👩\u200d👩\u200d👧 🏳️\u200d🌈 𝒳",
    "not characters: \ufffe \U0010ffff \ue000",
    "🐝" * 500,
)
PRINCIPALS: Final = (None, "", "teller-7", "Zoë 🐝 \"'\\", "a" * 1000)
INSTANTS: Final = (
    FIRST_INSTANT,
    FIRST_INSTANT + timedelta(microseconds=1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    LAST_INSTANT,
)
CURRENCIES: Final = (
    *(Currency(f"OWN{exponent}", exponent=exponent) for exponent in range(19)),
    *map(Currency, ("EUR", "JPY", "BHD", "CZK")),
    # A code of ISO 4217 with an exponent of the application's own.
    Currency("EUR", exponent=4),
)
AMOUNTS: Final = (1, 10**15 + 1, 2**53 + 1, AMOUNT_MINOR_MAX)
EUR: Final = Currency("EUR")
EXPIRY: Final = ExpireHold("a", "h-1", transaction_id=TransactionId("expiry:a:7"))
# Those that a store is most likely to keep field by field.
_MOVING: Final = (OpenAccount, Deposit, Withdraw, Transfer)


def amount_cases() -> Iterator[Case]:
    """
    Openings with every amount in every currency.
    """
    numbers = count()
    for currency in CURRENCIES:
        for amount in AMOUNTS:
            yield _case(next(numbers), OpenAccount, currency=currency, amount=amount)


def text_cases() -> Iterator[Case]:
    """
    Commands with every description, by every principal.
    """
    numbers = count()
    for kind in _MOVING:
        for description in DESCRIPTIONS:
            yield _case(next(numbers), kind, description=description)
        for principal in PRINCIPALS:
            yield _case(next(numbers), kind, principal=principal)


def instant_cases() -> Iterator[Case]:
    """
    Commands at every instant, given and not.
    """
    numbers = count()
    for kind in _MOVING:
        for instant in INSTANTS:
            yield _case(next(numbers), kind, at=instant, booked_at=instant)
            yield _case(next(numbers), kind, at=instant)


def command_cases() -> Iterator[Case]:
    """
    Transactions of every command, at the ends of time.
    """
    numbers = count()
    for kind in (*map(type, EACH), ExpireHold):
        yield _case(next(numbers), kind)
        yield _case(next(numbers), kind, description="Zoë \"'\\", at=LAST_INSTANT)
        yield _case(next(numbers), kind, booked_at=FIRST_INSTANT, at=FIRST_INSTANT)


def state_cases() -> Iterator[Case]:
    """
    Transactions that leave accounts in every state there is.
    """
    for number in range(3 * len(DESCRIPTIONS)):
        yield _case(number, Deposit, at=INSTANTS[number % len(INSTANTS)])


def refusal_cases() -> Iterator[Case]:
    """
    Refusals for every reason in every currency, and of a batch that had every command in it.
    """
    numbers = count()
    for code, error in RECORDED_ERRORS.items():
        for currency in CURRENCIES:
            for instant, principal in zip(INSTANTS, (*PRINCIPALS, None, "x"), strict=True):
                yield (
                    _refusal_case(next(numbers), code, error, currency, instant, principal),
                    (),
                )
    code = "hold_exceeded"
    batch = tuple(_command(type(each), next(numbers), eur(7), {}) for each in EACH)
    for kind in (*map(type, EACH), ExpireHold):
        refused = _refusal_case(next(numbers), code, RECORDED_ERRORS[code], EUR, NOW, None)
        asked = _command(kind, next(numbers), eur(5), {})
        yield attrs.evolve(refused, command=asked, id=_id(asked), batch=batch), ()


def postings_of(record: Record) -> tuple[Posting, ...]:
    """
    The postings of a transaction; none of a refusal.
    """
    return record.postings if isinstance(record, Transaction) else ()


def _id(command: Command) -> TransactionId:
    return TransactionId(str(command.transaction_id))


def _case(
    number: int,
    kind: type[Command],
    *,
    currency: Currency = CURRENCIES[-1],
    amount: int = 12_345,
    at: datetime = NOW,
    **given: Any,  # noqa: ANN401  # fields of commands, and the principal
) -> Case:
    principal = given.pop("principal", None)
    command = _command(kind, number, Money.from_minor(amount, currency), given)
    # Accounts in every state that can be stored; a store compares none of it with the command.
    largest = Money.from_minor(AMOUNT_MINOR_MAX, currency)
    money, nothing = Money.from_minor(amount, currency), Money.zero(currency)
    states: tuple[dict[str, Any], ...] = (
        {"balance": nothing, "overdraft_limit": money, "status": AccountStatus.CLOSED},
        {
            "balance": -money,
            "overdraft_limit": largest,
            "restriction": Restriction.DEBITS,
            "restriction_reason": DESCRIPTIONS[number % len(DESCRIPTIONS)] or "theft",
            "restriction_ends_at": at if at.year < 9999 else None,
            "holders": (Holder("\"\\'|", Right), Holder("mary@example.org", [Right.READ])),
        },
        {
            "balance": money,
            "holds": (Hold(id=f"h-{number}", amount=money, description="Zoë", expires_at=END),),
            "restriction": Restriction.NONE,
            "restriction_reason": "lifted",
        },
    )
    accounts, postings = [], []
    touched = (
        (AccountId(f"made-{number}"),)
        if isinstance(command, Reverse)
        else command.account_ids or (AccountId(f"made-{number}"),)
    )
    for line, account_id in enumerate(touched, start=number):
        account = Account(
            id=account_id, version=1, last_booked_at=at, **states[line % len(states)]
        )
        balance, held, limit = account.balance, account.held, account.overdraft_limit
        accounts.append(account)
        signed = Money.from_minor(-amount if line % 2 else amount, currency)
        postings.append(Posting(account_id, signed, balance, held, limit, 1))
    return (
        Transaction(_id(command), command, at, tuple(postings), principal),
        tuple(accounts),
    )


def _command(kind: type[Command], number: int, amount: Money, given: dict[str, Any]) -> Command:
    transaction_id = f"t-{number}"
    if kind is OpenAccount:
        return OpenAccount(
            # Without an id, the bank makes one.
            None if number % 3 == 0 else f"a-{number}",
            initial_balance=Money.zero(amount.currency) if number % 2 else amount,
            overdraft_limit=amount if number % 2 else None,
            transaction_id=transaction_id,
            **given,
        )
    if kind is Transfer:
        return Transfer(
            f"z-{number}", f"a-{number}", amount, transaction_id=transaction_id, **given
        )
    if kind in {Deposit, Withdraw}:
        return kind(f"a-{number}", amount, transaction_id=transaction_id, **given)
    # Each with accounts of its own, and with every other field as it is in the list.
    own: dict[str, Any] = {"transaction_id": transaction_id, **given}
    sample = next(each for each in (*EACH, EXPIRY) if type(each) is kind)
    if kind is ExpireHold:
        own["transaction_id"] = TransactionId(f"expiry:a-{number}:7")
    for field in attrs.fields(kind):
        value = getattr(sample, field.name)
        if isinstance(value, AccountId):
            own[field.name] = f"{value}-{number}"
        elif field.name == "legs":
            own["legs"] = [(f"{leg}-{number}", money) for leg, money in value]
    if kind is Reverse:
        own["original_id"] = f"o-{number}"
    return attrs.evolve(sample, **own)


def _refusal_case(
    number: int,
    code: str,
    error: type[Any],
    currency: Currency,
    at: datetime,
    principal: str | None,
) -> Refusal:
    largest = Money.from_minor(AMOUNT_MINOR_MAX, currency)
    facts = {
        "account_id": AccountId("_.-aZ9"),
        "transaction_id": TransactionId("0" * 64),
        "available": -largest,
        "balance": Money.zero(currency),
        "requested": largest,
        "left": -largest,
        "hold_id": TransactionId("h-1"),
        "hold_ids": tuple(TransactionId(f"h-{each}") for each in range(number % 4)),
        "holds_max": number,
        "holders_max": number,
        "principal": PrincipalId("\"'\\|"),
        "reason": DESCRIPTIONS[-2],
        "restriction": (*Restriction,)[number % 4],
        "ends_at": at if number % 2 else None,
        "command": "close_account",
        "reversed_by": TransactionId("r-1"),
    }
    kind = (OpenAccount, Deposit, Withdraw, Transfer)[number % 4]
    command = _command(kind, number, largest, {"booked_at": at if number % 2 else None})
    return Refusal(
        _id(command),
        command,
        at,
        code,
        {field.name: facts[field.name] for field in attrs.fields(error)},
        principal,
    )
