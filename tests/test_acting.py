"""
The bank for one who may not do everything, over every store.

What is judged, in which order, what is told and what is not. Which role may do what is
told in test_access.py; here it is what becomes of the answer.
"""

import inspect
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, Bank, Money, Principal
from bankcore.access import ALLOWED, POLICY_TABLE, SCOPES, Role, StandardPolicy, hidden
from bankcore.bank import _reads
from bankcore.commands import (
    COMMANDS,
    SENT,
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
from bankcore.errors import (
    AccessDeniedError,
    AccountClosedError,
    AccountExistsError,
    AccountNotFoundError,
    AccountNotVisibleError,
    AlreadyReversedError,
    BankError,
    CloseBlockedError,
    CurrencyMismatchError,
    HoldExceededError,
    HoldNotFoundError,
    InsufficientFundsError,
    InvalidCommandError,
    InvalidLimitError,
    InvalidPrincipalError,
    InvalidTextError,
    TransactionIdReusedError,
    TransactionNotFoundError,
)
from bankcore.io import export_journal, import_journal
from bankcore.ledger import (
    AccountStore,
    HolderIndex,
    ReadSet,
    Refusal,
    Transaction,
    WriteSet,
    _pages,
    verify,
)
from bankcore.stores import JoinedSQLiteStore, MemoryStore, SQLiteStore, _rows, migrate
from bankcore.testing._commands import FIELDS
from bankcore.values import AccountId, PrincipalId, TransactionId
from every_command import EACH

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "access.md"
MARY, BERT = Principal("mary", ["owner"]), Principal("bert", ["owner"])
TINA = Principal("tina", ["teller"])
ANNA, OPAL = Principal("anna", ["auditor"]), Principal("opal", ["operator"])
ROBOT = Principal("robot", ["service"], SCOPES)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


class Town:
    """
    A bank in which mary and bert have an account each, with a clock to set.
    """

    def __init__(self, store: Any, policy: Any = None) -> None:
        ids = count(1)
        self.store: Any = store
        self.now = NOON
        self.bank = Bank(
            store,
            clock=lambda: self.now,
            new_id=lambda: f"made-{next(ids)}",
            policy=policy or StandardPolicy(teller_limit=eur(500)),
        )
        self.bank.open_account("m", initial_balance=eur(100), holder="mary")
        self.bank.open_account("b", initial_balance=eur(100), holder="bert")

    def acting(self, principal: Principal) -> Bank:
        return self.bank.acting_as(principal)

    def balances(self) -> dict[str, int]:
        return {str(each.id): each.balance.amount_minor for each in self.bank.accounts()}

    def journal_length(self) -> int:
        return len(self.store.journal(limit=10_000).records)


@pytest.fixture
def town(store: Any) -> Town:
    return Town(store)


def told(call: Callable[[], object]) -> tuple[Any, ...]:
    """
    All that a caller is told by an error.
    """
    try:
        call()
    except BankError as error:
        return (
            *(type(error), error.code, dict(error.facts), str(error), error.args),
            *(error.replayed, error.unused_ids, error.retryable),
            *(error.__cause__, error.__context__),
        )
    raise AssertionError("it went through")


# -- The same methods --------------------------------------------------------


def public_methods(cls: type) -> dict[str, Any]:
    return {
        name: method
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_is_a_bank_that_acts_for_nobody_else(town: Town) -> None:
    """An acting bank is a `Bank`, and cannot be made to act for another principal."""
    acting = town.acting(MARY)

    assert type(acting) is Bank
    for principal in (BERT, MARY, ROBOT):
        with pytest.raises(AccessDeniedError, match="the bank is acting as mary") as caught:
            acting.acting_as(principal)
        assert "acting_as" == caught.value.action
    assert MARY == acting.principal
    assert town.bank.principal is None
    assert BERT == town.bank.acting_as(BERT).principal


def test_every_method_has_its_action_on_the_page() -> None:
    """The page of access says of each method what it asks; of commands, their name is enough."""
    rows = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", PAGE.read_text("utf-8"))
    documented = {
        name: re.findall(r"`(\w+)`", actions)
        for names, actions in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    methods = set(public_methods(Bank)) - {"acting_as", *(command.kind for command in SENT)}

    assert methods <= set(documented)
    for name in methods - {"execute", "preview"}:
        assert set(documented[name]) <= set(POLICY_TABLE)
        assert documented[name]


# Everything that can be asked for, as a call; each on mary's account, with ids of its own.
def calls() -> dict[str, Callable[[Bank], object]]:
    commands = [each for each in EACH if type(each) not in {CaptureHold, Reverse}]
    commands += [CaptureHold("a", "placed"), Reverse("moved")]
    made: dict[str, Callable[[Bank], object]] = {
        command.kind: partial(sending, command) for command in commands
    }
    made |= {
        "account": lambda acting: acting.account("a"),
        "holds": lambda acting: acting.holds("a"),
        "accounts": lambda acting: list(acting.accounts()),
        "statement": lambda acting: acting.statement("a"),
        "balance_at": lambda acting: acting.balance_at("a", NOON),
        "available_at": lambda acting: acting.available_at("a", NOON),
        "transaction": lambda acting: acting.transaction("moved"),
        "history": lambda acting: acting.history("a"),
        "transactions": lambda acting: acting.transactions(),
        "reversals": lambda acting: acting.reversals("moved"),
        "reversed_by": lambda acting: acting.reversed_by("moved"),
        "expire_holds": Bank.expire_holds,
        "verify": Bank.verify,
        "checkpoint": Bank.checkpoint,
        "journal": Bank.journal,
        "denials": Bank.denials,
        "tokens": lambda acting: list(acting.tokens()),
        "issue_token": lambda acting: acting.issue_token(MARY),
        "revoke_token": lambda acting: acting.revoke_token("0" * 16),
        "preview": lambda acting: one_of(acting.preview([Deposit("a", eur(1))])),
        "execute": lambda acting: one_of(acting.execute([Deposit("a", eur(1))])),
        "can_close": lambda acting: possible(acting.can_close("a")),
        "can_reverse": lambda acting: possible(acting.can_reverse("moved")),
    }
    return made


def one_of(outcomes: list[Any]) -> Any:
    (outcome,) = outcomes
    if isinstance(outcome, BankError):
        raise outcome
    return outcome


def possible(possibility: Any) -> None:
    if isinstance(possibility.error, AccessDeniedError | TransactionNotFoundError):
        raise possibility.error


def sending(command: Command, acting: Bank) -> object:
    return one_of(acting.execute([command]))


CALLS = calls()


@pytest.mark.parametrize("name", sorted(CALLS))
def test_without_a_role_nothing_goes_through(name: str) -> None:
    """Every method denies one who has no role: nothing is told, and nothing is changed."""
    town = Town(MemoryStore())
    town.bank.open_account("a", initial_balance=eur(10))
    town.bank.deposit("a", eur(1), transaction_id="moved")
    town.bank.place_hold("a", eur(1), transaction_id="placed")
    before = (town.journal_length(), town.balances())

    with pytest.raises(AccessDeniedError, match="none of its roles or scopes may"):
        CALLS[name](town.acting(Principal("nobody")))
    assert before == (town.journal_length(), town.balances())


def test_every_method_is_among_the_calls() -> None:
    """The test above leaves no method out."""
    assert set(CALLS) == set(public_methods(Bank)) - {"acting_as"}


@pytest.mark.parametrize("principal", ["mary", None, PrincipalId("mary"), 7])
def test_only_a_principal_acts(town: Town, principal: Any) -> None:
    """What is no `Principal` is refused at once."""
    with pytest.raises(InvalidPrincipalError, match=r"^principal must be a Principal, got "):
        town.bank.acting_as(principal)


def test_a_request_id_is_one_line(town: Town) -> None:
    """What goes into the log of denials has no line breaks."""
    with pytest.raises(InvalidTextError, match=r"^request_id must be one line "):
        town.bank.acting_as(MARY, request_id="r\n200 OK")


def test_the_principal_is_known(town: Town) -> None:
    """An acting bank says for whom it acts."""
    assert MARY == town.acting(MARY).principal
    assert f"<Bank over {town.store!r} acting as mary>" == repr(town.acting(MARY))


# -- 116, 117, 146: what is foreign is as if it were not there ----------------

FOREIGN: dict[str, Callable[[Bank, str], object]] = {
    "account": lambda acting, name: acting.account(name),
    "holds": lambda acting, name: acting.holds(name),
    "statement": lambda acting, name: acting.statement(name),
    "balance_at": lambda acting, name: acting.balance_at(name, NOON),
    "available_at": lambda acting, name: acting.available_at(name, NOON),
    "deposit": lambda acting, name: acting.deposit(name, eur(1), transaction_id="f-1"),
    "deposit another currency": lambda acting, name: acting.deposit(name, Money(1, "USD")),
    "withdraw": lambda acting, name: acting.withdraw(name, eur(1), transaction_id="f-1"),
    "stale": lambda acting, name: acting.withdraw(name, eur(1), expected_version=7),
    "transfer from": lambda acting, name: acting.transfer(name, "m", eur(1)),
    "place": lambda acting, name: acting.place_hold(name, eur(1)),
    "capture": lambda acting, name: acting.capture_hold(name, "h"),
    "capture to mine": lambda acting, name: acting.capture_hold(name, "h", destination_id="m"),
    "release": lambda acting, name: acting.release_hold(name, "h"),
    "extend": lambda acting, name: acting.extend_hold(name, "h", expires_at=None),
    "close": lambda acting, name: acting.close_account(name),
    "sweep to mine": lambda acting, name: acting.close_account(name, sweep_to="m"),
    "atomic": lambda acting, name: acting.execute([Withdraw(name, eur(1))], atomic=True),
    "execute": lambda acting, name: one_of(acting.execute([Withdraw(name, eur(1))])),
    "preview": lambda acting, name: one_of(acting.preview([Withdraw(name, eur(1))])),
    "can_close": lambda acting, name: possible(acting.can_close(name)),
}


def places() -> Iterator[tuple[str, Callable[[Town], None]]]:
    """
    Yield what may be at the id "x": nothing, or bert's account in some state.
    """

    def opened(town: Town, currency: str = "EUR") -> None:
        town.bank.open_account("x", initial_balance=Money(50, currency), holder="bert")

    def with_hold(town: Town) -> None:
        opened(town)
        town.bank.place_hold("x", eur(5), transaction_id="h")

    def restricted(town: Town) -> None:
        opened(town)
        town.bank.restrict("x", "all", reason="court order")

    def closed(town: Town) -> None:
        opened(town)
        town.bank.close_account("x", sweep_to="b")

    yield "opened", opened
    yield "in dollars", lambda town: opened(town, "USD")
    yield "with a hold", with_hold
    yield "restricted", restricted
    yield "closed", closed


@pytest.mark.parametrize("state", dict(places()))
@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_account_is_as_one_that_is_not_there(store: Any, name: str, state: str) -> None:
    """Whatever a stranger asks of a foreign account, in whatever state: the very same denial."""
    town = Town(store)
    absent = told(lambda: FOREIGN[name](town.acting(MARY), "x"))
    dict(places())[state](town)
    before = (town.journal_length(), town.balances())

    assert absent == told(lambda: FOREIGN[name](town.acting(MARY), "x"))
    assert AccountNotVisibleError is absent[0]
    assert before == (town.journal_length(), town.balances())


PAYMENTS: dict[str, tuple[Callable[[Bank], object], type[BankError]]] = {
    "transfer": (lambda acting: acting.transfer("m", "x", eur(1)), AccountNotVisibleError),
    "with an id": (
        lambda acting: acting.transfer("m", "x", eur(1), transaction_id="p-1"),
        AccountNotVisibleError,
    ),
    "atomic": (
        lambda acting: acting.execute(
            [Transfer("m", "x", eur(1), transaction_id="p-1")], atomic=True
        ),
        AccountNotVisibleError,
    ),
    "capture": (
        lambda acting: acting.capture_hold("m", "mine", destination_id="x"),
        AccountNotVisibleError,
    ),
    "sweep": (lambda acting: acting.close_account("m2", sweep_to="x"), AccountNotVisibleError),
    "too much": (lambda acting: acting.transfer("m", "x", eur(1000)), InsufficientFundsError),
    "not my currency": (
        lambda acting: acting.transfer("m", "x", Money(1, "USD")),
        CurrencyMismatchError,
    ),
    "no such hold": (
        lambda acting: acting.capture_hold("m", "nope", destination_id="x"),
        HoldNotFoundError,
    ),
}


class Watched(MemoryStore):
    """
    A store that remembers which reads of an account found one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.finds: list[bool] = []

    def account(self, account_id: AccountId | str) -> Account:
        self.finds.append(False)
        account = super().account(account_id)
        self.finds[-1] = True
        return account


@pytest.mark.parametrize("name", FOREIGN)
def test_a_denial_looks_for_as_much_whatever_is_there(name: str) -> None:
    """
    To read an account takes longer than to find none; a denial has done both, once each.
    """
    store = Watched()
    town = Town(store)
    for each in range(3):
        town.bank.place_hold("b", eur(1), transaction_id=f"h-{each}")
    looks = []
    for account_id in ("b", "nobodys"):
        store.finds.clear()
        denied = told(partial(FOREIGN[name], town.acting(MARY), account_id))
        assert AccountNotVisibleError is denied[0]
        looks.append(sorted(store.finds))

    assert [[False, True]] * 2 == looks


@pytest.mark.parametrize("name", FOREIGN)
def test_a_denial_runs_the_same_statements_whatever_is_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hold of a foreign account is read: of one with a thousand, that would take long."""
    ran: list[str] = []
    read = SQLiteStore._read

    def noted(self: SQLiteStore, statement: str, parameters: Any) -> Any:
        ran.append(statement)
        return read(self, statement, parameters)

    with SQLiteStore(tmp_path / "bank.db") as store:
        town = Town(store)
        for each in range(3):
            town.bank.place_hold("b", eur(1), transaction_id=f"h-{each}")
    with SQLiteStore(tmp_path / "bank.db") as store:
        monkeypatch.setattr(SQLiteStore, "_read", noted)
        bank = Bank(store)
        # Once for each bank, it finds an account that is there, for all that follow.
        told(partial(FOREIGN[name], bank.acting_as(MARY), "nobodys"))
        monkeypatch.setattr(_rows, "hold_from", lambda *_: pytest.fail("a hold was read"))
        statements = []
        for account_id in ("b", "nobodys"):
            ran.clear()
            told(partial(FOREIGN[name], bank.acting_as(MARY), account_id))
            statements.append([each for each in ran if "denial" not in each])

        assert statements[0] == statements[1] != []


def test_a_denied_transaction_is_looked_for_as_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it take longer to find a foreign transaction than none."""
    ran: list[str] = []
    with SQLiteStore(tmp_path / "bank.db") as store:
        town = Town(store)
        town.bank.deposit("b", eur(1), transaction_id="d-1")
        read = store._read

        def noted(statement: str, parameters: Any) -> Any:
            ran.append(statement)
            return read(statement, parameters)

        monkeypatch.setattr(store, "_read", noted)
        statements = []
        for transaction_id in ("d-2", "d-1", "d-2"):
            ran.clear()
            with pytest.raises(TransactionNotFoundError):
                town.acting(MARY).transaction(transaction_id)
            statements.append(sorted(ran))

        assert statements[1] == statements[2]
    with pytest.raises(TransactionNotFoundError):
        Bank(MemoryStore()).acting_as(MARY).transaction("d-1")
    with pytest.raises(AccountNotVisibleError):
        Bank(MemoryStore()).acting_as(MARY).account("x")


def test_what_was_seen_and_rolled_back_is_forgotten() -> None:
    """A transaction that the application has rolled back is never named instead of the wanted."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with closing(connection):
        connection.execute("BEGIN")
        migrate(connection)
        connection.execute("COMMIT")
        bank = Bank(JoinedSQLiteStore(connection))
        connection.execute("BEGIN")
        bank.open_account("b", initial_balance=eur(5), transaction_id="o-1")
        calls = (
            lambda: bank.acting_as(MARY).account("x"),
            lambda: bank.acting_as(MARY).transaction("t-1"),
        )
        denied = [told(call)[2] for call in calls]
        connection.execute("ROLLBACK")

        assert denied == [told(call)[2] for call in calls]
        assert {"transaction_id": TransactionId("t-1")} == denied[1]


@pytest.mark.parametrize("atomic", [False, True])
def test_ones_own_outcome_of_an_account_that_is_hidden_by_now(store: Any, atomic: bool) -> None:
    """A denial before the unit does not come before what is recorded."""
    town = Town(store)
    paid = Withdraw("m", eur(5), transaction_id="w-1")
    town.acting(MARY).execute([paid], atomic=atomic)
    town.bank.revoke_access("m", "mary")
    # Another bank on the store has not seen that mary sees it.
    bank = Bank(store)

    assert one_of(bank.acting_as(MARY).execute([paid], atomic=atomic)).replayed
    assert AccountNotVisibleError is told(lambda: bank.acting_as(MARY).account("m"))[0]


def test_a_batch_sees_what_its_earlier_commands_did(store: Any) -> None:
    """A command on an account that an earlier one opens is not denied before."""
    town = Town(store)
    commands = [
        OpenAccount("n", initial_balance=eur(5)),
        Withdraw("n", eur(5)),
        Deposit("b", eur(1)),
    ]
    outcomes: list[Any] = town.acting(MARY).execute(commands)

    assert [AccountId("n")] * 2 == [each.account_id for each in outcomes[:2]]
    assert isinstance(outcomes[2], AccountNotVisibleError)
    # Nor is a hidden account read because the command before it named it.
    pair = [Withdraw("b", eur(1)), Deposit("b", eur(1))]
    denied = town.acting(MARY).execute(pair)
    assert [AccountNotVisibleError] * 2 == list(map(type, denied))
    assert ("mary", "b") not in town.bank._seen.pairs
    for atomic in (False, True):
        again = [OpenAccount("k", initial_balance=eur(5)), Withdraw("k", eur(5))]
        assert 2 == len(town.acting(MARY).preview(again, atomic=atomic))


def test_a_right_that_is_gone_is_missed_at_once(town: Town) -> None:
    """What is remembered is that an account was seen, and never that it may be seen."""
    marys = town.acting(MARY)
    marys.account("m")
    town.bank.revoke_access("m", "mary")
    for call in (lambda: marys.account("m"), lambda: marys.deposit("m", eur(1))):
        assert AccountNotVisibleError is told(call)[0]


def test_what_was_seen_is_not_looked_up_before() -> None:
    """
    An account that a principal has seen once is from then on read once for each call. Nor is one
    read before that is to be opened, or of which the role may send no command.
    """
    store = Watched()
    town = Town(store)
    marys = town.acting(MARY)
    looks = []
    for _ in range(2):
        store.finds.clear()
        marys.account("m")
        looks.append(len(store.finds))
    store.finds.clear()
    marys.withdraw("m", eur(1))
    marys.open_account("n", initial_balance=eur(0))
    with pytest.raises(AccessDeniedError):
        town.acting(ANNA).deposit("m", eur(1))

    assert [2, 1] == looks
    # In the unit alone, which is no read of its own.
    assert [] == store.finds


def test_what_is_remembered_has_an_end(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of however many principals and accounts, no more are remembered at once."""
    monkeypatch.setattr(_reads, "_SEEN_MAX", 3)
    for number in range(7):
        town.bank.acting_as(Principal(f"shop-{number}", ["service"], SCOPES)).account("m")

        assert 1 <= len(town.bank._seen.pairs) <= 3


@pytest.mark.parametrize("state", ["in dollars", "restricted", "closed"])
@pytest.mark.parametrize("name", PAYMENTS)
def test_a_payment_tells_nothing_of_where_it_would_go(store: Any, name: str, state: str) -> None:
    """
    A payment to an unseen account that cannot take it fails like one to an account that is
    not there; and where the payer's own account stands in the way, that is said in both cases.
    """
    call, error = PAYMENTS[name]
    town = Town(store)
    marys = town.acting(MARY)
    marys.place_hold("m", eur(5), transaction_id="mine")
    marys.open_account("m2", initial_balance=eur(1))
    absent = told(lambda: call(marys))
    dict(places())[state](town)
    before = town.balances()

    assert absent == told(lambda: call(marys))
    assert error is absent[0]
    assert before == town.balances()


# Refused because of the payer's own account.
REFUSED: dict[type[Command], tuple[Command, type[BankError]]] = {
    Transfer: (Transfer("m", "x", eur(1000), transaction_id="p-1"), InsufficientFundsError),
    CaptureHold: (
        CaptureHold("m", "mine", eur(50), destination_id="x", transaction_id="p-1"),
        HoldExceededError,
    ),
    CloseAccount: (CloseAccount("m", sweep_to="x", transaction_id="p-1"), CloseBlockedError),
}


@pytest.mark.parametrize("state", ["absent", *dict(places())])
@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_payment_to_an_unseen_account_is_refused_again(
    store: Any, kind: type[Command], state: str
) -> None:
    """
    Sent again, it is the same error, replayed, whatever is at the other end and whatever has
    become of the payer's account: only an id that was used up says no more each time.
    """
    command, error = REFUSED[kind]
    town = Town(store)
    marys = town.acting(MARY)
    marys.place_hold("m", eur(5), transaction_id="mine")
    if state != "absent":
        dict(places())[state](town)
    first = one_refusal(marys, command)
    town.bank.deposit("m", eur(5000))
    again = one_refusal(marys, command)

    assert (error, False, True) == (type(first), first.replayed, again.replayed)
    assert (error, first.facts, str(first)) == (type(again), again.facts, str(again))
    assert first.facts == one_refusal(town.bank, command).facts
    assert "x" not in {str(getattr(each, "account_id", "")) for each in first.others}
    assert verify(town.store).is_clean
    # The rules give it again to one who sees no more than its sender.
    journal = list(export_journal(town.store))
    moved = MemoryStore()
    import_journal(moved, journal)
    assert journal == list(export_journal(moved))


def one_refusal(bank: Bank, command: Command) -> BankError:
    (outcome,) = bank.execute([command])
    assert isinstance(outcome, BankError)
    return outcome


def test_every_command_that_pays_another_account_is_refused_above() -> None:
    """A new command that an owner may send, and that names a second account, needs a row."""
    paying = {
        kind
        for kind in SENT
        if [field.type for field in FIELDS[kind]].count(AccountId) > 1
        and kind.grants is not None
        and kind.grants.owner is not None
    }

    assert set(REFUSED) == paying


def test_a_payment_to_an_unseen_account_goes_through(town: Town) -> None:
    """A destination needs only be able to receive; the payer sees nothing of it."""
    receipt = town.acting(MARY).transfer("m", "b", eur(5), transaction_id="t-1")

    assert [AccountId("m")] == [posting.account_id for posting in receipt.postings]
    assert {"m": 9500, "b": 10500} == town.balances()
    assert receipt == town.acting(MARY).transaction("t-1")


def test_a_refusal_of_a_payment_to_an_unseen_account_is_recorded(town: Town) -> None:
    """No funds, then funds: the same id is refused again, as for everybody."""
    marys = town.acting(MARY)
    for _ in range(2):
        with pytest.raises(InsufficientFundsError):
            marys.transfer("m", "b", eur(1000), transaction_id="t-1")
        town.bank.deposit("m", eur(5000))
    recorded = town.store.outcome(TransactionId("t-1"))

    assert isinstance(recorded, Refusal)
    assert "mary" == recorded.principal
    assert verify(town.store).is_clean


def test_trusted_code_is_told_what_a_stranger_is_not(town: Town) -> None:
    """An absent account is `AccountNotFoundError` for those who see all, and for the bank."""
    for role in (TINA, ANNA, OPAL, ROBOT):
        with pytest.raises(AccountNotFoundError):
            town.acting(role).account("x")
    with pytest.raises(AccountNotFoundError):
        town.bank.deposit("x", eur(1))
    with pytest.raises(AccountNotFoundError):
        town.acting(TINA).deposit("x", eur(1))


def test_an_unseen_transaction_is_as_one_that_is_not_there(town: Town) -> None:
    """To read it, to ask what reversed it, or to reverse it: `TransactionNotFoundError`."""
    owner_and_teller = Principal("mary", ["owner", "teller"])
    for call in (
        lambda: town.acting(MARY).transaction("x-1"),
        lambda: town.acting(MARY).reversed_by("x-1"),
    ):
        absent = told(call)
        town.bank.deposit("b", eur(1), transaction_id="x-1") if town.journal_length() == 2 else 0

        assert absent == told(call)
        assert TransactionNotFoundError is absent[0]
    # Tellers see all but their own: one between two of their own is not there for them.
    town.bank.open_account("m2", initial_balance=eur(1), holder="mary")
    teller = town.acting(Principal("mary", ["teller"]))
    absent = told(lambda: teller.reverse("own-1", transaction_id="r-1"))
    town.bank.transfer("m", "m2", eur(1), transaction_id="own-1")

    assert absent == told(lambda: teller.reverse("own-1", transaction_id="r-1"))
    assert TransactionNotFoundError is absent[0]
    with pytest.raises(TransactionNotFoundError):
        town.store.outcome(TransactionId("r-1"))
    with pytest.raises(AccessDeniedError):
        town.acting(owner_and_teller).reverse("own-1")


# -- 62: holds ---------------------------------------------------------------


def test_a_hold_of_another_account_is_not_found(town: Town) -> None:
    """A hold is named together with its account; one of another's is as none."""
    marys = town.acting(MARY)
    absent = told(lambda: marys.capture_hold("m", "h"))
    town.acting(BERT).place_hold("b", eur(5), transaction_id="h")

    assert absent == told(lambda: marys.capture_hold("m", "h"))
    assert HoldNotFoundError is absent[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda acting: acting.capture_hold("m", "shop"),
        lambda acting: acting.release_hold("m", "shop"),
        lambda acting: acting.extend_hold("m", "shop", expires_at=None),
    ],
)
@pytest.mark.parametrize("by", ["trusted code", "a service"])
def test_a_hold_is_used_by_who_placed_it(town: Town, use: Any, by: str) -> None:
    """The holder of an account does not free or take what somebody else reserved on it."""
    placing: Any = town.bank if by == "trusted code" else town.acting(ROBOT)
    placing.place_hold("m", eur(5), transaction_id="shop", expires_at=NOON + timedelta(hours=1))
    before = town.bank.account("m")

    for principal in (MARY, TINA):
        with pytest.raises(AccessDeniedError, match="use_anothers_hold"):
            use(town.acting(principal))
    assert before == town.bank.account("m")
    assert use(town.acting(ROBOT))


def test_an_owner_uses_its_own_holds(town: Town) -> None:
    """What an owner placed it extends, captures and releases."""
    marys = town.acting(MARY)
    hold_id = marys.place_hold("m", eur(5), expires_at=NOON + timedelta(hours=1)).id
    marys.extend_hold("m", hold_id, expires_at=None)
    marys.capture_hold("m", hold_id, eur(2), final=False)
    marys.release_hold("m", hold_id)

    assert (9800, 0) == (
        town.bank.account("m").balance.amount_minor,
        town.bank.account("m").held.amount_minor,
    )


# -- 75 and ids --------------------------------------------------------------


def test_a_replay_needs_no_right(town: Town) -> None:
    """Its own sender gets a receipt again; what was not sent before is denied."""
    marys = town.acting(MARY)
    first = marys.withdraw("m", eur(5), transaction_id="w-1")
    town.bank.grant_access("m", "mary", ["read"])
    again = marys.withdraw("m", eur(5), transaction_id="w-1")

    assert (first, True) == (again, again.replayed)
    with pytest.raises(AccessDeniedError):
        marys.withdraw("m", eur(5), transaction_id="w-2")


@pytest.mark.parametrize("by", ["bert", "trusted code"])
@pytest.mark.parametrize("atomic", [False, True])
def test_an_id_of_another_tells_nothing(town: Town, by: str, atomic: bool) -> None:
    """An id that another used is reused, whatever the command; no field is named."""
    other: Any = town.bank if by == "trusted code" else town.acting(BERT)
    other.transfer("b", "m", eur(5), transaction_id="t-1")
    for command in (Transfer("b", "m", eur(5)), Withdraw("m", eur(5)), Withdraw("b", eur(5))):
        sent = attrs.evolve(command, transaction_id="t-1")
        with pytest.raises(TransactionIdReusedError) as caught:
            one_of(town.acting(MARY).execute([sent], atomic=atomic))

        assert () == caught.value.fields


def test_ones_own_id_names_what_differs(town: Town) -> None:
    """Whoever used the id is told which fields differ."""
    marys = town.acting(MARY)
    marys.withdraw("m", eur(5), transaction_id="w-1")

    with pytest.raises(TransactionIdReusedError) as caught:
        marys.withdraw("m", eur(6), transaction_id="w-1")
    assert ("amount",) == caught.value.fields


def test_trusted_code_replays_what_a_principal_did(town: Town) -> None:
    """The bank itself is asked nothing, and gives what is recorded, whole."""
    town.acting(MARY).transfer("m", "b", eur(5), transaction_id="t-1")
    again = town.bank.transfer("m", "b", eur(5), transaction_id="t-1")

    assert (True, "mary", 2) == (again.replayed, again.principal, len(again.postings))


def test_a_denial_uses_up_no_id_and_is_not_in_the_journal(town: Town) -> None:
    """What was denied may be sent under the same id by one who may."""
    before = town.journal_length()
    for principal in (BERT, TINA, ANNA):
        with suppress(AccessDeniedError):
            town.acting(principal).withdraw("m", eur(501), transaction_id="w-1")
    with pytest.raises(AccessDeniedError):
        town.acting(ANNA).execute([Deposit("m", eur(1), transaction_id="d-1")], atomic=True)

    assert before == town.journal_length()
    assert "mary" == town.acting(MARY).withdraw("m", eur(5), transaction_id="w-1").principal


def test_a_batch_goes_on_after_a_denial(town: Town) -> None:
    """In a batch each command is judged by itself, seeing what the earlier ones did."""
    outcomes = town.acting(MARY).execute(
        [
            Withdraw("m", eur(60)),
            Withdraw("b", eur(1)),
            Restrict("m", "all", reason="no"),
            Withdraw("m", eur(60)),
            Deposit("m", eur(20)),
            Withdraw("m", eur(60)),
        ]
    )

    assert [
        "Transaction",
        "AccountNotVisibleError",
        "AccessDeniedError",
        "InsufficientFundsError",
        "Transaction",
        "Transaction",
    ] == [type(outcome).__name__ for outcome in outcomes]


def test_an_atomic_batch_with_a_denial_does_nothing(town: Town) -> None:
    """All or nothing: a denial undoes what came before it, and leaves every id unused."""
    before = (town.journal_length(), town.balances())
    commands = [
        Withdraw("m", eur(60), transaction_id="w-1"),
        Withdraw("b", eur(1), transaction_id="w-2"),
    ]

    with pytest.raises(AccountNotVisibleError) as caught:
        town.acting(MARY).execute(commands, atomic=True)
    assert (TransactionId("w-1"), TransactionId("w-2")) == caught.value.unused_ids
    assert 1 == caught.value.place
    assert before == (town.journal_length(), town.balances())


def test_an_atomic_batch_of_ones_own_goes_through_and_replays(town: Town) -> None:
    """Whoever may do all of it gets it, once."""
    commands = [
        Withdraw("m", eur(60), transaction_id="w-1"),
        Transfer("m", "b", eur(1), transaction_id="t-1"),
    ]
    marys = town.acting(MARY)

    assert marys.execute(commands, atomic=True) == marys.execute(commands, atomic=True)
    assert {"m": 3900, "b": 10100} == town.balances()


@pytest.mark.parametrize("atomic", [False, True])
def test_nothing_and_nonsense_are_what_they_are_for_the_bank(town: Town, atomic: bool) -> None:
    """An empty batch has no outcomes; what is no command is `InvalidCommandError`."""
    nonsense: Any = "withdraw"
    for commands in ([nonsense], [ExpireHold("m", "h", transaction_id=TransactionId("e"))]):
        with pytest.raises(InvalidCommandError):
            town.acting(MARY).execute(commands, atomic=atomic)
    assert [] == town.acting(MARY).execute([], atomic=atomic)


# -- The role comes first ----------------------------------------------------


@pytest.mark.parametrize("atomic", [False, True])
def test_the_role_is_judged_before_the_ids_of_others(town: Town, atomic: bool) -> None:
    """One who may not do such a thing at all learns nothing of others' ids or of accounts."""
    town.bank.deposit("m", eur(1), transaction_id="d-1")
    for account_id in ("m", "nobody"):
        for transaction_id in ("d-1", "d-2"):
            deposit = Deposit(account_id, eur(1), transaction_id=transaction_id)
            with pytest.raises(AccessDeniedError) as caught:
                one_of(town.acting(ANNA).execute([deposit], atomic=atomic))

            assert {"action": "deposit", "reason": "none of its roles or scopes may"} == dict(
                caught.value.facts
            )


class Unreachable(MemoryStore):
    """
    A store of which nobody may take the lock.
    """

    def transact(self, reads: ReadSet, decide: Any) -> WriteSet:
        raise AssertionError("the store was asked")


def test_one_who_may_do_none_of_it_takes_no_lock() -> None:
    """Where the role says no to a whole batch, the store is not asked."""
    acting = Bank(Unreachable()).acting_as(ANNA)

    assert [AccessDeniedError, AccessDeniedError] == [
        type(outcome) for outcome in acting.execute([Deposit("m", eur(1)), Withdraw("m", eur(1))])
    ]


def test_a_time_of_ones_own_is_for_services(town: Town) -> None:
    """Who could backdate could use a hold that has expired: only history:write may."""
    hour_ago = NOON - timedelta(hours=1)
    town.now = NOON + timedelta(hours=1)
    for principal in (MARY, TINA, Principal("r", ["service"], SCOPES - {"history:write"})):
        with pytest.raises(AccessDeniedError, match="backdate"):
            town.acting(principal).deposit("m", eur(1), booked_at=NOON)
    with pytest.raises(BankError, match=r"^booked_at must not be earlier than 2026-05-01T12:00"):
        town.acting(ROBOT).deposit("m", eur(1), booked_at=hour_ago)
    assert NOON == town.acting(ROBOT).deposit("m", eur(1), booked_at=NOON).booked_at


# -- What is recorded, and shown ---------------------------------------------


def test_what_an_owner_opens_is_its_own(town: Town) -> None:
    """Opening makes the owner the holder, in the same transaction; sent again, it replays."""
    marys = town.acting(MARY)
    first = marys.open_account(initial_balance=eur(7), transaction_id="o-1")
    again = marys.open_account(initial_balance=eur(7), transaction_id="o-1")
    (holder,) = town.bank.account(first.account_id).holders

    assert (first, True) == (again, again.replayed)
    assert ("mary", 3) == (holder.principal.value, len(holder.rights))
    assert eur(7) == marys.account(first.account_id).balance
    assert verify(town.store).is_clean


def test_a_refused_opening_replays(town: Town) -> None:
    """That an id is taken is said again to who was told so, and to nobody else."""
    for _ in range(2):
        with pytest.raises(AccountExistsError):
            town.acting(MARY).open_account("b", initial_balance=eur(0), transaction_id="o-1")
    with pytest.raises(AccountExistsError):
        town.acting(BERT).transaction("o-1")
    with pytest.raises(AccountExistsError):
        town.acting(MARY).transaction("o-1")
    with pytest.raises(TransactionNotFoundError):
        town.acting(Principal("carl", ["owner"])).transaction("o-1")


def test_a_teller_opens_for_others(town: Town) -> None:
    """What a teller opens has the holder that it names, or none."""
    receipt = town.acting(TINA).open_account("c", initial_balance=eur(5), holder="carl")

    assert ("tina", 1) == (receipt.principal, len(receipt.postings))
    assert "carl" == town.bank.account("c").holders[0].principal.value
    assert (
        ()
        == town.bank.account(
            town.acting(TINA).open_account(initial_balance=eur(0)).account_id
        ).holders
    )


def test_the_other_side_sees_its_own_posting_alone(town: Town) -> None:
    """Each side of a transfer sees the command and its own posting; the rest is not there."""
    town.acting(MARY).transfer("m", "b", eur(5), transaction_id="t-1", description="rent")
    berts = town.acting(BERT).transaction("t-1")
    (line,) = town.acting(BERT).statement("b").lines[1:]

    assert [AccountId("b")] == [posting.account_id for posting in berts.postings]
    assert (None, "rent") == (berts.principal, berts.command.description)
    assert berts == line.transaction
    assert "mary" == town.acting(ANNA).transaction("t-1").principal
    assert 2 == len(town.acting(ANNA).transaction("t-1").postings)


def test_where_money_went_as_far_as_it_may_be_seen(town: Town) -> None:
    """
    A receipt and a line say the other accounts, the hold and the original; what a policy hides is
    not said, and the account of a hold hides the hold.
    """
    town.bank.transfer("m", "b", eur(5), transaction_id="t-1")
    town.bank.place_hold("m", eur(9), transaction_id="h-1")
    town.bank.capture_hold("m", "h-1", eur(4), destination_id="b", transaction_id="c-1")
    town.bank.reverse("t-1", transaction_id="r-1")

    def told(principal: Principal | None, name: str) -> dict[str, list[Any]]:
        acting = town.bank if principal is None else town.acting(principal)
        found = acting.statement(name).to_dict()["lines"]
        members = ("counterparties", "original_id", "hold_id")
        return {
            each["transaction_id"]: [each[member] for member in members]
            for each in found
            if each["transaction_id"] in {"t-1", "c-1", "r-1"}
        }

    of_m = {"t-1": [["b"], None, None], "c-1": [["b"], None, "h-1"], "r-1": [["b"], "t-1", None]}
    of_b = {"t-1": [["m"], None, None], "c-1": [["m"], None, "h-1"], "r-1": [["m"], "t-1", None]}
    assert (of_m, of_b) == (told(None, "m"), told(None, "b")) == (told(ANNA, "m"), told(ANNA, "b"))
    assert {"t-1": [[], None, None], "c-1": [[], None, "h-1"], "r-1": [[], "t-1", None]} == told(
        MARY, "m"
    )
    assert {"t-1": [[], None, None], "c-1": [[], None, None], "r-1": [[], "t-1", None]} == told(
        BERT, "b"
    )
    for principal, name, hold_id in ((MARY, "m", "h-1"), (BERT, "b", None)):
        receipt = town.acting(principal).transaction("c-1").to_dict()

        assert (name, [], hold_id) == (
            receipt["account_id"],
            receipt["counterparties"],
            receipt["hold_id"],
        )
    receipt = town.acting(ANNA).transaction("r-1").to_dict()
    assert (["m"], "t-1", None) == (
        receipt["counterparties"],
        receipt["original_id"],
        receipt["hold_id"],
    )


def test_a_right_on_the_other_account_shows_it(town: Town) -> None:
    """Who may read both sees both; a right to statements alone shows the statement's own."""
    town.bank.transfer("m", "b", eur(5), transaction_id="t-1")
    reader = town.acting(Principal("robot", ["service"], ["statements:read"]))
    (line,) = reader.statement("m").lines[1:]
    seen = [posting.account_id.value for posting in line.transaction.postings]
    town.bank.grant_access("b", "mary", ["read"])
    (marys,) = town.acting(MARY).statement("m").lines[1:]

    assert ["m"] == seen
    assert ["m", "b"] == [posting.account_id.value for posting in marys.transaction.postings]


def test_a_receipt_that_shows_nothing_names_no_original(town: Town) -> None:
    """Who may reverse and read nothing is told no more than that it was done."""
    town.bank.transfer("m", "b", eur(5), transaction_id="t-1")
    receipt = town.acting(REVERSER).reverse("t-1")

    assert (None, None, []) == (
        receipt.original_id,
        receipt.hold_id,
        receipt.to_dict()["counterparties"],
    )


def test_who_may_pay_in_and_not_read_gets_a_bare_receipt(town: Town) -> None:
    """Without the right to read, a receipt has no posting, and still says which account."""
    town.bank.grant_access("b", "mary", ["credit"])
    receipt = town.acting(MARY).deposit("b", eur(5))

    assert ((), AccountId("b")) == (receipt.postings, receipt.account_id)


def test_lists_have_what_may_be_read(town: Town) -> None:
    """`accounts` gives an owner its own, a teller all others', and an auditor all."""
    town.bank.grant_access("b", "tina", ["read"])
    names = {
        principal.id.value: [str(each.id) for each in town.acting(principal).accounts()]
        for principal in (MARY, BERT, TINA, ANNA, OPAL)
    }

    assert {
        "mary": ["m"],
        "bert": ["b"],
        "tina": ["m"],
        "anna": ["b", "m"],
        "opal": ["b", "m"],
    } == names


def test_a_store_finds_the_accounts_of_a_holder(town: Town) -> None:
    """By id, page by page; what was granted is there, what was revoked is not."""
    for number in range(5):
        town.bank.open_account(f"m-{number}", initial_balance=eur(0), holder="mary")
    town.bank.grant_access("b", "mary", ["credit"])
    town.bank.grant_access("b", "mary", ["read"])
    town.bank.revoke_access("m-3", "mary")
    mary = PrincipalId("mary")
    names = [str(account.id) for account in town.store.accounts_of(mary)]
    page = town.store.accounts_of(mary, after=AccountId("m"), limit=2)

    assert ["b", "m", "m-0", "m-1", "m-2", "m-4"] == names
    assert ["m-0", "m-1"] == [str(account.id) for account in page]
    assert tuple(page) == (town.store.account(page[0].id), town.store.account(page[1].id))
    assert [AccountId("b")] == [
        account.id for account in town.store.accounts_of(PrincipalId("bert"))
    ]
    assert () == tuple(town.store.accounts_of(PrincipalId("nobody")))
    with pytest.raises(InvalidLimitError):
        town.store.accounts_of(mary, limit=0)


def test_an_owner_lists_its_own_without_a_look_at_all(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner's list does not read the accounts of others, and is as of now."""
    monkeypatch.setattr(_pages, "PAGE_LENGTH", 1)
    monkeypatch.setattr(type(town.store), "accounts", None)
    town.bank.open_account("m-2", initial_balance=eur(1), holder="mary")
    town.bank.place_hold("m", eur(5), expires_at=NOON + timedelta(hours=1))
    town.now = NOON + timedelta(hours=2)

    assert [("m", 0), ("m-2", 0)] == [
        (str(account.id), account.held.amount_minor) for account in town.acting(MARY).accounts()
    ]


def test_an_owner_lists_its_own_on_any_store() -> None:
    """A store that finds no holder's accounts is looked through."""

    class Plain:
        def __init__(self) -> None:
            store = MemoryStore()
            for name in vars(AccountStore):
                if not name.startswith("_"):
                    setattr(self, name, getattr(store, name))

    plain: Any = Plain()
    town = Town(plain)

    assert not isinstance(plain, HolderIndex)
    assert [AccountId("m")] == [account.id for account in town.acting(MARY).accounts()]


def test_ones_own_is_read_as_the_bank_reads_it(town: Town) -> None:
    """Reads give an owner what they give trusted code."""
    town.acting(MARY).place_hold("m", eur(5), transaction_id="h")
    marys = town.acting(MARY)

    assert town.bank.account("m") == marys.account("m")
    assert town.bank.holds("m") == marys.holds("m")
    assert town.bank.balance_at("m", NOON) == marys.balance_at("m", NOON)
    assert town.bank.available_at("m", NOON) == marys.available_at("m", NOON)
    assert town.bank.statement("m") == marys.statement("m")
    assert list(town.bank.can_close("m")) == list(marys.can_close("m"))
    assert town.bank.transaction("h") == marys.transaction("h")
    assert marys.reversed_by("h") is None


def test_a_refusal_is_read_by_who_may_read_all_but_the_payee(town: Town) -> None:
    """The payer reads the refusal of a payment; the payee does not learn of the payer's funds."""
    with pytest.raises(InsufficientFundsError):
        town.acting(MARY).transfer("m", "b", eur(500), transaction_id="t-1")
    with pytest.raises(InsufficientFundsError) as caught:
        town.acting(MARY).transaction("t-1")
    assert caught.value.replayed
    with pytest.raises(TransactionNotFoundError):
        town.acting(BERT).transaction("t-1")


def test_a_refusal_of_a_post_is_read_by_who_may_read_all_its_accounts(town: Town) -> None:
    """A post has no payee alone: any of its accounts may be why it was refused."""
    with pytest.raises(InsufficientFundsError):
        town.bank.post([("m", -eur(500)), ("b", eur(500))], transaction_id="p-1")
    for principal in (MARY, BERT):
        with pytest.raises(TransactionNotFoundError):
            town.acting(principal).transaction("p-1")
    with pytest.raises(InsufficientFundsError) as caught:
        town.acting(ANNA).transaction("p-1")
    assert caught.value.replayed


def test_a_refusal_that_names_the_payee_is_not_for_the_payer(town: Town) -> None:
    """What trusted code was told of the payee's account, the payer is not."""
    town.bank.restrict("b", "all", reason="court order")
    with suppress(BankError):
        town.bank.transfer("m", "b", eur(5), transaction_id="t-1")

    assert isinstance(town.store.outcome(TransactionId("t-1")), Refusal)
    with pytest.raises(TransactionNotFoundError):
        town.acting(MARY).transaction("t-1")


def test_a_refused_reversal_is_read_by_who_may_read_what_was_to_be_reversed(town: Town) -> None:
    """A refused reversal's accounts are those of the original, and it replays."""
    town.bank.deposit("b", eur(50), transaction_id="d-1")
    town.bank.withdraw("b", eur(150))
    for _ in range(2):
        with pytest.raises(InsufficientFundsError) as caught:
            town.acting(TINA).reverse("d-1", transaction_id="r-1")
    assert caught.value.replayed
    with pytest.raises(InsufficientFundsError):
        town.acting(BERT).transaction("r-1")
    with pytest.raises(TransactionNotFoundError):
        town.acting(MARY).transaction("r-1")


def test_a_refused_reversal_of_nothing_is_for_those_who_read_all(town: Town) -> None:
    """Where there is no original, there is no account by which one might see the refusal."""
    with suppress(BankError):
        town.bank.reverse("nothing", transaction_id="r-1")
    with pytest.raises(TransactionNotFoundError, match="no transaction r-1"):
        town.acting(MARY).transaction("r-1")
    with pytest.raises(TransactionNotFoundError, match="no transaction nothing"):
        town.acting(ANNA).transaction("r-1")


def test_a_teller_reverses_for_others(town: Town) -> None:
    """A reversal is up to the limit, and never on the teller's own account."""
    town.bank.deposit("m", eur(50), transaction_id="d-1")
    town.bank.deposit("m", eur(501), transaction_id="d-2")
    reversal = town.acting(TINA).reverse("d-1")

    assert reversal == town.acting(TINA).reversed_by("d-1")
    with pytest.raises(AccessDeniedError, match="limit is EUR 500"):
        town.acting(TINA).reverse("d-2")


def test_an_operator_closes_and_expires(town: Town) -> None:
    """An operator sweeps to others, expires holds, and never sweeps to an account of its own."""
    town.bank.open_account("o", initial_balance=eur(0), holder="opal")
    opals = town.acting(OPAL)
    town.bank.place_hold("m", eur(5), expires_at=NOON + timedelta(hours=1))
    town.now = NOON + timedelta(hours=2)
    (expiry,) = opals.expire_holds()

    assert AccountId("m") == expiry.account_id
    with pytest.raises(AccessDeniedError):
        opals.close_account("m", sweep_to="o")
    opals.close_account("m", sweep_to="b")
    assert {"m": 0, "b": 20000, "o": 0} == town.balances()


def test_an_expiry_is_told_without_what_may_not_be_seen() -> None:
    """Who may record expiries sees no posting of an account that the policy hides."""

    class HidingB(Failing):
        def decides(self, _: Any, __: Any, accounts: Any, ___: Any) -> Any:
            hides = any(str(each.account.id) == "b" for each in accounts)
            return hidden(AccountId("b")) if hides else ALLOWED

    town = Town(MemoryStore(), HidingB())
    for name in "mb":
        town.bank.place_hold(name, eur(5), expires_at=NOON + timedelta(seconds=1))
    town.now = NOON + timedelta(minutes=1)
    told_of = [
        [str(posting.account_id) for posting in each.postings]
        for each in town.acting(OPAL).expire_holds()
    ]

    assert [[], ["m"]] == sorted(told_of)


def test_a_first_look_at_one_account_denies_no_other() -> None:
    """Before the unit only the first account is looked up: the others are judged when all are."""

    class HidingUnheld(Failing):
        def decides(self, _: Any, __: Any, accounts: Any, ___: Any) -> Any:
            unheld = [each.account.id for each in accounts if not each.account.holders]
            return hidden(unheld[0]) if unheld else ALLOWED

    town = Town(MemoryStore(), HidingUnheld())
    town.acting(MARY).transfer("m", "b", eur(5))

    assert {"m": 9_500, "b": 10_500} == town.balances()
    assert AccountNotVisibleError is told(lambda: town.acting(MARY).transfer("m", "x", eur(5)))[0]


def test_an_auditor_verifies(town: Town) -> None:
    """The audit of the whole store, and what it is compared with, is the auditor's."""
    checkpoint = town.bank.checkpoint()
    town.bank.deposit("m", eur(1))
    for principal in (ANNA, Principal("a", ["service"], ["bank:verify"])):
        acting = town.acting(principal)

        assert acting.verify() == verify(town.store)
        assert acting.verify(against=checkpoint) == verify(town.store, against=checkpoint)
        assert acting.checkpoint() == town.bank.checkpoint()


@pytest.mark.parametrize("principal", [MARY, TINA, OPAL, Principal("n", ["service"])])
def test_nobody_else_verifies(town: Town, principal: Principal) -> None:
    """Whoever else asks for an audit or a checkpoint is denied, and that is recorded."""
    for call in (Bank.verify, Bank.checkpoint):
        with pytest.raises(AccessDeniedError, match="verify"):
            call(town.acting(principal))

    assert [(principal.id, "verify", ())] * 2 == [
        (each.principal, each.action, each.account_ids) for each in town.store.denials()
    ]


def test_services_need_no_right_on_an_account(town: Town) -> None:
    """A service does what its scopes name, and sees what they name."""
    shop = town.acting(Principal("shop", ["service"], ["transfers:write"]))
    receipt = shop.transfer("m", "b", eur(5), transaction_id="t-1")

    assert ((), "shop") == (receipt.postings, receipt.principal)
    assert shop.transfer("m", "b", eur(5), transaction_id="t-1").replayed
    with pytest.raises(AccountNotFoundError):
        shop.transfer("x", "b", eur(5))
    with pytest.raises(AccountNotVisibleError):
        shop.transfer("m", "x", eur(5))
    assert 2 == len(town.acting(ROBOT).transfer("m", "b", eur(5)).postings)
    assert town.acting(ROBOT).post([("m", -eur(1)), ("b", eur(1))]).postings
    town.bank.place_hold("m", eur(5), transaction_id="h")
    town.bank.open_account("z", initial_balance=eur(0))
    town.bank.close_account("z")
    with pytest.raises(AccountClosedError):
        town.acting(ROBOT).capture_hold("m", "h", destination_id="z")
    with pytest.raises(AccountNotFoundError):
        town.acting(ROBOT).capture_hold("x", "h")


# -- Policies that fail ------------------------------------------------------


class Failing:
    """
    A policy whose answers are given, or raised.
    """

    def __init__(self, *, permits: Any = True, decides: Any = ALLOWED) -> None:
        self._answers = permits, decides

    def permits(self, principal: Principal, action: str) -> Any:
        return self._said(self._answers[0])

    def decides(self, *_: Any) -> Any:
        return self._said(self._answers[1])

    @staticmethod
    def _said(answer: Any) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer


BROKEN: dict[str, Failing] = {
    "permits raises": Failing(permits=RuntimeError("boom")),
    "permits None": Failing(permits=None),
    "permits 1": Failing(permits=1),
    "permits ALLOWED": Failing(permits=ALLOWED),
    "decides raises": Failing(decides=RuntimeError("boom")),
    "decides raises a bank error": Failing(decides=AccountNotFoundError(AccountId("m"))),
    "decides None": Failing(decides=None),
    "decides True": Failing(decides=True),
    "decides hidden": Failing(decides=hidden(AccountId("a"))),
}


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"accounts"}))
@pytest.mark.parametrize("broken", BROKEN)
def test_whatever_goes_wrong_in_a_policy_is_a_denial(broken: str, name: str) -> None:
    """An exception, or what is not exactly True or ALLOWED, is a no, everywhere."""
    if "decides" in broken and name == "expire_holds":
        return  # a matter of the role alone
    policy = BROKEN[broken]
    town = Town(MemoryStore(), policy)
    town.bank.open_account("a", initial_balance=eur(10))
    town.bank.deposit("a", eur(1), transaction_id="moved")
    before = (town.journal_length(), town.balances())
    if "decides" in broken and name == "transactions":
        assert CALLS[name](town.acting(ROBOT)) == ()
        return

    with pytest.raises((AccessDeniedError, TransactionNotFoundError)) as caught:
        CALLS[name](town.acting(ROBOT))
    assert before == (town.journal_length(), town.balances())
    if broken == "permits raises":
        assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_yes_is_a_yes_whoever_made_it(town: Town) -> None:
    """A policy that keeps its verdicts elsewhere may answer with a copy of `ALLOWED`."""
    bank = Bank(town.store, policy=Failing(decides=attrs.evolve(ALLOWED)))

    assert bank.acting_as(MARY).deposit("m", eur(1)).postings


@pytest.mark.parametrize("broken", sorted(set(BROKEN) - {"decides hidden"}))
def test_a_broken_policy_lists_nothing(broken: str) -> None:
    """A list has no account for which the policy fails."""
    town = Town(MemoryStore(), BROKEN[broken])

    with suppress(AccessDeniedError):
        assert [] == list(town.acting(ROBOT).accounts())


def test_an_interruption_is_no_denial(town: Town) -> None:
    """Ctrl-C in a policy passes unchanged, and nothing is written."""
    town = Town(MemoryStore(), Failing(decides=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        town.acting(MARY).deposit("m", eur(1))

    assert 10000 == town.balances()["m"]


# -- Decided on what is there ------------------------------------------------


class Unrestricted(Failing):
    """
    A policy by which an account is read while nothing on it is stopped and nothing is held.
    """

    def decides(self, _principal: Any, _action: str, accounts: Any, _command: Any) -> Any:
        is_free = all(
            not each.account.held and not each.account.restriction_reason for each in accounts
        )
        return ALLOWED if is_free else hidden(accounts[0].account.id)


def test_what_is_read_is_judged_as_of_now(store: Any) -> None:
    """A restriction that has ended and a hold that has expired stop no policy from a yes."""
    town = Town(store, Unrestricted())
    at = NOON + timedelta(hours=1)
    town.bank.restrict("m", "all", reason="theft", ends_at=at)
    town.bank.place_hold("b", eur(5), expires_at=at)
    acting = town.acting(ROBOT)

    assert [] == list(acting.accounts())
    for name in "mb":
        with pytest.raises(AccountNotVisibleError):
            acting.account(name)
    town.now = at
    assert ["b", "m"] == [str(each.id) for each in acting.accounts()]
    assert ["m", "b"] == [str(acting.account(name).id) for name in "mb"]


class Meddling:
    """
    A store on which something happens right before each unit, as another process might.
    """

    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self.meddle: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def transact(self, reads: ReadSet, decide: Any) -> WriteSet:
        self.meddle()
        return self._store.transact(reads, decide)

    def history(self, *arguments: Any, **options: Any) -> Any:
        self.meddle()
        return self._store.history(*arguments, **options)


def test_a_command_is_decided_on_the_account_within_the_unit(store: Any) -> None:
    """A right that is revoked while the command waits for the store is gone."""
    meddling = Meddling(store)
    town = Town(meddling)
    meddling.meddle = lambda: Bank(store, clock=lambda: NOON).grant_access("m", "mary", ["read"])

    with pytest.raises(AccessDeniedError):
        town.acting(MARY).withdraw("m", eur(5))
    assert 10000 == town.balances()["m"]


def test_a_statement_is_not_given_once_the_right_is_gone(store: Any) -> None:
    """What takes several reads is judged again after the last."""
    meddling = Meddling(store)
    town = Town(meddling)

    def once() -> None:
        meddling.meddle = lambda: None
        Bank(store, clock=lambda: NOON).revoke_access("m", "mary")

    meddling.meddle = once
    with pytest.raises(AccountNotVisibleError):
        town.acting(MARY).statement("m")


# -- Trusted code is asked nothing -------------------------------------------


@pytest.mark.parametrize("command", EACH, ids=lambda command: type(command).__name__)
def test_the_bank_itself_asks_no_policy(command: Command) -> None:
    """Without a principal no policy is asked, and none is recorded."""
    town = Town(
        MemoryStore(), Failing(permits=RuntimeError("asked"), decides=RuntimeError("asked"))
    )
    town.bank.execute([OpenAccount("a", initial_balance=eur(5))])
    town.bank.execute([attrs.evolve(command, transaction_id="c-1")])
    records = town.store.journal().records

    assert all(record.principal is None for record in records)
    assert set(COMMANDS) >= {type(record.command) for record in records}


def test_the_journal_keeps_who_asked(store: Any) -> None:
    """Every record of an acting bank has the id of its principal; expiries are the bank's own."""
    town = Town(store)
    marys = town.acting(MARY)
    marys.place_hold("m", eur(5), expires_at=NOON + timedelta(seconds=1))
    town.now = NOON + timedelta(minutes=1)
    marys.withdraw("m", eur(5))
    with suppress(BankError):
        marys.withdraw("m", eur(500), transaction_id="w-1")
    with suppress(BankError):
        marys.execute(
            [
                Deposit("m", eur(5), transaction_id="d-2"),
                Withdraw("m", eur(500), transaction_id="w-2"),
            ],
            atomic=True,
        )
    records = town.store.journal().records[2:]

    assert [
        (PlaceHold, Transaction, "mary"),
        (ExpireHold, Transaction, None),
        (Withdraw, Transaction, "mary"),
        (Withdraw, Refusal, "mary"),
        (Withdraw, Refusal, "mary"),
    ] == [(type(each.command), type(each), each.principal) for each in records]
    assert verify(town.store).is_clean


class Noting(Failing):
    """
    A policy of the application's own: it allows all, and remembers what it was asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, list[tuple[str, str, Money | None]]]] = []

    def decides(self, _: Any, action: str, accounts: Any, __: Any) -> Any:
        involved = [(each.part.value, str(each.account.id), each.amount) for each in accounts]
        self.asked.append((action, involved))
        return ALLOWED


IN, OUT, NEITHER = "credited", "debited", "subject"
FIVE, SIX = eur(5), Money(6, "USD")
# What a policy is asked of each command: the part, the account, and the amount.
ASKED: list[tuple[Command, list[tuple[str, str, Money | None]]]] = [
    (OpenAccount("x", initial_balance=FIVE), []),
    (Deposit("m", FIVE), [(NEITHER, "m", FIVE)]),
    (Withdraw("m", FIVE), [(OUT, "m", -FIVE)]),
    (Transfer("m", "b", FIVE), [(OUT, "m", -FIVE), (IN, "b", FIVE)]),
    # Each account once, with its net, the debited ones first, in the order of the legs.
    (
        Post(
            [
                *(("c", FIVE), ("b", eur(3)), ("m", -eur(9)), ("b", -eur(8)), ("m", eur(9))),
                *(("e", SIX), ("d", SIX), ("d", -SIX - SIX), ("b", FIVE), ("b", -FIVE)),
            ]
        ),
        [
            *((OUT, "b", -FIVE), (OUT, "d", -SIX)),
            *((IN, "c", FIVE), (IN, "m", eur(0)), (IN, "e", SIX)),
        ],
    ),
    (Post([("b", eur(2)), ("b", eur(3))], crosses_boundary=True), [(IN, "b", FIVE)]),
    (Reverse("moved"), [(OUT, "b", -FIVE), (IN, "m", FIVE)]),
    (PlaceHold("m", FIVE), [(OUT, "m", -FIVE)]),
    (CaptureHold("m", "held"), [(OUT, "m", -FIVE)]),
    (CaptureHold("m", "held", eur(2)), [(OUT, "m", -eur(2))]),
    (CaptureHold("m", "held", destination_id="b"), [(OUT, "m", -FIVE), (IN, "b", FIVE)]),
    (ReleaseHold("m", "held"), [(NEITHER, "m", None)]),
    (ExtendHold("m", "held", expires_at=None), [(NEITHER, "m", None)]),
    (Restrict("m", "all", reason="theft"), [(NEITHER, "m", None)]),
    (SetOverdraftLimit("m", FIVE), [(NEITHER, "m", None)]),
    (CloseAccount("m"), [(NEITHER, "m", None)]),
    (CloseAccount("m", sweep_to="b"), [(NEITHER, "m", -eur(95)), (IN, "b", eur(95))]),
    (GrantAccess("m", "bert", ["read"]), [(NEITHER, "m", None)]),
    (RevokeAccess("m", "mary"), [(NEITHER, "m", None)]),
]


def furnished(store: Any, policy: Any = None) -> Town:
    """
    A town in which each of `ASKED` goes through.
    """
    town = Town(store, policy)
    for name, amount in (("c", FIVE), ("d", SIX), ("e", SIX)):
        town.bank.open_account(name, initial_balance=amount)
    town.bank.transfer("m", "b", FIVE, transaction_id="moved")
    town.bank.place_hold("m", FIVE, expires_at=NOON + timedelta(1), transaction_id="held")
    return town


@pytest.mark.parametrize(
    ("command", "involved"), ASKED, ids=[f"{n}-{each.kind}" for n, (each, _) in enumerate(ASKED)]
)
def test_a_policy_is_asked_what_a_command_would_move(
    command: Command, involved: list[tuple[str, str, Money | None]]
) -> None:
    """
    A policy of the application's own is asked about all accounts of a command, each once, with
    what would be booked or reserved on it, the debited ones first.
    """
    policy = Noting()
    furnished(MemoryStore(), policy).acting(MARY).execute([command])

    # Before, perhaps, of what is known without reading all.
    assert involved == [asked for action, asked in policy.asked if action == command.kind][-1]


def test_a_policy_is_asked_about_every_command_above() -> None:
    """A new command needs a row."""
    assert set(SENT) == {type(command) for command, _ in ASKED}


def test_an_absent_account_is_judged_as_one_that_nobody_holds() -> None:
    """A policy is asked of an account that is not there as of a new one without holders."""
    asked: list[Account] = []

    class Asked(Failing):
        def decides(self, *arguments: Any) -> Any:
            asked.extend(each.account for each in arguments[2])
            return ALLOWED

    acting = Town(MemoryStore(), Asked()).acting(MARY)
    for call in (
        lambda: acting.withdraw("x", Money(5, "USD")),
        lambda: acting.account("x"),
        lambda: acting.execute([CloseAccount("x")], atomic=True),
    ):
        with pytest.raises(AccountNotFoundError):
            call()

    assert {("x", "USD", ()), ("x", "XXX", ())} == {
        (str(each.id), each.balance.currency.code, each.holders) for each in asked
    }


# -- Sent again by its own sender --------------------------------------------

# What may have become of the service that sent a command: all that a principal can be.
BY_NOW = [
    Principal("robot"),
    *(Principal("robot", [role]) for role in Role),
    *(Principal("robot", ["service"], [scope]) for scope in sorted(SCOPES)),
]


@pytest.mark.parametrize(
    "command",
    [command for command, _ in ASKED],
    ids=[f"{n}-{each.kind}" for n, (each, _) in enumerate(ASKED)],
)
def test_its_own_sender_gets_a_receipt_again(store: Any, command: Command) -> None:
    """
    Whatever has become of its roles and scopes, and whatever it may read: after a denial it
    would send a payment again, under a new id.
    """
    town = furnished(store)
    if isinstance(command, CloseAccount):
        town.bank.release_hold("m", "held")
        if command.sweep_to is None:
            town.bank.withdraw("m", town.bank.account("m").balance)
    sent = attrs.evolve(command, transaction_id="once")
    first = one_of(town.acting(ROBOT).execute([sent]))
    length = town.journal_length()
    denials = len(store.denials())
    for principal in BY_NOW:
        for atomic in (False, True):
            again = one_of(town.acting(principal).execute([sent], atomic=atomic))

            assert isinstance(again, Transaction)
            assert again.replayed
            assert first == attrs.evolve(again, postings=first.postings)
            assert set(again.postings) <= set(first.postings)
    assert (length, denials) == (town.journal_length(), len(store.denials()))


@pytest.mark.parametrize("command", EACH, ids=lambda command: type(command).__name__)
def test_its_own_sender_gets_a_refusal_again(store: Any, command: Command) -> None:
    """So it does with a refusal: it was told that before."""
    town = Town(store)
    if isinstance(command, OpenAccount):
        town.bank.open_account("a", initial_balance=eur(0))
    town.bank.restrict("m", "all", reason="theft", transaction_id="t-1")
    sent = attrs.evolve(command, transaction_id="once")
    first = one_refusal(town.acting(ROBOT), sent)
    for principal in BY_NOW:
        again = one_refusal(town.acting(principal), sent)

        assert (type(first), first.facts, True) == (type(again), again.facts, again.replayed)


@pytest.mark.parametrize("rights", ["", "read", "credit", "debit", "credit debit"])
def test_a_holder_gets_its_own_outcomes_again(store: Any, rights: str) -> None:
    """A holder that may pay and not read sends again what it paid; nothing is paid twice."""
    town = Town(store)
    marys = town.acting(MARY)
    paid = [
        Transfer("m", "b", eur(5), transaction_id="rent-1"),
        Deposit("m", eur(5), transaction_id="wage-1"),
        Transfer("m", "b", eur(500), transaction_id="rent-2"),
    ]
    first = marys.execute(paid)
    town.bank.revoke_access("m", "mary")
    if rights:
        town.bank.grant_access("m", "mary", rights.split())
    again = marys.execute(paid)

    assert [True, True, True] == [each.replayed for each in again]
    assert list(map(type, first)) == list(map(type, again))
    assert {"m": 10_000, "b": 10_500} == town.balances()
    for command in paid[:2]:
        sees = [] if rights != "read" else [AccountId("m")]
        receipt = one_of(marys.execute([command]))
        assert sees == [each.account_id for each in receipt.postings]


@pytest.mark.parametrize("first", [MARY, Principal("mary", ["service"], ["accounts:write"])])
@pytest.mark.parametrize("then", [MARY, Principal("mary", ["service"], ["accounts:write"])])
def test_an_opening_is_the_same_whatever_has_become_of_the_role(
    town: Town, first: Principal, then: Principal
) -> None:
    """An owner that names no holder is the holder: the same opening is sent as another role."""
    open_account = OpenAccount("x", initial_balance=eur(5), transaction_id="o-1")
    receipt = one_of(town.acting(first).execute([open_account]))
    again = one_of(town.acting(then).execute([open_account]))

    assert (receipt, True) == (again, again.replayed)


def test_an_opening_for_somebody_else_is_another(town: Town) -> None:
    """Where a holder was named, nothing is guessed."""
    service = town.acting(Principal("mary", ["service"], ["accounts:write"]))
    service.open_account("x", initial_balance=eur(5), transaction_id="o-1")
    for holder in ("mary", "bert"):
        with pytest.raises(TransactionIdReusedError) as caught:
            service.open_account("x", initial_balance=eur(5), holder=holder, transaction_id="o-1")
        assert ("holder",) == caught.value.fields


def test_another_command_under_ones_own_id_is_not_denied(town: Town) -> None:
    """Whoever lost its role is told that its id stands for another command."""
    town.acting(MARY).withdraw("m", eur(5), transaction_id="w-1")
    with pytest.raises(TransactionIdReusedError) as caught:
        town.acting(Principal("mary")).withdraw("m", eur(6), transaction_id="w-1")

    assert ("amount",) == caught.value.fields


# -- Reversals ---------------------------------------------------------------

REVERSER = Principal("robot", ["service"], ["reversals:write"])


def test_the_scope_of_reversals_reverses(town: Town) -> None:
    """
    It needs no scope to read what it reverses; of accounts that it may not read it sees nothing.
    """
    town.bank.transfer("m", "b", eur(5), transaction_id="t-1")
    acting = town.acting(REVERSER)
    receipt = acting.reverse("t-1", transaction_id="r-1")

    assert ((), "reverse") == (receipt.postings, receipt.command.kind)
    assert acting.reverse("t-1", transaction_id="r-1").replayed
    assert {"m": 10_000, "b": 10_000} == town.balances()
    with pytest.raises(LookupError, match="names no account"):
        receipt.account_id  # noqa: B018  # it raises
    with pytest.raises(TransactionNotFoundError):
        acting.reverse("nothing")
    with pytest.raises(AccessDeniedError):
        acting.transaction("t-1")


@pytest.mark.parametrize("moved", [Deposit("m", eur(5)), Withdraw("m", eur(5))])
def test_a_reversal_is_reversed_once_whoever_asks(town: Town, moved: Command) -> None:
    """It is said of a credit to an account that it may not read, too."""
    town.bank.execute([attrs.evolve(moved, transaction_id="t-1")])
    town.acting(REVERSER).reverse("t-1")
    for principal in (REVERSER, ROBOT):
        with pytest.raises(AlreadyReversedError):
            town.acting(principal).reverse("t-1")


def test_a_part_within_the_limit(town: Town) -> None:
    """A teller reverses a part of more than its limit, each time up to the limit."""
    town.bank.deposit("m", eur(900), transaction_id="t-1")
    teller = town.acting(TINA)
    with pytest.raises(AccessDeniedError):
        teller.reverse("t-1")
    parts = [teller.reverse("t-1", eur(100)) for _ in range(4)]

    assert (*parts, teller.reverse("t-1")) == teller.reversals("t-1")
    assert () == town.acting(MARY).reversals(parts[0].id)
    with pytest.raises(TransactionNotFoundError):
        town.acting(BERT).reversals("t-1")


def test_a_hidden_transaction_is_reversed_like_none(town: Town) -> None:
    """A teller may not reverse what is on its own account, nor learn that it is there."""
    town.bank.open_account("t", initial_balance=eur(5), holder="tina")
    town.bank.deposit("t", eur(5), transaction_id="t-1")
    hidden_one = told(lambda: town.acting(TINA).reverse("t-1"))
    with pytest.raises(TransactionNotFoundError) as caught:
        town.acting(TINA).reverse("t-2")

    assert dict(hidden_one[2]) == {"transaction_id": TransactionId("t-1")}
    assert hidden_one[0] is type(caught.value)


# -- Closings of empty accounts ----------------------------------------------


@pytest.mark.parametrize("state", ["absent", *dict(places())])
def test_an_empty_account_is_closed_wherever_it_would_be_swept(store: Any, state: str) -> None:
    """Without a rest, nothing is found out about another account: nobody looks at it."""
    town = Town(store)
    marys = town.acting(MARY)
    if state != "absent":
        dict(places())[state](town)
    before = town.bank.account("x").version if state != "absent" else None
    marys.withdraw("m", eur(100))
    receipts: list[Any] = []
    for bank in (marys, town.bank):
        assert bank.can_close("m", sweep_to="x")
        receipts += bank.preview([CloseAccount("m", sweep_to="x")])
    closed = marys.close_account("m", sweep_to="x", transaction_id="c-1")

    assert [["m"]] * 3 == [
        [str(posting.account_id) for posting in receipt.postings]
        for receipt in (*receipts, closed)
    ]
    assert marys.close_account("m", sweep_to="x", transaction_id="c-1").replayed
    assert before == (town.bank.account("x").version if state != "absent" else None)
    assert verify(town.store).is_clean
