"""
The error tree: one class per reason, named, coded, with facts and a sentence.
"""

import copy
import inspect
import pickle
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from bankcore import AccountId, Currency, ExchangeRate, Money, MoneyBag, TransactionId, errors
from bankcore.accounts import Restriction
from bankcore.errors import (
    RECORDED_ERRORS,
    BankError,
    DeclinedError,
    InvalidRequestError,
    StoreError,
)
from bankcore.values import PrincipalId
from bankcore.values._errors import shown
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import instant_from_text, to_instant, to_instant_or_midnight
from bankcore.values._text import to_line_or_none

ALICE, T1 = AccountId("alice"), TransactionId("t-1")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEN, FIVE = Money("10", "EUR"), Money("5", "EUR")

RATE = {"base": "EUR", "quote": "USD", "rate": "1"}

BRANCHES = {InvalidRequestError, DeclinedError, StoreError}
V: dict[str, Any] = {"value": "'x'", "reason": "must be so"}

# class: (code, built-in base, recorded, retryable, facts, a piece of its sentence)
TABLE: dict[str, tuple[str, type, bool, bool, dict[str, Any], str]] = {
    "InvalidAmountError": (
        "invalid_amount",
        ValueError,
        False,
        False,
        V,
        "The amount must be so, got 'x'.",
    ),
    "AmountTooLargeError": (
        "amount_too_large",
        ValueError,
        False,
        False,
        V,
        "The amount must be so, got",
    ),
    "RoundingRequiredError": (
        *("rounding_required", ValueError, False, False, V),
        "The amount must be so, got 'x'; round it first.",
    ),
    "InvalidRoundingError": (
        "invalid_rounding",
        ValueError,
        False,
        False,
        V,
        "The rounding must be so",
    ),
    "InvalidFactorError": ("invalid_factor", ValueError, False, False, V, "The factor must be so"),
    "InvalidOperandError": (
        "invalid_operand",
        TypeError,
        False,
        False,
        V,
        "The operand must be so",
    ),
    "DivisionByZeroError": (
        *("division_by_zero", ZeroDivisionError, False, False),
        {"value": "EUR 1.00"},
        "The divisor must not be zero: EUR 1.00 cannot be divided",
    ),
    "InvalidWeightsError": (
        "invalid_weights",
        ValueError,
        False,
        False,
        V,
        "The weights must be so",
    ),
    "InvalidRateError": (
        "invalid_rate",
        ValueError,
        False,
        False,
        V,
        "The exchange rate must be so",
    ),
    "InvalidFormatError": ("invalid_format", ValueError, False, False, V, "The format must be so"),
    "InvalidCurrencyError": (
        "invalid_currency",
        ValueError,
        False,
        False,
        V,
        "The currency must be so",
    ),
    "UnknownCurrencyError": (
        "unknown_currency",
        LookupError,
        False,
        False,
        V,
        "The currency must be so",
    ),
    "AmbiguousCurrencyError": (
        *("ambiguous_currency", LookupError, False, False),
        {**V, "codes": ("BTN", "INR")},
        "The currency must be so",
    ),
    "CurrencyMismatchError": (
        *("currency_mismatch", ValueError, False, False),
        {"expected": "EUR", "given": "USD"},
        "The amount must be in EUR, got USD",
    ),
    "InvalidIdError": ("invalid_id", ValueError, False, False, V, "The id must be so, got 'x'"),
    "InvalidMetadataError": (
        *("invalid_metadata", ValueError, False, False, V),
        "The metadata must be so",
    ),
    "InvalidTextError": ("invalid_text", ValueError, False, False, V, "The text must be so"),
    "InvalidTimeError": ("invalid_time", ValueError, False, False, V, "The time must be so"),
    "InvalidKindError": ("invalid_kind", ValueError, False, False, V, "The kind must be so"),
    "InvalidLimitError": ("invalid_limit", ValueError, False, False, V, "The limit must be so"),
    "InvalidCursorError": (
        *("invalid_cursor", ValueError, False, False),
        {"value": "'x'"},
        "The cursor must be a cursor of this store, got 'x'",
    ),
    "InvalidCommandError": (
        *("invalid_command", TypeError, False, False),
        {"value": "'x'"},
        "The command must be a command from bankcore.commands",
    ),
    "SameAccountError": (
        *("same_account", ValueError, False, False),
        {"account_id": ALICE},
        "The other account must be a different account, got alice twice",
    ),
    "InvalidLegsError": (
        *("invalid_legs", ValueError, False, False),
        {"reason": "it is so"},
        "The legs are not valid: it is so",
    ),
    "InvalidRightsError": ("invalid_rights", ValueError, False, False, V, "The rights must be so"),
    "InvalidVersionError": (
        *("invalid_version", ValueError, False, False),
        {"value": "-1"},
        "The version must be a whole number from 0, got -1",
    ),
    "InvalidArgumentError": (
        *("invalid_argument", TypeError, False, False),
        V,
        "The argument must be so",
    ),
    "InvalidFlagError": (
        *("invalid_flag", TypeError, False, False),
        {"value": "1"},
        "The flag must be True or False, got 1",
    ),
    "InvalidRestrictionError": (
        *("invalid_restriction", ValueError, False, False),
        V,
        "The restriction must be so",
    ),
    "InvalidBatchError": (
        *("invalid_batch", ValueError, False, False),
        {"reason": "it is so"},
        "The batch is not valid: it is so",
    ),
    "InvalidCheckpointError": (
        *("invalid_checkpoint", ValueError, False, False),
        {"reason": "it is so"},
        "The checkpoint cannot be read: it is so",
    ),
    "InvalidHistoryError": (
        *("invalid_history", ValueError, False, False),
        {"reason": "it is so"},
        "cannot be read: it is so",
    ),
    "InvalidPrincipalError": (
        *("invalid_principal", ValueError, False, False),
        V,
        "The principal must be so, got 'x'",
    ),
    "TokenNotFoundError": (
        *("token_not_found", LookupError, False, False),
        {"token_id": "'x'"},
        "The id must be the id of a token, got 'x'.",
    ),
    "AccessDeniedError": (
        *("access_denied", Exception, False, False),
        {"action": "deposit", "reason": "it is so"},
        "The principal may not do this (deposit): it is so.",
    ),
    "AccountNotVisibleError": (
        *("account_not_visible", LookupError, False, False),
        {"action": "deposit", "reason": "it is so", "account_id": ALICE},
        "There is no account alice that the principal may see.",
    ),
    "InvalidJournalError": (
        *("invalid_journal", ValueError, False, False),
        {"line": 7, "reason": "it is so"},
        "Line 7 of the journal cannot be imported: it is so",
    ),
    "InvalidAccountError": (
        *("invalid_account", ValueError, False, False),
        {"reason": "it is so"},
        "The account is not valid: it is so",
    ),
    "TransactionIdReusedError": (
        *("transaction_id_reused", ValueError, False, False),
        {"transaction_id": T1, "fields": ("amount", "description")},
        "they differ in: amount, description. Send it again as it was sent first, or another",
    ),
    "AccountNotFoundError": (
        *("account_not_found", LookupError, True, False),
        {"account_id": ALICE},
        "no account alice",
    ),
    "AccountExistsError": (
        *("account_exists", Exception, True, False),
        {"account_id": ALICE},
        "There is already an account alice",
    ),
    "AccountClosedError": (
        *("account_closed", Exception, True, False),
        {"account_id": ALICE},
        "alice is closed, and closing is final",
    ),
    "InsufficientFundsError": (
        *("insufficient_funds", Exception, True, False),
        {"account_id": ALICE, "available": FIVE, "requested": TEN},
        "EUR 5.00 less than the EUR 10.00 requested",
    ),
    "BalanceLimitError": (
        *("balance_limit", Exception, True, False),
        {"account_id": ALICE, "balance": TEN, "requested": FIVE},
        "its balance or held amount would exceed the largest possible amount",
    ),
    "AccountRestrictedError": (
        *("account_restricted", Exception, True, False),
        {
            "account_id": ALICE,
            "restriction": Restriction.DEBITS,
            "reason": "theft",
            "ends_at": NOON,
        },
        "restricted until 2026-05-01T12:00:00+00:00, debits stopped: theft",
    ),
    "CloseBlockedError": (
        *("close_blocked", Exception, True, False),
        {"account_id": ALICE, "balance": FIVE, "hold_ids": (T1,)},
        "cannot be closed: its balance is EUR 5.00, not zero; holds are open: t-1",
    ),
    "HoldNotFoundError": (
        *("hold_not_found", LookupError, True, False),
        {"account_id": ALICE, "hold_id": T1},
        "alice has no hold t-1",
    ),
    "HoldNotActiveError": (
        *("hold_not_active", LookupError, True, False),
        {"account_id": ALICE, "hold_id": T1},
        "Hold t-1 of account alice is not active any more",
    ),
    "HoldExceededError": (
        *("hold_exceeded", Exception, True, False),
        {"hold_id": T1, "left": FIVE, "requested": TEN},
        "Hold t-1 has EUR 5.00 left, EUR 5.00 less than the EUR 10.00 requested",
    ),
    "HoldLimitError": (
        *("hold_limit", Exception, True, False),
        {"account_id": ALICE, "holds_max": 1000},
        "alice already has 1000 open holds, the maximum",
    ),
    "HolderNotFoundError": (
        *("holder_not_found", LookupError, True, False),
        {"account_id": ALICE, "principal": PrincipalId("mary")},
        "mary has no rights on account alice",
    ),
    "HolderLimitError": (
        *("holder_limit", Exception, True, False),
        {"account_id": ALICE, "holders_max": 100},
        "alice already has 100 holders, the maximum",
    ),
    "NotReversibleError": (
        *("not_reversible", Exception, True, False),
        {"transaction_id": T1, "command": "restrict"},
        "Transaction t-1 (restrict) cannot be reversed",
    ),
    "PartNotReversibleError": (
        *("part_not_reversible", Exception, True, False),
        {"transaction_id": T1, "command": "post"},
        "Transaction t-1 (post) cannot be reversed in part",
    ),
    "ReversalExceededError": (
        *("reversal_exceeded", Exception, True, False),
        {"transaction_id": T1, "left": FIVE, "requested": TEN},
        "Transaction t-1 has EUR 5.00 left to reverse, EUR 5.00 less than the EUR 10.00",
    ),
    "AlreadyReversedError": (
        *("already_reversed", Exception, True, False),
        {"transaction_id": T1, "reversed_by": TransactionId("t-2")},
        "Transaction t-1 was already reversed by t-2",
    ),
    "StaleVersionError": (
        *("stale_version", Exception, False, False),
        {"account_id": ALICE, "expected": 3, "found": 4},
        "alice is at version 4, not at the expected 3: read it again",
    ),
    "ClockSkewError": (
        *("clock_skew", Exception, False, False),
        {"account_id": ALICE, "last_booked_at": NOON + timedelta(hours=1), "now": NOON},
        "1:00:00 ahead of the clock (2026-",
    ),
    "TransactionNotFoundError": (
        *("transaction_not_found", LookupError, True, False),
        {"transaction_id": T1},
        "no transaction t-1",
    ),
    "StoreUnavailableError": (
        *("store_unavailable", Exception, False, True),
        {"reason": "it is so"},
        "nothing was written: it is so",
    ),
    "OutcomeUnknownError": (
        *("outcome_unknown", Exception, False, True),
        {"reason": "it is so"},
        "with the same transaction id to find out; if you gave none, look for it in the account's",
    ),
    "StoreCorruptedError": (
        *("store_corrupted", Exception, False, False),
        {"reason": "it is so"},
        "damaged: it is so. Keep it as it is, and go on from a backup",
    ),
    "StoreFormatError": (
        *("store_format", Exception, False, False),
        {"path": "p", "reason": "it is so"},
        "p is not a bankcore store",
    ),
    "SchemaVersionError": (
        *("schema_version", Exception, False, False),
        {"found": 2, "supported": 1},
        "schema version 2, but this bankcore supports versions up to 1: upgrade bankcore",
    ),
    "StoreMisuseError": (
        *("store_misuse", Exception, False, False),
        {"reason": "it is so"},
        "used wrongly: it is so",
    ),
}

