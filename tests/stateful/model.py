"""
The model: a bank in plain integers, to predict every answer of the real one.

It is written from the design alone, and imports nothing of bankcore: amounts are ints of
minor units, instants ints of microseconds, ids texts. It is slow and simple on purpose: an
atomic batch is worked on a copy of everything.

`KINDS` is the one table of all commands in the tests: a new command is a new row, and that is all
that `test_machine.py`, the properties of whole histories and `test_access.py` need.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

AMOUNT_MAX = 10**18 - 1
SKEW_MAX = 5_000_000
# Far fewer than bankcore's own, whose numbers other tests hold, so that they are reached.
HOLDS_MAX = 3
HOLDERS_MAX = 2

# What an answer says: of a refusal its facts, as texts and ints.
Facts = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Ask:
    """
    A command as it is asked for, which may be malformed.

    Each kind uses its own fields: *amount* is the initial balance of an opening, and
    the limit where one is set; *to* is where a transfer, a capture or a sweep goes; *ends* is
    the end of a hold or of a restriction; *version* the one that is expected.
    """

    kind: str
    account: str | None
    amount: int | None = None
    currency: str = "EUR"
    to: str | None = None
    limit: int | None = None
    id: str | None = None
    at: int | None = None
    description: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    version: int | None = None
    hold: str | None = None
    final: bool = True
    ends: int | None = None
    restriction: str = "none"
    reason: str | None = None
    principal: str = "p"
    rights: tuple[str, ...] = ()
    legs: tuple[tuple[str, int, str], ...] = ()
    crosses: bool = False
    # Of an exchange rate: base, quote and rate.
    rate: tuple[str, str, str] | None = None
    original: str | None = None
    holder: str | None = None
    up_to: bool = False

    def __repr__(self) -> str:
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        told = [
            f"{each.name}={said[each.name]!r}"
            for each in fields(self)
            if each.default is MISSING or said[each.name] != each.default
        ]
        return f"Ask({', '.join(told)})"


@dataclass(frozen=True)
class Line:
    """
    One account's posting.
    """

    account: str
    amount: int
    balance: int
    held: int
    limit: int
    version: int


@dataclass(frozen=True)
class Booked:
    """
    The answer to a command that was accepted.
    """

    id: str
    at: int
    lines: tuple[Line, ...]
    replayed: bool = False


@dataclass(frozen=True)
class Refused:
    """
    The answer to a command that was refused. The facts of a malformed one are not predicted.
    """

    code: str
    facts: Facts = field(default_factory=dict)
    replayed: bool = False
    unused: tuple[str, ...] = ()


Answer = Booked | Refused


@dataclass(frozen=True)
class ModelHold:
    id: str
    amount: int
    captured: int = 0
    ends: int | None = None

    @property
    def left(self) -> int:
        return self.amount - self.captured

    def is_due(self, at: int) -> bool:
        return self.ends is not None and self.ends <= at


@dataclass
class ModelAccount:
    currency: str
    limit: int
    balance: int = 0
    version: int = 0
    last: int = 0
    closed: bool = False
    # In the order in which they were placed.
    holds: list[ModelHold] = field(default_factory=list)
    # What is stopped, why, and until when.
    restriction: tuple[str, str | None, int | None] = ("none", None, None)
    holders: dict[str, frozenset[str]] = field(default_factory=dict)
    metadata: tuple[tuple[str, str], ...] = ()

    def open_holds(self, at: int) -> list[ModelHold]:
        return [hold for hold in self.holds if not hold.is_due(at)]

    def held(self, at: int) -> int:
        return sum(hold.left for hold in self.open_holds(at))

    def available(self, at: int) -> int:
        return self.balance - self.held(at) + self.limit

    def restricted(self, at: int) -> tuple[str, str | None, int | None]:
        ends = self.restriction[2]
        return ("none", None, None) if ends is not None and ends <= at else self.restriction


@dataclass
class Record:
    """
    The record under an id: the command as it was first sent, and the answer.
    """

    ask: Ask
    answer: Answer


class Declined(Exception):  # noqa: N818  # it is an answer, and no error of the model
    def __init__(self, code: str, *, recorded: bool, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.recorded = recorded
        self.facts = facts


# -- The kinds of command --

Moves = dict[str, int]


def unmoved(ask: Ask) -> Moves:
    return {name: 0 for name in (ask.account, ask.to) if name is not None}


def credited(ask: Ask) -> Moves:
    return {ask.account or "": ask.amount or 0}


def debited(ask: Ask) -> Moves:
    """
    Move the amount out of the account, and into the other one if there is one.
    """
    amount = ask.amount or 0
    return {name: move for name, move in ((ask.account, -amount), (ask.to, amount)) if name}


def nets_of(ask: Ask) -> Moves:
    """
    Return the sum of each account's legs, the accounts to be debited first.
    """
    nets: Moves = {}
    for name, amount, _ in ask.legs:
        nets[name] = nets.get(name, 0) + amount
    return dict(sorted(nets.items(), key=lambda each: each[1] >= 0))


def unchanged(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    pass


def hold_placed(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    account.holds.append(ModelHold(transaction_id, ask.amount or 0, ends=ask.ends))


def hold_captured(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    place, hold = hold_of(ask, account)
    taken = hold.left if ask.amount is None else ask.amount
    if ask.final or taken == hold.left:
        del account.holds[place]
    else:
        account.holds[place] = replace(hold, captured=hold.captured + taken)


def hold_released(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    del account.holds[hold_of(ask, account)[0]]


def hold_extended(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    place, hold = hold_of(ask, account)
    account.holds[place] = replace(hold, ends=ask.ends)


def hold_of(ask: Ask, account: ModelAccount) -> tuple[int, ModelHold]:
    return next(each for each in enumerate(account.holds) if each[1].id == ask.hold)


def restricted(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    account.restriction = (ask.restriction, ask.reason, ask.ends)


def limited(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    account.limit = ask.amount or 0


def closed(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    account.closed = True


def granted(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    account.holders[ask.principal] = frozenset(ask.rights)


def revoked(ask: Ask, account: ModelAccount, transaction_id: str) -> None:
    del account.holders[ask.principal]


@dataclass(frozen=True)
class Kind:
    """
    The facts that the tests must be told about one kind of command.

    *fields* are its own fields, in the order of its class. *moves* returns how much it moves on
    each account, the accounts to be debited first. *change* changes an account besides its
    balance.

    *may* has the accounts with which an owner, a teller, an auditor and an operator may do it, as
    in `tests/test_access.py`: o(wn), r(ead only), c(redit only), d(ebit only), x: another's.
    *not_on_the_command_line* says why it cannot be sent there.
    """

    fields: tuple[str, ...]
    may: tuple[str, str, str, str] | None
    moves: Callable[[Ask], Moves] = unmoved
    change: Callable[[Ask, ModelAccount, str], None] = unchanged
    not_on_the_command_line: str = ""


KINDS: dict[str, Kind] = {
    # It has no account yet, so no letters; test_access.py tests it apart.
    "open_account": Kind(("account_id", "initial_balance", "overdraft_limit", "holder"), may=None),
    "deposit": Kind(("account_id", "amount"), ("oc", "x", "", ""), credited),
    "withdraw": Kind(("account_id", "amount", "up_to"), ("od", "x", "", ""), debited),
    "transfer": Kind(
        ("source_id", "destination_id", "amount", "up_to"), ("od", "x", "", ""), debited
    ),
    "post": Kind(
        ("legs", "crosses_boundary", "exchange_rate"),
        ("", "", "", ""),
        nets_of,
        not_on_the_command_line="legs are more than a line of words",
    ),
    "reverse": Kind(("original_id", "amount"), ("", "x", "", "")),
    "place_hold": Kind(
        ("account_id", "amount", "expires_at", "up_to"), ("od", "x", "", ""), debited, hold_placed
    ),
    "capture_hold": Kind(
        ("account_id", "hold_id", "amount", "final", "destination_id", "up_to"),
        ("od", "x", "", ""),
        change=hold_captured,
    ),
    "release_hold": Kind(("account_id", "hold_id"), ("od", "x", "", ""), change=hold_released),
    "extend_hold": Kind(
        ("account_id", "hold_id", "expires_at"),
        ("od", "x", "", ""),
        change=hold_extended,
        not_on_the_command_line="a hold that must last longer is placed again",
    ),
    "restrict": Kind(
        ("account_id", "restriction", "reason", "ends_at"), ("", "", "", "x"), change=restricted
    ),
    "set_overdraft_limit": Kind(
        ("account_id", "overdraft_limit"), ("", "", "", "x"), change=limited
    ),
    "close_account": Kind(("account_id", "sweep_to"), ("od", "", "", "x"), change=closed),
    "grant_access": Kind(
        ("account_id", "principal", "rights"),
        ("", "", "", "x"),
        change=granted,
        not_on_the_command_line="it acts for no principal, and needs no rights",
    ),
    "revoke_access": Kind(
        ("account_id", "principal"),
        ("", "", "", "x"),
        change=revoked,
        not_on_the_command_line="it acts for no principal, and needs no rights",
    ),
}

RIGHTS = frozenset({"read", "credit", "debit"})
STOPS_DEBITS = ("debits", "all")
STOPS_CREDITS = ("credits", "all")


def content_of(ask: Ask) -> dict[str, object]:
    """
    Return the content by which two commands are the same: not their ids or expected versions.
    """
    amount = None if ask.amount is None else (ask.amount, ask.currency)
    limit = None if ask.limit is None else (ask.limit, ask.currency)
    content: dict[str, object] = {
        "booked_at": ask.at,
        "description": ask.description,
        "metadata": dict(ask.metadata),
        "account_id": ask.account,
        "source_id": ask.account,
        "destination_id": ask.to,
        "sweep_to": ask.to,
        "amount": amount,
        "initial_balance": amount,
        "overdraft_limit": amount if ask.kind == "set_overdraft_limit" else limit,
        "legs": ask.legs,
        "crosses_boundary": ask.crosses,
        "exchange_rate": ask.rate,
        "original_id": ask.original,
        "holder": ask.holder,
        "hold_id": ask.hold,
        "final": ask.final,
        "up_to": ask.up_to,
        "expires_at": ask.ends,
        "ends_at": ask.ends,
        "restriction": ask.restriction,
        "reason": ask.reason,
        "principal": ask.principal,
        "rights": frozenset(ask.rights),
    }
    common = ("booked_at", "description", "metadata")
    return {name: content[name] for name in (*common, *KINDS[ask.kind].fields)}


def malformed(ask: Ask) -> "Refused | None":  # noqa: PLR0911  # a list of reasons
    """
    Return the refusal of a malformed command, or None if it is well formed.
    """
    if ask.id is not None and ":" in ask.id:
        return Refused("invalid_id")
    least = 0 if ask.kind in {"open_account", "set_overdraft_limit"} else 1
    amounts = [(abs(amount), 1) for _, amount, _ in ask.legs]
    if ask.amount is not None:
        amounts.append((ask.amount, least))
    for amount, smallest in (*amounts, (ask.limit or 0, 0)):
        if amount < smallest:
            return Refused("invalid_amount")
        if amount > AMOUNT_MAX:
            return Refused("amount_too_large")
    if ask.account is not None and ask.account == ask.to:
        return Refused("same_account", {"account_id": ask.account})
    if ask.kind == "restrict" and (
        ask.ends is not None if ask.restriction == "none" else not ask.reason
    ):
        return Refused("invalid_restriction")
    if ask.kind == "grant_access" and not ask.rights:
        return Refused("invalid_rights")
    return malformed_legs(ask) if ask.kind == "post" else None


def malformed_legs(ask: Ask) -> "Refused | None":
    if not ask.legs:
        return Refused("invalid_legs")
    given = list(dict.fromkeys(currency for *_, currency in ask.legs))
    if ask.rate is not None and set(given) != set(ask.rate[:2]):
        expected, found = " and ".join(ask.rate[:2]), " and ".join(given)
        return Refused("currency_mismatch", {"expected": expected, "given": found})
    currencies: dict[str, str] = {}
    for name, _, currency in ask.legs:
        expected = currencies.setdefault(name, currency)
        if expected != currency:
            return Refused("currency_mismatch", {"expected": expected, "given": currency})
    if any(abs(net) > AMOUNT_MAX for net in nets_of(ask).values()):
        return Refused("amount_too_large")
    totals = dict.fromkeys(currencies.values(), 0)
    for _, amount, currency in ask.legs:
        totals[currency] += amount
    return Refused("invalid_legs") if any(totals.values()) and not ask.crosses else None


def first_malformed(asks: Sequence[Ask]) -> "Refused | None":
    return next((answer for answer in map(malformed, asks) if answer is not None), None)


class Model:
    """
    A bank in plain integers.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, ModelAccount] = {}
        self.records: dict[str, Record] = {}
        # Each account's history: what was booked, in order.
        self.histories: dict[str, list[Booked]] = {}
        # What reversed each one that was reversed, and how much of it.
        self.reversals: dict[str, list[tuple[str, int]]] = {}

    # -- Commands --

    def one(self, ask: Ask, now: int, made: Iterator[str]) -> Answer:
        """
        Return the answer to one command at *now*; ids that are not given come from *made*.
        """
        return self.batch([ask], now, made)[0]

    def batch(self, asks: Sequence[Ask], now: int, made: Iterator[str]) -> list[Answer]:
        """
        Return the answer to each of *asks*, or the one refusal if one of them is malformed.
        """
        wrong = first_malformed(asks)
        if wrong is not None:
            return [wrong]
        return [self._answer(*each, now) for each in self._with_ids(asks, made)]

    def atomic(self, asks: Sequence[Ask], now: int, made: Iterator[str]) -> list[Answer]:
        """
        Return the answers to all of *asks*, or the one that is raised.
        """
        wrong = first_malformed(asks)
        if wrong is not None:
            return [wrong]
        given = [ask.id for ask in asks if ask.id is not None]
        if 0 < len(given) < len(asks):
            return [Refused("invalid_batch")]
        known = self._known(asks)
        if known is not None:
            return [self._failed(known, given)]
        trial = deepcopy(self)
        answers: list[Answer] = []
        for ask, transaction_id, account in self._with_ids(asks, made):
            answer = trial._answer(ask, transaction_id, account, now)
            if isinstance(answer, Refused):
                # Only the refusal stays, and only where it is one that is recorded.
                record = trial.records.get(transaction_id)
                if record is not None and record.answer is answer:
                    self.records[transaction_id] = record
                return [self._failed(answer, given)]
            answers.append(answer)
        vars(self).update(vars(trial))
        return answers

    def _known(self, asks: Sequence[Ask]) -> Refused | None:
        """
        Return the refusal of an atomic batch for what is recorded under its ids, if any.
        """
        known = [self._recorded(ask) for ask in asks]
        for answer in known:
            if isinstance(answer, Refused):
                return answer
        used = [ask.id for ask, answer in zip(asks, known, strict=True) if answer is not None]
        if 0 < len(used) < len(asks):
            return Refused("transaction_id_reused", {"transaction_id": used[0], "fields": ()})
        return None

    def _failed(self, answer: Refused, given: Iterable[str]) -> Refused:
        unused = tuple(dict.fromkeys(name for name in given if name not in self.records))
        return replace(answer, unused=unused)

    @staticmethod
    def _with_ids(asks: Sequence[Ask], made: Iterator[str]) -> list[tuple[Ask, str, str]]:
        """
        Return each command with its transaction id and its (first) account. Ids are made for a
        whole batch before any of it is judged.
        """
        return [
            (
                ask,
                next(made) if ask.id is None else ask.id,
                next(made)
                if ask.kind == "open_account" and ask.account is None
                else ask.account or "",
            )
            for ask in asks
        ]

    def _recorded(self, ask: Ask) -> Answer | None:
        """
        Return the answer by the record under the id, if there is one.
        """
        if ask.id is None or ask.id not in self.records:
            return None
        record = self.records[ask.id]
        if record.ask.kind != ask.kind:
            different: tuple[str, ...] = ("command",)
        else:
            before, now = content_of(record.ask), content_of(ask)
            different = tuple(name for name in now if now[name] != before[name])
        if different:
            return Refused(
                "transaction_id_reused", {"transaction_id": ask.id, "fields": different}
            )
        return replace(record.answer, replayed=True)

    def _answer(self, ask: Ask, transaction_id: str, account: str, now: int) -> Answer:
        recorded = self._recorded(ask)
        if recorded is not None:
            return recorded
        try:
            answer: Answer = self._booked(ask, transaction_id, account, now)
        except Declined as no:
            answer = Refused(no.code, no.facts)
            if not no.recorded or ask.id is None:
                return answer
        self.records[transaction_id] = Record(ask, answer)
        return answer

    # -- The rules, in the order in which they are documented --

    def _booked(  # noqa: C901, PLR0912  # the whole documented order, in one place
        self, ask: Ask, transaction_id: str, account: str, now: int
    ) -> Booked:
        if ask.at is not None and ask.at > now:
            raise Declined("invalid_time", recorded=False)
        if ask.kind == "open_account":
            return self._opened(ask, transaction_id, account, now)
        kind = KINDS[ask.kind]
        moves = kind.moves(ask) if ask.original is None else self._reversal(ask, ask.original)
        names = list(moves)
        if ask.kind == "close_account" and self._balance(names[0]) <= 0:
            # Nothing is swept: of the other account nothing is asked.
            names = names[:1]
        for name in names:
            if name not in self.accounts:
                raise Declined("account_not_found", recorded=True, account_id=name)
        self._require_version(ask, names[0], self.accounts[names[0]].version)
        for name in names:
            self._require_time(ask, name, now)
        # A given time is later than the last postings, or it is refused above.
        at = now if ask.at is None else ask.at
        at = max(at, *(self.accounts[name].last for name in names))
        self._require_currencies(ask, names)
        if ask.up_to and ask.kind != "capture_hold":
            assert ask.amount is not None
            # Where nothing is available, the whole is refused.
            there = self.accounts[names[0]].available(at)
            ask = replace(ask, amount=min(ask.amount, there) if there > 0 else ask.amount)
            moves = kind.moves(ask)
        if ask.kind in {"place_hold", "restrict"} and ask.ends is not None and ask.ends <= at:
            raise Declined("invalid_time", recorded=False)
        if ask.kind not in {"grant_access", "revoke_access"}:
            for name in names:
                if self.accounts[name].closed:
                    raise Declined("account_closed", recorded=True, account_id=name)
        hold = self._hold(ask, at) if ask.hold is not None else None
        if ask.kind == "revoke_access" and ask.principal not in self.accounts[names[0]].holders:
            raise Declined(
                "holder_not_found", recorded=True, account_id=names[0], principal=ask.principal
            )
        if ask.kind == "grant_access":
            self._require_room_for_holder(names[0], ask.principal)
        if ask.kind == "capture_hold":
            assert hold is not None
            if ask.up_to and ask.amount is not None:
                ask = replace(ask, amount=min(ask.amount, hold.left))
            taken = hold.left if ask.amount is None else ask.amount
            moves = dict(zip(names, (-taken, taken), strict=False))
        if ask.kind == "close_account":
            moves = self._swept(names, at)
        # What is judged, and what is booked: a hold takes nothing yet.
        for name, move in moves.items():
            self._require_permitted(name, move, at)
        if ask.kind == "extend_hold":
            self._require_permitted(names[0], -1, at)
        if ask.kind == "capture_hold" and hold is not None and -moves[names[0]] > hold.left:
            raise Declined(
                "hold_exceeded",
                recorded=True,
                hold_id=hold.id,
                left=hold.left,
                requested=-moves[names[0]],
                shortfall=-moves[names[0]] - hold.left,
            )
        if ask.kind not in {"capture_hold", "close_account"}:
            for name, move in moves.items():
                self._require_funds(name, move, at)
        if ask.kind == "place_hold":
            self._require_room_for_hold(names[0], -moves[names[0]], at)
            moves = {names[0]: 0}
        for name, move in moves.items():
            self._require_room(name, move)
        for name in moves:
            self._expire(name, at)
        kind.change(ask, self.accounts[names[0]], transaction_id)
        booked = self._book(transaction_id, at, moves)
        if ask.original is not None:
            part = max(abs(line.amount) for line in booked.lines)
            self.reversals.setdefault(ask.original, []).append((transaction_id, part))
        return booked

    def _opened(self, ask: Ask, transaction_id: str, account: str, now: int) -> Booked:
        if account in self.accounts:
            raise Declined("account_exists", recorded=True, account_id=account)
        self._require_version(ask, account, 0)
        holders = {} if ask.holder is None else {ask.holder: RIGHTS}
        self.accounts[account] = ModelAccount(
            ask.currency, ask.limit or 0, holders=holders, metadata=ask.metadata
        )
        self.histories[account] = []
        assert ask.amount is not None
        return self._book(transaction_id, now if ask.at is None else ask.at, {account: ask.amount})

    def _reversal(self, ask: Ask, original: str) -> dict[str, int]:
        """
        Return the opposite of what was booked, or of a part or the rest of it, in the opposite
        order, but debits first.
        """
        record = self.records.get(original)
        if record is None or isinstance(record.answer, Refused):
            raise Declined("transaction_not_found", recorded=True, transaction_id=original)
        kind, lines = record.ask.kind, record.answer.lines
        if kind in {"close_account", "reverse"} or not any(line.amount for line in lines):
            raise Declined("not_reversible", recorded=True, transaction_id=original, command=kind)
        before = self.reversals.get(original, [])
        moved = max(abs(line.amount) for line in lines)
        left = moved - sum(part for _, part in before)
        if ask.amount is None and left == 0:
            raise Declined(
                "already_reversed",
                recorded=True,
                transaction_id=original,
                reversed_by=before[-1][0],
            )
        if ask.amount is not None and kind == "post":
            raise Declined(
                "part_not_reversible", recorded=True, transaction_id=original, command=kind
            )
        in_its_currency = ask.currency == self.accounts[lines[0].account].currency
        if ask.amount is not None and in_its_currency and ask.amount > left:
            raise Declined(
                "reversal_exceeded",
                recorded=True,
                transaction_id=original,
                left=left,
                requested=ask.amount,
                shortfall=ask.amount - left,
            )
        part = left if ask.amount is None else ask.amount
        opposites = [(line.account, -line.amount) for line in reversed(lines)]
        if part != moved:
            opposites = [(name, part if net > 0 else -part) for name, net in opposites]
        return dict(sorted(opposites, key=lambda opposite: opposite[1] >= 0))

    def _balance(self, name: str) -> int:
        return self.accounts[name].balance if name in self.accounts else 0

    @staticmethod
    def _require_version(ask: Ask, name: str, found: int) -> None:
        if ask.version not in {None, found}:
            raise Declined(
                "stale_version", recorded=False, account_id=name, expected=ask.version, found=found
            )

    def _require_time(self, ask: Ask, name: str, now: int) -> None:
        last = self.accounts[name].last
        if ask.at is not None and ask.at < last:
            raise Declined("invalid_time", recorded=False)
        if ask.at is None and last > now + SKEW_MAX:
            raise Declined(
                "clock_skew",
                recorded=False,
                account_id=name,
                last_booked_at=last,
                now=now,
                seconds_ahead=-((now - last) // 1_000_000),
            )

    def _require_currencies(self, ask: Ask, names: Sequence[str]) -> None:
        if ask.kind == "reverse" and ask.amount is None:
            return
        given = dict.fromkeys(names, ask.currency)
        if ask.kind == "post":
            given = {name: currency for name, _, currency in ask.legs}
        elif ask.amount is None:
            # What is not given is all that there is, in the currency of the account.
            given = dict.fromkeys(names, self.accounts[names[0]].currency)
        for name in names:
            expected, found = self.accounts[name].currency, given[name]
            if ask.kind not in {"post", "reverse"} and name != names[0]:
                # Here the account to pay to is what was given, and not the amount.
                expected, found = found, expected
            if expected != found:
                raise Declined("currency_mismatch", recorded=False, expected=expected, given=found)

    def _hold(self, ask: Ask, at: int) -> ModelHold:
        assert ask.account is not None
        for hold in self.accounts[ask.account].open_holds(at):
            if hold.id == ask.hold:
                if ask.kind == "extend_hold" and (
                    hold.ends is None or (ask.ends is not None and ask.ends <= hold.ends)
                ):
                    raise Declined("invalid_time", recorded=False)
                return hold
        was = self.records.get(ask.hold or "")
        had = (
            was is not None
            and isinstance(was.answer, Booked)
            and was.ask.kind == "place_hold"
            and was.ask.account == ask.account
        )
        raise Declined(
            "hold_not_active" if had else "hold_not_found",
            recorded=True,
            account_id=ask.account,
            hold_id=ask.hold,
        )

    def _swept(self, names: Sequence[str], at: int) -> dict[str, int]:
        """
        Return what a closing moves, unless something blocks it.
        """
        account = self.accounts[names[0]]
        holds = tuple(hold.id for hold in account.open_holds(at))
        swept = max(account.balance, 0) if len(names) > 1 else 0
        left = account.balance - swept
        if left or holds:
            raise Declined(
                "close_blocked",
                recorded=True,
                account_id=names[0],
                balance=left,
                hold_ids=holds,
                blockers=bool(left) + bool(holds),
            )
        return dict(zip(names, (-swept, swept), strict=False))

    def _require_permitted(self, name: str, move: int, at: int) -> None:
        what, reason, ends = self.accounts[name].restricted(at)
        stopped = STOPS_DEBITS if move < 0 else STOPS_CREDITS
        if move and what in stopped:
            raise Declined(
                "account_restricted",
                recorded=True,
                account_id=name,
                restriction=what,
                reason=reason,
                ends_at=ends,
            )

    def _require_funds(self, name: str, move: int, at: int) -> None:
        available = self.accounts[name].available(at)
        if move < 0 and available + move < 0:
            raise Declined(
                "insufficient_funds",
                recorded=True,
                account_id=name,
                available=available,
                requested=-move,
                shortfall=-move - available,
            )

    def _require_room(self, name: str, move: int) -> None:
        balance = self.accounts[name].balance
        if abs(balance + move) > AMOUNT_MAX:
            raise Declined(
                "balance_limit",
                recorded=True,
                account_id=name,
                balance=balance,
                requested=abs(move),
            )

    def _require_room_for_hold(self, name: str, amount: int, at: int) -> None:
        account = self.accounts[name]
        if len(account.open_holds(at)) >= HOLDS_MAX:
            raise Declined("hold_limit", recorded=True, account_id=name, holds_max=HOLDS_MAX)
        if account.held(at) + amount > AMOUNT_MAX:
            raise Declined(
                "balance_limit",
                recorded=True,
                account_id=name,
                balance=account.balance,
                requested=amount,
            )

    def _require_room_for_holder(self, name: str, principal: str) -> None:
        others = self.accounts[name].holders.keys() - {principal}
        if len(others) >= HOLDERS_MAX:
            raise Declined("holder_limit", recorded=True, account_id=name, holders_max=HOLDERS_MAX)

    # -- What is booked --

    def _expire(self, name: str, at: int) -> list[Booked]:
        """
        Record each expiry that is due on an account, the earliest first.
        """
        account = self.accounts[name]
        due = [(hold.ends, hold.id, hold) for hold in account.holds if hold.ends is not None]
        found = []
        for ends, hold_id, hold in sorted(each for each in due if each[0] <= at):
            account.holds.remove(hold)
            expiry = f"expiry:{name}:{account.version + 1}"
            booked = self._book(expiry, ends, {name: 0})
            self.records[expiry] = Record(
                Ask("expire_hold", name, hold=hold_id, id=expiry), booked
            )
            found.append(booked)
        return found

    def expire_all(self, now: int) -> list[Answer]:
        """
        Record each expiry that is due by now: account by account, the one with the earliest
        first.
        """
        first = {
            name: min(due)
            for name, account in self.accounts.items()
            if (due := [(each.ends, name) for each in account.holds if each.is_due(now)])
        }
        order = sorted(first, key=lambda name: first[name])
        return [booked for name in order for booked in self._expire(name, now)]

    def _book(self, transaction_id: str, at: int, moves: dict[str, int]) -> Booked:
        lines = []
        for name, move in moves.items():
            account = self.accounts[name]
            account.balance += move
            account.version += 1
            account.last = at
            lines.append(
                Line(
                    account=name,
                    amount=move,
                    balance=account.balance,
                    # What was due is recorded, so that all that is there is open.
                    held=sum(hold.left for hold in account.holds),
                    limit=account.limit,
                    version=account.version,
                )
            )
        booked = Booked(transaction_id, at, tuple(lines))
        for name in moves:
            self.histories[name].append(booked)
        return booked

    # -- Reads --

    def lines(self, name: str) -> Iterator[tuple[int, str, int, int]]:
        """
        Every line of an account: when, under which id, how much, and the balance after it.
        What moved no money is no line.
        """
        for booked in self.histories[name]:
            for line in booked.lines:
                if line.account == name and line.amount:
                    yield booked.at, booked.id, line.amount, line.balance

    def balance_at(self, name: str, at: int) -> int:
        """
        Return what an account had right after *at*.
        """
        return sum(amount for when, _, amount, _ in self.lines(name) if when <= at)

    def available_at(self, name: str, at: int) -> int:
        """
        Return what could be taken at an instant, in the past or ahead.
        """
        lines = [
            line
            for booked in self.histories[name]
            for line in booked.lines
            if line.account == name and booked.at <= at
        ]
        if not lines:
            return 0
        if len(lines) == len(self.histories[name]):
            return self.accounts[name].available(at)
        return lines[-1].balance - lines[-1].held + lines[-1].limit
