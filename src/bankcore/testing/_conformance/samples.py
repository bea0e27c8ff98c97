"""
Records of every kind, with everything that they can contain, to be written and read back.

Decided here: which texts, amounts, instants, commands and states are tried. A store does not
know the rules, so the accounts need not be what the commands would make of them.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any, Final

import attrs

from bankcore import (
    Account,
    AccountId,
    AccountStatus,
    Currency,
    Hold,
    Money,
    Restriction,
    TransactionId,
)
from bankcore.accounts import AMOUNT_MINOR_MAX, Holder, Right
from bankcore.commands import SENT, Command, Deposit, ExpireHold, OpenAccount
from bankcore.ledger import Posting, Refusal, Transaction
from bankcore.ledger._errors import RECORDED_ERRORS
from bankcore.testing._commands import command_of, values_of
from bankcore.testing._conformance.helpers import (
    END,
    FIRST_INSTANT,
    LAST_INSTANT,
    NOW,
    Record,
    eur,
)
from bankcore.values import METADATA_MAX, PrincipalId

#: A record, and the accounts that it touched.
Case = tuple[Record, tuple[Account, ...]]

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
METADATA: Final[tuple[Mapping[str, str], ...]] = (
    {"order": "1017"},
    {"a": ""},
    {"0": "=HYPERLINK(1)", "_.-": "\u202eright to left\u202c \u200bno width\ufeff"},
    {"k" * 40: "🐝" * 200, "quoted": '"quoted" \\ \\u0041 \\" {"a":[1]}', "null": "null"},
    {str(number): f"日本語 {number}" for number in range(METADATA_MAX)},
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
AMOUNTS: Final = (0, 1, 10**15 + 1, 2**53 + 1, AMOUNT_MINOR_MAX)
EUR: Final = Currency("EUR")


def amount_cases() -> Iterator[Case]:
    """Yield openings with every amount in every currency."""
    numbers = count()
    for currency in CURRENCIES:
        for amount in AMOUNTS:
            yield _case(next(numbers), OpenAccount, currency=currency, amount=amount, is_full=True)


def text_cases() -> Iterator[Case]:
    """Yield commands of all kinds with all descriptions, metadata and principals, four times."""
    cases = zip(count(), cycle(SENT), strict=False)
    for _ in range(4):
        for description in DESCRIPTIONS:
            yield _case(*next(cases), description=description)
        for metadata in METADATA:
            yield _case(*next(cases), metadata=metadata)
        for principal in PRINCIPALS:
            yield _case(*next(cases), principal=principal)


def instant_cases() -> Iterator[Case]:
    """Yield commands of all kinds at every instant, given or not."""
    cases = zip(count(), cycle(SENT), strict=False)
    for _ in range(4):
        for instant in INSTANTS:
            yield _case(*next(cases), at=instant, booked_at=instant)
            yield _case(*next(cases), at=instant)


def command_cases() -> Iterator[Case]:
    """Yield transactions of every command, with as few and with as many fields as it can have."""
    numbers = count()
    for kind in (*SENT, ExpireHold):
        yield _case(next(numbers), kind)
        yield _case(next(numbers), kind, is_full=True, description="Zoë \"'\\", at=LAST_INSTANT)
        yield _case(next(numbers), kind, booked_at=FIRST_INSTANT, at=FIRST_INSTANT)


def state_cases() -> Iterator[Case]:
    """Yield transactions that leave accounts in every state."""
    for number in range(3 * len(DESCRIPTIONS)):
        yield _case(number, Deposit, at=INSTANTS[number % len(INSTANTS)])


def changed_alone() -> Iterator[tuple[str, Account, Account]]:
    """Yield each field of an account, and accounts that differ in that field alone."""
    first = Hold(id="h-1", amount=eur(9), captured=eur(1), expires_at=NOW, description="Zoë")
    second, third = Hold(id="h-2", amount=eur(8)), Hold(id="h-3", amount=eur(7), expires_at=END)
    mary, bert = Holder("mary", [Right.READ]), Holder("bert", Right)
    usual = Account(
        id="a",
        balance=eur(500),
        overdraft_limit=eur(100),
        last_booked_at=NOW,
        holds=(first, second),
        restriction=Restriction.DEBITS,
        restriction_reason="theft",
        restriction_ends_at=END,
        holders=(bert, mary),
    )
    others: dict[str, tuple[object, ...]] = {
        "balance": (eur(501), eur(-500)),
        "overdraft_limit": (eur(101), eur(0)),
        "last_booked_at": (NOW + timedelta(microseconds=1),),
        "holds": (
            (attrs.evolve(first, captured=eur(2)), second),
            (attrs.evolve(first, expires_at=END), second),
            (attrs.evolve(first, expires_at=None), second),
            *((first,), (second,), (), (first, second, third), (second, third)),
        ),
        "restriction": (Restriction.CREDITS, Restriction.ALL),
        "restriction_reason": ("theft ",),
        "restriction_ends_at": (None, END - timedelta(microseconds=1)),
        "holders": (
            (bert, attrs.evolve(mary, rights=[Right.CREDIT])),
            *((bert,), (mary,), (), (bert, Holder("carl", Right), mary)),
        ),
    }
    for name, values in others.items():
        for value in values:
            fields: dict[str, Any] = {name: value}
            changed = attrs.evolve(usual, **fields)
            yield name, usual, changed
            # A hold that has ended does not come again.
            if name != "holds":
                yield name, changed, usual
    empty = attrs.evolve(usual, balance=eur(0), holds=())
    yield "status", empty, attrs.evolve(empty, status=AccountStatus.CLOSED)
    lifted = attrs.evolve(usual, restriction=Restriction.NONE, restriction_ends_at=None)
    yield "restriction_reason", lifted, attrs.evolve(lifted, restriction_reason=None)


def booked(account: Account) -> Transaction:
    """Return a transaction that booked nothing on *account*, whose version it made."""
    transaction_id = f"{account.id}.{account.version}"
    held, limit, version = account.held, account.overdraft_limit, account.version
    return Transaction(
        TransactionId(transaction_id),
        Deposit(account.id, eur(1), transaction_id=transaction_id),
        NOW,
        (Posting(account.id, eur(0), account.balance, held, limit, version),),
    )


def refusal_cases() -> Iterator[Case]:
    """Yield refusals for every reason in every currency, and of a batch with every command."""
    numbers = count()
    for code, error in RECORDED_ERRORS.items():
        for currency in CURRENCIES:
            for instant, principal in zip(INSTANTS, (*PRINCIPALS, None, "x"), strict=True):
                yield (_refusal_case(next(numbers), code, error, currency, instant, principal), ())
    code = "hold_exceeded"
    batch = tuple(_command(kind, next(numbers), eur(7), is_full=True) for kind in SENT)
    for kind in (*SENT, ExpireHold):
        refused = _refusal_case(
            next(numbers), code, RECORDED_ERRORS[code], Currency("EUR"), NOW, None
        )
        asked = _command(kind, next(numbers), eur(5))
        yield attrs.evolve(refused, command=asked, id=_id(asked), batch=batch), ()


def postings_of(record: Record) -> tuple[Posting, ...]:
    """Return the postings of a transaction; none of a refusal."""
    return record.postings if isinstance(record, Transaction) else ()


def _id(command: Command) -> TransactionId:
    return TransactionId(str(command.transaction_id))


def _command(
    kind: type[Command],
    number: int,
    money: Money,
    *,
    is_full: bool = False,
    **common: Any,  # noqa: ANN401  # fields that every command has
) -> Command:
    """
    Return a command with accounts and ids of its own, the accounts not in the order of their ids.
    """
    accounts = [f"{letter}-{number}" for letter in "zyxw"]
    values = values_of(
        kind, accounts=accounts, named=f"n-{number}", money=money, other=number % 2 == 1
    )
    own_id = f"t-{number}" if kind in SENT else TransactionId(f"expiry:{accounts[0]}:7")
    return command_of(kind, values, values if is_full else (), transaction_id=own_id, **common)


def _case(
    number: int,
    kind: type[Command],
    *,
    currency: Currency = CURRENCIES[-1],
    amount: int = 12_345,
    at: datetime = NOW,
    principal: str | None = None,
    is_full: bool = False,
    **common: Any,  # noqa: ANN401  # fields that every command has
) -> Case:
    money = Money.from_minor(amount, currency)
    command = _command(kind, number, money, is_full=is_full, **common)
    # Accounts in every state that can be stored.
    largest = Money.from_minor(AMOUNT_MINOR_MAX, currency)
    held = Money.from_minor(amount or 1, currency)
    states: tuple[dict[str, Any], ...] = (
        {
            "balance": Money.zero(currency),
            "overdraft_limit": money,
            "status": AccountStatus.CLOSED,
        },
        {
            "balance": -money,
            "overdraft_limit": largest,
            "restriction": Restriction.DEBITS,
            "restriction_reason": DESCRIPTIONS[number % len(DESCRIPTIONS)] or "theft",
            "restriction_ends_at": at if at.year < 9999 else None,
            "holders": (Holder("\"'|", Right), Holder("mary@example.org", [Right.READ])),
            "metadata": METADATA[number % len(METADATA)],
        },
        {
            "balance": money,
            "holds": (Hold(id=f"h-{number}", amount=held, description="Zoë", expires_at=END),),
            "restriction": Restriction.NONE,
            "restriction_reason": "lifted",
        },
    )
    accounts, postings = [], []
    # A reversal names no account, and an opening need not.
    touched = command.account_ids or (AccountId(f"made-{number}"),)
    for line, account_id in enumerate(touched, start=number):
        account = Account(
            id=account_id, version=1, last_booked_at=at, **states[line % len(states)]
        )
        accounts.append(account)
        postings.append(
            Posting(
                account_id,
                Money.from_minor(-amount if line % 2 else amount, currency),
                account.balance,
                account.held,
                account.overdraft_limit,
                1,
            )
        )
    return (Transaction(_id(command), command, at, tuple(postings), principal), tuple(accounts))


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
    kind = SENT[number % len(SENT)]
    command = _command(kind, number, largest, booked_at=at if number % 2 else None)
    return Refusal(
        _id(command),
        command,
        at,
        code,
        {field.name: facts[field.name] for field in attrs.fields(error)},
        principal,
    )