CLASSES = {
    name: cls
    for name, cls in vars(errors).items()
    if inspect.isclass(cls) and issubclass(cls, BankError) and cls not in {BankError, *BRANCHES}
}


def test_no_class_lacks_a_row() -> None:
    """Every error class is in the table above, and every row is a class."""
    assert set(CLASSES) == set(TABLE)


def test_an_error_is_at_home_in_the_module_that_lists_it() -> None:
    """Every class names `bankcore.errors`, and one of an application's own its own module."""

    class OursError(BankError):
        sentence = "ours"

    assert __name__ == OursError.__module__
    assert {"bankcore.errors"} == {getattr(errors, name).__module__ for name in TABLE}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_class_is_what_its_row_says(name: str) -> None:
    """Branch, code, built-in base, recorded, retryable, facts and sentence are as stated."""
    cls = CLASSES[name]
    code, base, is_recorded, is_retryable, facts, sentence = TABLE[name]
    error = cls(**facts)

    assert name.endswith("Error")
    assert 1 == sum(issubclass(cls, branch) for branch in BRANCHES)
    assert (code, is_retryable) == (cls.code, cls.retryable)
    assert issubclass(cls, base)
    assert is_recorded == (cls in RECORDED_ERRORS.values())
    assert facts.items() <= error.facts.items()
    assert sentence in str(error)
    assert str(error).endswith(".")
    assert inspect.getdoc(cls)
    assert not is_retryable or issubclass(cls, StoreError)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_an_error_survives_copies(name: str) -> None:
    """A pickled or copied error has the same class, facts and sentence."""
    error = CLASSES[name](**TABLE[name][4])
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(error), error.facts, str(error)) == (type(other), other.facts, str(other))


