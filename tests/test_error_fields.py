"""
An error about a wrong value names its field or argument: as `field`, and as its first word.

What is tried follows from the classes of the commands, and from the signatures of `Account` and
`Bank`: a new command, field or argument of a known type needs no line here.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from types import NoneType, UnionType
from typing import Any, Final, NamedTuple, cast, get_args, get_type_hints

import attrs
import pytest

from bankcore import (
    Account,
    AccountId,
    Bank,
    ExchangeRate,
    Hold,
    InvalidRequestError,
    Money,
    Principal,
    Restriction,
    TransactionId,
)
from bankcore.access import StandardPolicy, Tokens
from bankcore.accounts import AMOUNT_MINOR_MAX, HOLDERS_MAX, HOLDS_MAX, Holder, Right
from bankcore.accounts._state import AccountState
from bankcore.commands import (
    COMMANDS,
    LEGS_MAX,
    SENT,
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    Leg,
    OpenAccount,
    PlaceHold,
    Post,
    Restrict,
    Transfer,
)
from bankcore.errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAccountError,
    InvalidAmountError,
    InvalidArgumentError,
    InvalidCheckpointError,
    InvalidCursorError,
    InvalidFlagError,
    InvalidIdError,
    InvalidLegsError,
    InvalidLimitError,
    InvalidMetadataError,
    InvalidPrincipalError,
    InvalidRateError,
    InvalidRestrictionError,
    InvalidRightsError,
    InvalidTextError,
    InvalidTimeError,
    InvalidVersionError,
    InvalidWeightsError,
    SameAccountError,
)
from bankcore.io import export_journal, import_history, import_journal
from bankcore.ledger import Checkpoint, Cursor, checkpoint_of, verify
from bankcore.money import PARTS_MAX
from bankcore.stores import MemoryStore, PostgresStore, SQLiteStore
from bankcore.testing import FaultyStore
from bankcore.testing._commands import values_of
from bankcore.values import Metadata, PrincipalId
from bankcore.values._choices import CHOICES_MAX

NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER, LATER_STILL = NOON.replace(hour=13), NOON.replace(hour=14)
NAIVE: Final = datetime(2026, 5, 1, 12)  # noqa: DTZ001  # an input under test
LATE: Final = datetime(9999, 1, 1, tzinfo=UTC)
ONE: Final = Money("1", "EUR")
MOST: Final = Money.from_minor(AMOUNT_MINOR_MAX, "EUR")
TOO_MUCH: Final = Money.from_minor(AMOUNT_MINOR_MAX + 1, "EUR")


class Wrong(NamedTuple):
    """
    A value that no argument of its type can have; of a function, what it returns anew each time.
    """

    value: object
    error: type[InvalidRequestError]

    def made(self) -> object:
        return self.value() if callable(self.value) else self.value


def each(error: type[InvalidRequestError], *values: object) -> list[Wrong]:
    return [Wrong(value, error) for value in values]


def legs(*pairs: object) -> Callable[[], object]:
    """
    The pairs, to be read once.
    """
    return lambda: iter(pairs)


WRONG_METADATA: Final = each(
    InvalidMetadataError,
    *(5, "order=1017", b"order", [("order", "1017")], {"Order": "1017"}, {"": "x"}, {5: "x"}),
    *({"a" * 41: "x"}, {"é": "x"}, {"a": 5}, {"a": None}, {"a": "a\nb"}, {"a": "x" * 201}),
    {str(number): "x" for number in range(11)},
)
WRONG: Final[Mapping[Any, Sequence[Wrong]]] = {
    AccountId: each(InvalidIdError, "a b", "", 5, b"a", "a" * 65),
    TransactionId: each(InvalidIdError, "t 1", "", 5, b"t"),
    PrincipalId: each(InvalidIdError, "a b", "", 5, "x" * 129),
    Money: [*each(InvalidAmountError, 5, "1.00", -ONE), *each(AmountTooLargeError, TOO_MUCH)],
    datetime: each(InvalidTimeError, NAIVE, "2026-05-01", 5),
    date: each(InvalidTimeError, NOON, "2026-05-01", "2026-13", 5),
    str: each(InvalidTextError, "a\nb", 5, b"tea", "x" * 501),
    int: each(InvalidVersionError, -1, True, 1.0, "1", 2**63),
    bool: each(InvalidFlagError, 1, 0, None, "no"),
    Restriction: each(InvalidRestrictionError, "everything", None, 5),
    Right: each(
        InvalidRightsError,
        *([], "read", None, 5, ["own"]),
        *(lambda: iter([]), lambda: iter(["own"]), lambda: iter(["own", "read"])),
    ),
    ExchangeRate: each(InvalidRateError, 1, "1.1"),
    Metadata: WRONG_METADATA,
    Mapping[str, str]: WRONG_METADATA,
    Leg: [
        *each(InvalidLegsError, [], "ab", None, 5, ["ab"], [("a",)], legs(), legs("ab")),
        *each(InvalidLegsError, [("a", ONE)] * (LEGS_MAX + 1), legs(None, ("a", ONE))),
        *each(InvalidLegsError, [("a", ONE)], legs(("a", ONE), ("b", ONE))),
        *each(InvalidAmountError, [("a", 5)], legs(("a", 5)), legs(("a", 5), ("b", ONE))),
        *each(InvalidAmountError, [("a", Money.zero("EUR"))], legs(("a", ONE - ONE), ("b", ONE))),
        *each(InvalidIdError, [("a b", ONE)], legs(("a b", ONE), ("b", -ONE))),
        *each(AmountTooLargeError, [("a", TOO_MUCH)], legs(("a", -TOO_MUCH), ("b", ONE))),
        *each(AmountTooLargeError, [("a", MOST), ("a", ONE)], legs(("a", MOST), ("a", ONE))),
        *each(
            CurrencyMismatchError,
            [("a", ONE), ("a", Money("1", "USD"))],
            legs(("a", ONE), ("a", Money("1", "USD"))),
        ),
    ],
    Cursor: each(InvalidCursorError, "0", 5, Cursor("x")),
    Principal: each(InvalidPrincipalError, "mary", None, PrincipalId("mary")),
    Checkpoint: each(InvalidCheckpointError, "no checkpoint", 5),
}
# What is wrong under this name besides, or instead.
NAMED: Final[Mapping[str, Sequence[Wrong]]] = {
    "transaction_id": [*WRONG[TransactionId], *each(InvalidIdError, "a:b", "expiry:a:2")],
    "net": [*each(InvalidAmountError, 5, "1.00"), *each(AmountTooLargeError, TOO_MUCH, -TOO_MUCH)],
    "expires_at": [*WRONG[datetime], Wrong(LATE, InvalidTimeError)],
    "ends_at": [*WRONG[datetime], Wrong(LATE, InvalidTimeError)],
    "limit": each(InvalidLimitError, 0, -1, 10_001, True, "1"),
}


def type_of(hint: Any) -> Any:
    """
    Return the one type of *hint* that `WRONG` is about: what may be text, or None, is the other.
    """
    text = str(hint)
    if "Right" in text:
        return Right
    if "Leg" in text or "tuple" in text:
        return Leg
    if not isinstance(hint, UnionType):
        return hint
    return next((found for found in get_args(hint) if found not in {NoneType, str}), str)


def wrong_values(name: str, hint: Any) -> Sequence[Wrong]:
    wrong = NAMED.get(name, WRONG[type_of(hint)])
    if isinstance(hint, UnionType) and NoneType in get_args(hint):
        return [found for found in wrong if found.value is not None]
    return wrong


def assert_named(make: Callable[[], object], name: str, error: type[InvalidRequestError]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make()

    assert type(caught.value) is error
    assert name == caught.value.field == caught.value.facts["field"]
    assert str(caught.value).startswith(f"{name} ")


def shown(case: object) -> str | None:
    if isinstance(case, Wrong):
        return "once" if callable(case.value) else repr(case.value)[:30]
    return case if isinstance(case, str) else getattr(case, "__name__", None)


# -- Commands ----------------------------------------------------------------


def cases_of(kinds: Sequence[type[Command]]) -> list[tuple[type[Command], str, Wrong]]:
    return [
        (kind, field.name, wrong)
        for kind in kinds
        for field in attrs.fields(kind)
        for wrong in wrong_values(field.name, get_type_hints(kind)[field.name])
        # The bank alone makes an expiry, and its id.
        if kind in SENT or field.name != "transaction_id"
    ]


def given(kind: type[Command]) -> dict[str, Any]:
    """
    Return a value for every field of *kind*, but for those that must go with the legs of a post.
    """
    values = {**values_of(kind), "booked_at": NOON, "description": "tea", "expected_version": 3}
    values["transaction_id"] = "t-1"
    if kind is Post:
        values["crosses_boundary"] = False
        del values["exchange_rate"]
    return values


@pytest.mark.parametrize(("kind", "name", "wrong"), cases_of(COMMANDS), ids=shown)
def test_a_command_names_the_field(kind: type[Command], name: str, wrong: Wrong) -> None:
    """
    Whichever field of a command has a wrong value, its error names it.
    """
    values = {**given(kind), "transaction_id": TransactionId("t-1")}

    assert_named(lambda: kind(**{**values, name: wrong.made()}), name, wrong.error)


@pytest.mark.parametrize(("kind", "name", "wrong"), cases_of(SENT), ids=shown)
def test_a_method_of_the_bank_names_the_argument(
    kind: type[Command], name: str, wrong: Wrong
) -> None:
    """
    A method takes the fields of its command under the same names, and records nothing wrong.
    """
    store = MemoryStore()
    call = getattr(Bank(store), kind.kind)

    assert_named(lambda: call(**{**given(kind), name: wrong.made()}), name, wrong.error)
    assert not store.journal().records


@pytest.mark.parametrize("name", ["crosses_boundary", "exchange_rate"])
def test_legs_that_are_read_once_are_not_blamed(name: str) -> None:
    """
    To find the wrong field, no other one is read again.
    """
    with pytest.raises(InvalidRequestError) as caught:
        Post(cast("Any", iter([("a", ONE), ("b", -ONE)])), **cast("Any", {name: 1}))

    assert name == caught.value.field


AT = NOON.isoformat()
SENTENCES: list[tuple[Callable[[], object], type[InvalidRequestError], str]] = [
    (
        lambda: OpenAccount("a", initial_balance=ONE, overdraft_limit=-ONE),
        InvalidAmountError,
        "overdraft_limit must not be negative, got EUR -1.00.",
    ),
    (
        lambda: OpenAccount("a", initial_balance=ONE, overdraft_limit=Money("1", "USD")),
        CurrencyMismatchError,
        "overdraft_limit must be in EUR, got USD.",
    ),
    (
        lambda: Transfer("a", "b c", ONE),
        InvalidIdError,
        (
            "destination_id must be 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.', and"
            " begin with a letter, a digit or '_', got 'b c'."
        ),
    ),
    (
        lambda: Transfer("a", "a", ONE),
        SameAccountError,
        "destination_id must be a different account, got a twice.",
    ),
    (
        lambda: CaptureHold("a", "h-1", destination_id="a"),
        SameAccountError,
        "destination_id must be a different account, got a twice.",
    ),
    (
        lambda: CloseAccount("a", sweep_to="a"),
        SameAccountError,
        "sweep_to must be a different account, got a twice.",
    ),
    (
        lambda: CaptureHold("a", "h-1", final=cast("Any", 1)),
        InvalidFlagError,
        "final must be True or False, got 1.",
    ),
    (
        lambda: Deposit("a", ONE, expected_version=-1),
        InvalidVersionError,
        "expected_version must be a whole number from 0, got -1.",
    ),
    (
        lambda: Deposit("a", ONE, booked_at=NAIVE),
        InvalidTimeError,
        "booked_at must have a time zone, got 2026-05-01T12:00:00.",
    ),
    (
        lambda: Deposit("a", ONE, description="a\nb"),
        InvalidTextError,
        (
            "description must be one line of at most 500 characters, with no control characters,"
            " got 'a\\nb'."
        ),
    ),
    (
        lambda: Deposit("a", ONE, transaction_id="a:b"),
        InvalidIdError,
        (
            "transaction_id must be 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.', and"
            " begin with a letter, a digit or '_', got 'a:b'."
        ),
    ),
    (
        lambda: PlaceHold("a", ONE, expires_at=LATE),
        InvalidTimeError,
        (
            "expires_at must be before the year 9999 (None, or left out, if there is no end), got"
            " 9999-01-01T00:00:00+00:00."
        ),
    ),
    (
        lambda: Restrict("a", "all"),
        InvalidRestrictionError,
        "reason must say why the account is restricted, got None.",
    ),
    (
        lambda: Restrict("a", "none", ends_at=NOON),
        InvalidRestrictionError,
        f"ends_at must be left out where nothing is restricted, got {AT}.",
    ),
    (
        lambda: Restrict("a", "everything", reason="theft"),
        InvalidRestrictionError,
        "restriction must be one of none, debits, credits, all, got 'everything'.",
    ),
    (
        lambda: GrantAccess("a", "mary", ["own"]),
        InvalidRightsError,
        "rights must be among read, credit, debit, got 'own'.",
    ),
    (
        lambda: Post([("a", ONE), ("b", Money("-2", "EUR"))]),
        InvalidLegsError,
        "legs are not valid: they leave EUR -1.00, and must add up to zero in each currency.",
    ),
    (
        lambda: Post([("a", cast("Any", 5))]),
        InvalidAmountError,
        "legs must have a Money each, got 5.",
    ),
    (lambda: Post([("a", ONE - ONE)]), InvalidAmountError, "legs must not be zero, got EUR 0.00."),
    (
        lambda: Post([(cast("Any", 5), ONE)]),
        InvalidIdError,
        (
            "legs must have account ids of 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.',"
            " and begin with a letter, a digit or '_', got 5."
        ),
    ),
    (
        lambda: Post([("a", ONE), ("b", -ONE)], exchange_rate=ExchangeRate("EUR", "USD", 1)),
        CurrencyMismatchError,
        "legs must be in EUR and USD, got EUR.",
    ),
    (
        lambda: Account.open("a", initial_balance=ONE).post(Money("1", "USD")),
        CurrencyMismatchError,
        "net must be in EUR, got USD.",
    ),
    (
        lambda: Account.open("a", initial_balance=ONE).set_overdraft_limit(Money("1", "USD")),
        CurrencyMismatchError,
        "overdraft_limit must be in EUR, got USD.",
    ),
    (
        lambda: Account.open("a", initial_balance=ONE, overdraft_limit=Money("1", "USD")),
        CurrencyMismatchError,
        "overdraft_limit must be in EUR, got USD.",
    ),
]


@pytest.mark.parametrize(("make", "error", "sentence"), SENTENCES, ids=shown)
def test_a_wrong_value_is_told_in_a_sentence(
    make: Callable[[], object], error: type[InvalidRequestError], sentence: str
) -> None:
    """
    The sentence says the field, what it must be, and what was given; fields that do not go
    together are told by the one to be changed.
    """
    assert_named(make, sentence.split(maxsplit=1)[0], error)
    with pytest.raises(error) as caught:
        make()

    assert sentence == str(caught.value)


# -- What never ends ----------------------------------------------------------


def hold_of(number: int) -> Hold:
    return Hold(id=f"h-{number}", amount=ONE)


def holder_of(number: int) -> Holder:
    return Holder(f"m-{number:04}", ["read"])


@pytest.mark.parametrize(
    ("make", "item", "limit", "error", "sentence"),
    [
        *(
            (make, lambda _: "read", CHOICES_MAX, InvalidRightsError, "rights must be at most 100")
            for make in (
                partial(GrantAccess, "a", "mary"),
                partial(Bank(MemoryStore()).grant_access, "a", "mary"),
                partial(Holder, "mary"),
            )
        ),
        (
            lambda roles: Principal("mary", roles),
            *(lambda _: "owner", CHOICES_MAX, InvalidPrincipalError, "roles must be at most 100"),
        ),
        (
            lambda scopes: Principal("mary", [], scopes),
            *(lambda _: "accounts:read", CHOICES_MAX),
            *(InvalidPrincipalError, "scopes must be at most 100"),
        ),
        *(
            (make, lambda n: ("a", ONE if n % 2 else -ONE), LEGS_MAX, InvalidLegsError, "legs are")
            for make in (Post, Bank(MemoryStore()).post)
        ),
        (
            lambda holds: Account(id="a", balance=ONE, holds=holds),
            *(hold_of, HOLDS_MAX, InvalidAccountError, "The account is not valid: its 1001 holds"),
        ),
        (
            lambda holders: Account(id="a", balance=ONE, holders=holders),
            *(holder_of, HOLDERS_MAX, InvalidAccountError, "The account is not valid: its holder"),
        ),
        (
            ONE.allocate,
            *(lambda _: 1, PARTS_MAX, InvalidWeightsError, "weights must have at most 1,000,000"),
        ),
    ],
)
def test_an_endless_iterable_is_read_up_to_its_limit(
    make: Callable[[Any], object],
    item: Callable[[int], object],
    limit: int,
    error: type[InvalidRequestError],
    sentence: str,
) -> None:
    """
    One item more than may be there is read, and no more, whatever takes an iterable.
    """
    taken = count(1)
    with pytest.raises(error, match=f"^{sentence}"):
        make(item(number) for number in taken)

    assert limit + 2 == next(taken)


# -- What a bank is made of --------------------------------------------------


def exported(store: Any) -> list[str]:
    """
    Return all lines of an export, which reads when it is asked for the first.
    """
    return list(export_journal(store))


STORE: Final = "store must be a store, such as SQLiteStore('bank.db') or MemoryStore()"
WRONG_PARTS: Final[list[tuple[Callable[[], object], str]]] = [
    *(
        (make, f"{STORE}, got {text}.")
        for store, text in (
            ("bank.db", "'bank.db'"),
            (MemoryStore, "the class MemoryStore"),
            (None, "None"),
            (object(), "a value of type object"),
        )
        for make in (
            partial(Bank, cast("Any", store)),
            partial(verify, cast("Any", store)),
            partial(checkpoint_of, cast("Any", store), NOON),
            partial(import_journal, cast("Any", store), []),
            partial(FaultyStore, cast("Any", store)),
            partial(exported, cast("Any", store)),
        )
    ),
    (
        lambda: Bank(cast("Any", Bank(MemoryStore()))),
        (
            f"{STORE} (it lacks transact, outcome, posting_at, holds_due), got a"
            " value of type Bank."
        ),
    ),
    (
        lambda: import_history(cast("Any", MemoryStore()), [], currency="EUR"),
        (
            "bank must be a bank, such as Bank(store) (it lacks execute), got a value of type"
            " MemoryStore."
        ),
    ),
    (
        lambda: Bank(MemoryStore(), clock=cast("Any", NOON)),
        (
            "clock must be a function that returns the time as an aware datetime, got a value of"
            " type datetime."
        ),
    ),
    (
        lambda: Bank(MemoryStore(), new_id=cast("Any", "id-1")),
        "new_id must be a function that returns the text of a new id, got 'id-1'.",
    ),
    (
        lambda: Bank(MemoryStore(), policy=cast("Any", StandardPolicy)),
        "policy must be a policy, such as StandardPolicy(), got the class StandardPolicy.",
    ),
    (
        lambda: Bank(MemoryStore(), timer=cast("Any", print)),
        (
            "timer must be a timer, such as the time module, got a value of type"
            " builtin_function_or_method."
        ),
    ),
    (
        lambda: Tokens(MemoryStore(), clock=cast("Any", NOON)),
        (
            "clock must be a function that returns the time as an aware datetime, got a value of"
            " type datetime."
        ),
    ),
    (
        lambda: Tokens(MemoryStore(), new_secret=cast("Any", b"secret")),
        (
            "new_secret must be a function that returns as many random bytes as it is asked for,"
            " got b'secret'."
        ),
    ),
]


@pytest.mark.parametrize(("make", "sentence"), WRONG_PARTS)
def test_a_part_of_the_wrong_kind_is_refused_at_once(
    make: Callable[[], object], sentence: str
) -> None:
    """
    Whoever passes a path, a class or something else is told at once what to pass.
    """
    assert_named(make, sentence.split(maxsplit=1)[0], InvalidArgumentError)
    with pytest.raises(InvalidArgumentError) as caught:
        make()

    assert sentence == str(caught.value)


@pytest.mark.parametrize("name", ["max_clock_skew", "deadline"])
@pytest.mark.parametrize("value", [timedelta(microseconds=-1), 5, None, "5 s"])
def test_a_duration_of_the_wrong_kind_is_refused_at_once(name: str, value: object) -> None:
    """
    Both are a ``timedelta`` of zero or more.
    """
    wrong = cast("Any", {name: value})

    assert_named(lambda: Bank(MemoryStore(), **wrong), name, InvalidTimeError)


# -- The account by itself ---------------------------------------------------

VALUES: Final[dict[str, Any]] = {
    "account_id": "a",
    "hold_id": "h-1",
    "amount": ONE,
    "net": ONE,
    "initial_balance": ONE,
    "overdraft_limit": ONE,
    "holder": "mary",
    "principal": "mary",
    "rights": ["read"],
    "restriction": "all",
    "reason": "theft",
    "description": "tea",
    "metadata": {"order": "1017"},
    "final": True,
    "ends_at": LATER_STILL,
    "expires_at": LATER_STILL,
    "booked_at": NOON,
    "instant": NOON,
}
OPENED = Account.open("a", initial_balance=ONE + ONE, holder="mary").place_hold(
    "h-1", ONE, expires_at=LATER
)
METHODS = {
    **{name: getattr(OPENED, name) for name in vars(Account) if name[0] != "_"},
    AccountState.open_hold.__name__: OPENED.open_hold,
}


@pytest.mark.parametrize(
    ("method", "name", "wrong"),
    [
        (method, name, wrong)
        for method, call in METHODS.items()
        for name, hint in get_type_hints(call).items()
        # Of `final`, only the truth counts.
        if name not in {"return", "final"}
        for wrong in wrong_values(name, hint)
    ],
    ids=shown,
)
def test_a_method_of_an_account_names_the_argument(method: str, name: str, wrong: Wrong) -> None:
    """
    An account's method names its own argument, and not that of what it makes of it.
    """
    call = METHODS[method]
    arguments = {each: VALUES[each] for each in inspect.signature(call).parameters}

    assert_named(lambda: call(**{**arguments, name: wrong.made()}), name, wrong.error)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for name, hint in get_type_hints(Hold).items()
        if name in attrs.fields_dict(Hold)
        for wrong in wrong_values(name, hint)
    ],
    ids=shown,
)
def test_a_hold_names_the_field(name: str, wrong: Wrong) -> None:
    """
    A hold that cannot be names the field, also where another one is derived from it.
    """
    fields: dict[str, Any] = {"id": "h-1", "amount": ONE, name: wrong.made()}

    assert_named(lambda: Hold(**fields), name, wrong.error)


# -- What a bank reads -------------------------------------------------------

# The ids of tokens have rules of their own: see `test_tokens`.
NOT_READ = {"execute", "preview", "tokens", "issue_token", "revoke_token"}
READS = {
    name: function
    for name, function in inspect.getmembers(Bank, inspect.isfunction)
    if name[0] != "_" and name not in {*NOT_READ, *(kind.kind for kind in SENT)}
}


@pytest.mark.parametrize(
    ("method", "name", "wrong"),
    [
        (method, name, wrong)
        for method, function in READS.items()
        for name, hint in get_type_hints(function).items()
        # Tested in `test_finding`.
        if name not in {"return", "kinds", "newest_first", "text"}
        for wrong in (
            WRONG[TransactionId] if name == "transaction_id" else wrong_values(name, hint)
        )
    ],
    ids=shown,
)
def test_a_read_names_the_argument(method: str, name: str, wrong: Wrong) -> None:
    """
    What is asked of a bank with a wrong argument names it.
    """
    bank = Bank(MemoryStore())
    bank.open_account("a", initial_balance=ONE, transaction_id="t-1")
    arguments = {
        "account_id": "a",
        "transaction_id": "t-1",
        "original_id": "t-1",
        "instant": NOON,
        "principal": Principal("mary"),
    }
    wanted = inspect.signature(READS[method]).parameters
    values = {each: value for each, value in arguments.items() if each in wanted}

    assert_named(
        lambda: getattr(bank, method)(**{**values, name: wrong.made()}), name, wrong.error
    )


def test_an_end_before_the_start_is_the_end_s() -> None:
    """
    Of two arguments that do not go together, the error names one.
    """
    bank = Bank(MemoryStore())
    bank.open_account("a", initial_balance=ONE)

    assert_named(lambda: bank.statement("a", start=LATER, end=NOON), "end", InvalidTimeError)


def test_an_extension_names_its_expiry() -> None:
    """
    What only the state makes wrong names the field of the command too.
    """
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)
    bank.place_hold("a", ONE, expires_at=LATER, transaction_id="h-1")
    (outcome,) = bank.execute([ExtendHold("a", "h-1", expires_at=LATER)])

    assert isinstance(outcome, InvalidTimeError)
    assert "expires_at" == outcome.field


# What takes flags, and what else it is given.
_FLAGGED: list[tuple[Callable[..., object], tuple[object, ...], dict[str, object]]] = [
    (Bank(MemoryStore()).execute, ([],), {}),
    (Bank(MemoryStore()).preview, ([],), {}),
    (import_history, (Bank(MemoryStore()), []), {"currency": "EUR"}),
    (SQLiteStore, ("bank.db",), {}),
    (PostgresStore, ("dbname=bank",), {}),
]


@pytest.mark.parametrize(
    ("call", "given", "named", "flag"),
    [
        pytest.param(call, given, named, flag.name, id=f"{call.__name__}-{flag.name}")
        for call, given, named in _FLAGGED
        for flag in inspect.signature(call).parameters.values()
        if flag.annotation is bool
    ],
)
@pytest.mark.parametrize("wrong", [1, None, "no"], ids=repr)
def test_a_flag_is_true_or_false(
    call: Callable[..., object],
    given: tuple[object, ...],
    named: dict[str, object],
    flag: str,
    wrong: object,
) -> None:
    """
    A text such as ``"no"`` is true in Python: whatever is no flag is refused by its name.
    """
    with pytest.raises(InvalidFlagError, match=f"^{flag} must be True or False, got") as raised:
        call(*given, **named, **{flag: wrong})

    assert flag == raised.value.field