INVALID = sorted(name for name, cls in CLASSES.items() if issubclass(cls, InvalidRequestError))


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_request_names_its_field(name: str) -> None:
    """The sentence and the facts name the field, once it is known; copies keep it."""
    cls: Any = CLASSES[name]
    facts = TABLE[name][4]
    unknown, error = cls(**facts), cls(**facts).about("the_field")

    assert (None, None) == (unknown.field, unknown.facts["field"])
    assert ("the_field", "the_field") == (error.field, error.facts["field"])
    assert "the_field" in str(error)
    assert str(unknown) == str(error).replace("the_field", unknown.noun)
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == str(copy.copy(error))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: AccountId("a b"), "account_id"),
        (lambda: TransactionId("a b"), "transaction_id"),
        (lambda: PrincipalId("a b"), "principal"),
        (lambda: to_account_id("a b"), "account_id"),
        (lambda: to_account_id("a b", "sweep_to"), "sweep_to"),
        (lambda: to_transaction_id("a b"), "transaction_id"),
        (lambda: to_transaction_id("a b", "hold_id"), "hold_id"),
        (lambda: to_principal_id("a b"), "principal"),
        (lambda: to_principal_id("a b", "holder"), "holder"),
        (lambda: to_line_or_none(5), "description"),
        (lambda: to_line_or_none("a\nb", "reason"), "reason"),
        (lambda: to_instant("now"), None),
        (lambda: to_instant("now", "expires_at"), "expires_at"),
        (lambda: to_instant(datetime(2026, 5, 1), "ends_at"), "ends_at"),  # noqa: DTZ001  # the very input under test
        (lambda: to_instant_or_midnight("now", "start"), "start"),
        (lambda: instant_from_text("now", "end"), "end"),
        (lambda: Money(0.5, "EUR"), "amount"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: Money("x", "EUR"), "amount"),
        (lambda: Money("-0", "EUR"), "amount"),
        (lambda: Money("1.005", "EUR"), "amount"),
        (lambda: Money("9" * 70, "EUR"), "amount"),
        (lambda: Money("9" * 64, "EUR"), "amount"),
        (lambda: Money(10**64, "EUR"), "amount"),
        (lambda: Money(Decimal("NaN"), "EUR"), "amount"),
        (lambda: Money(Decimal("1E+99"), "EUR"), "amount"),
        (lambda: Money(Decimal("1.005"), "EUR"), "amount"),
        (lambda: Money("1", "EURO"), "currency"),
        (lambda: Money("1", "XAU"), "currency"),
        (lambda: Money("1", "EUR", "up"), "rounding"),
        (lambda: Money.from_minor(0.5, "EUR"), "amount_minor"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: Money.from_minor(10**64, "EUR"), "amount_minor"),
        (lambda: Money.from_minor(1, "EURO"), "currency"),
        (lambda: Money.from_minor(1, "EUR", exponent=19), "exponent"),
        (lambda: Money.parse("EUR x"), "text"),
        (lambda: Money.parse("EUR 1.005"), "text"),
        (lambda: Money.parse("1.00"), "text"),
        (lambda: Money.parse("AAA 1"), "text"),
        (lambda: Money.parse("USD 1", "EUR"), "text"),
        (lambda: Money.parse("1" * 200, "EUR"), "text"),
        (lambda: Money.parse("1", "EURO"), "currency"),
        (lambda: Money.parse("1", "EUR", decimal_mark="x"), "decimal_mark"),
        (lambda: Money.parse("1", "EUR", group_mark="."), "group_mark"),
        (lambda: Money.sum([]), "moneys"),
        (lambda: Money.sum([5]), "moneys"),  # type: ignore[list-item]  # the very thing under test
        (lambda: Money.sum([TEN], "USD"), "moneys"),
        (lambda: TEN.times(0.5), "factor"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: TEN.times("0.0001"), None),
        (lambda: TEN.divided_by(0), "divisor"),
        (lambda: TEN.divided_by("x"), "divisor"),
        (lambda: TEN.rounded_to("0"), "step"),
        (lambda: TEN.rounded_to("x"), "step"),
        (lambda: TEN.rounded_to(Money("1", "USD")), "step"),
        (lambda: TEN.clamp(TEN, FIVE), "lowest"),
        (lambda: TEN.clamp(FIVE, Money("20", "USD")), "highest"),
        (lambda: TEN.allocate([]), "weights"),
        (lambda: TEN.allocate([0.5]), "weights"),  # type: ignore[list-item]  # the very thing under test
        (lambda: TEN.allocate([1], "first"), "mode"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: TEN.split(0), "parts"),
        (lambda: TEN.to_minor(exponent=19), "exponent"),
        (lambda: f"{TEN:x}", "spec"),
        (lambda: TEN + Money("1", "USD"), None),
        (lambda: Money.from_dict({}), "data"),
        (lambda: Money.from_dict({"amount": 5, "currency": "EUR"}), "amount"),
        (lambda: Money.from_dict({"amount": "5", "currency": 5}), "currency"),
        (lambda: Money.from_dict({"amount": "5", "currency": "X", "exponent": 2}), "currency"),
        (lambda: Money.from_dict({"amount": "5", "currency": "EUR", "exponent": 20}), "exponent"),
        (lambda: Currency("EURO"), "code"),
        (lambda: Currency(5), "code"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: Currency("BTC", 20), "exponent"),
        (lambda: Currency.from_numeric(1000), "numeric"),
        (lambda: Currency.from_numeric("999"), "numeric"),
        (lambda: Currency.from_country("x"), "country"),
        (lambda: Currency.from_country("AQ"), "country"),
        (lambda: MoneyBag([5]), "moneys"),  # type: ignore[list-item]  # the very thing under test
        (lambda: MoneyBag()["EURO"], "currency"),
        (lambda: ExchangeRate("EURO", "USD", 1), "base"),
        (lambda: ExchangeRate("EUR", "USDO", 1), "quote"),
        (lambda: ExchangeRate("EUR", "USD", 0), "rate"),
        (lambda: ExchangeRate("EUR", "EUR", 2), "rate"),
        (lambda: ExchangeRate("EUR", "USD", 2).convert(Money("1", "USD")), "money"),
        (lambda: ExchangeRate("EUR", "USD", 2).convert(5), "money"),  # type: ignore[arg-type]  # the very thing under test
        (lambda: ExchangeRate.from_dict({}), "data"),
        (lambda: ExchangeRate.from_dict({"base": "X", "quote": "USD", "rate": "1"}), "base"),
        (lambda: ExchangeRate.from_dict({**RATE, "quote_exponent": 20}), "quote_exponent"),
        (lambda: ExchangeRate.from_dict({**RATE, "rate": 1}), "rate"),
    ],
)
def test_what_is_wrong_is_named(make: Any, field: str | None) -> None:
    """Ids, texts, instants and money say which argument is wrong; where none is alone, none."""
    with pytest.raises(InvalidRequestError) as raised:
        make()

    assert field == raised.value.field


def test_codes_are_stable_words_and_unique() -> None:
    """Each class, branches included, has a snake_case code of its own."""
    classes: list[type[BankError]] = [*CLASSES.values(), *BRANCHES, BankError]
    codes = [cls.code for cls in classes]

    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_recorded_errors_are_found_by_their_code() -> None:
    """A recorded refusal's class is found by its code, and made again from its facts."""
    for code, cls in RECORDED_ERRORS.items():
        facts = TABLE[cls.__name__][4]
        assert code == cls.code
        made: Any = cls(**facts)
        assert facts == attrs.asdict(made, recurse=False)


@pytest.mark.parametrize(
    "error",
    [
        errors.InsufficientFundsError(ALICE, FIVE, TEN + TEN),
        errors.HoldExceededError(T1, FIVE, TEN + TEN),
    ],
    ids=["funds", "hold"],
)
def test_the_shortfall_is_a_fact(
    error: errors.InsufficientFundsError | errors.HoldExceededError,
) -> None:
    """How much is missing is a field, and among the facts."""
    assert (TEN + FIVE, TEN + FIVE) == (error.shortfall, error.facts["shortfall"])


@pytest.mark.parametrize(
    ("restriction", "ends_at", "sentence"),
    [
        (Restriction.DEBITS, None, "is restricted, debits stopped: theft."),
        (Restriction.CREDITS, None, "is restricted, credits stopped: theft."),
        (
            Restriction.ALL,
            NOON,
            "is restricted until 2026-05-01T12:00:00+00:00, debits and credits stopped: theft.",
        ),
    ],
)
def test_a_restriction_says_what_it_stops(
    restriction: Restriction, ends_at: datetime | None, sentence: str
) -> None:
    """What is stopped, until when if there is an end, and why, are in one sentence."""
    error = errors.AccountRestrictedError(ALICE, restriction, "theft", ends_at)

    assert f"Account alice {sentence}" == str(error)


@pytest.mark.parametrize(
    ("balance", "holds", "blockers"),
    [
        (FIVE, 0, ("its balance is EUR 5.00, not zero",)),
        (-FIVE, 0, ("its balance is EUR -5.00, not zero",)),
        (FIVE - FIVE, 1, ("holds are open: h0",)),
        (FIVE, 2, ("its balance is EUR 5.00, not zero", "holds are open: h0, h1")),
        (FIVE - FIVE, 10, ("holds are open: h0, h1, h2, h3, h4, h5, h6, h7, h8, h9",)),
        (FIVE - FIVE, 11, ("holds are open: h0, h1, h2, h3, h4, h5, h6, h7, h8, h9, …",)),
    ],
)
def test_every_blocker_is_a_sentence(
    balance: Money, holds: int, blockers: tuple[str, ...]
) -> None:
    """All that blocks a closing is listed, of the holds the first ten."""
    hold_ids = tuple(TransactionId(f"h{number}") for number in range(holds))
    error = errors.CloseBlockedError(ALICE, balance, hold_ids)

    assert blockers == error.blockers
    assert f"Account alice cannot be closed: {'; '.join(blockers)}." == str(error)


def test_a_hold_that_is_not_active_is_not_found_either() -> None:
    """Whoever catches a hold that is not there also catches one that is gone."""
    assert issubclass(errors.HoldNotActiveError, errors.HoldNotFoundError)


def test_an_id_reused_without_facts_has_its_own_sentence() -> None:
    """An id of another principal, or of part of an atomic batch: no field is named."""
    error = errors.TransactionIdReusedError(T1, ())

    assert "t-1 is already used, by another principal or outside of this atomic" in str(error)
    # With new ids for all of the batch, what is booked already would be booked twice.
    assert str(error).endswith(": send what is not booked yet with a new id.")


def test_an_error_is_new_until_it_is_replayed() -> None:
    """An error is not replayed and leaves no id unused, unless it is said."""
    error = errors.AccountNotFoundError(ALICE)

    assert (False, (), None) == (error.replayed, error.unused_ids, error.place)


def test_the_base_has_no_sentence_of_its_own() -> None:
    """The branches are not raised: each reason has a class."""
    with pytest.raises(AttributeError):
        str(BankError())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("short", "'short'"),
        (0.1, "0.1"),
        (True, "True"),
        (None, "None"),
        (b"ab", "b'ab'"),
        (-5, "-5"),
        (10**60 - 1, "9" * 60),
        (10**60, "a value of type int"),
        (object(), "a value of type object"),
        ("x" * 1_000_000, "'" + "x" * 59 + "…"),
        (b"x" * 1_000_000, "b'" + "x" * 58 + "…"),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_a_refused_value_is_shown_in_short(value: object, expected: str) -> None:
    """What an error repeats of a value is its repr of 60 characters at most, in one line."""
    assert expected == shown(value)
