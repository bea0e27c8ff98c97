"""
The hash chain of each account, and the roots that stand for all of them.

Decided here: the canonical bytes of a record, how each transaction of an account is tied to
the one before it, and how the heads of all chains, and all refusals, become one hash each.
Pure: nothing is read, and the same record gives the same bytes on every machine, for ever.
The encoding is documented, with examples, in ``docs/reference/tamper-evidence.md``.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

import attrs

from bankcore.account import Restriction, Right
from bankcore.commands import COMMAND_NAMES, COMMANDS, Command, Leg
from bankcore.errors import RECORDED_ERRORS
from bankcore.exchange import ExchangeRate
from bankcore.ids import AccountId, PrincipalId, TransactionId
from bankcore.instants import to_microseconds
from bankcore.money import Money
from bankcore.transaction import Posting, Refusal, Transaction

Record = Transaction | Refusal

#: What comes before an account's first transaction.
GENESIS: Final = bytes(32)

_LINK: Final = b"bankcore chain 1\n"
_TRANSACTION: Final = "bankcore transaction 1\n"
_REFUSAL: Final = "bankcore refusal 1\n"


def next_head(head: bytes, content: bytes) -> bytes:
    """
    The hash of a transaction with these canonical bytes, on an account whose chain has come to
    *head*: its new head.
    """
    return sha256(_LINK + head + content).digest()


def linked(records: Iterable[Record], heads: dict[str, bytes]) -> list[tuple[bytes, ...]]:
    """
    For each of *records*, in the order of the journal, the hashes that tie it to what came
    before it: one for each posting, none for a refusal.

    Args:
        records: What is to be appended to the journal.
        heads: The heads of the accounts' chains by the accounts' ids as text, brought up to
            date; an account without one has no transaction yet.
    """
    return [
        () if isinstance(record, Refusal) else link(record, content_of(record), heads)
        for record in records
    ]


def link(transaction: Transaction, content: bytes, heads: dict[str, bytes]) -> tuple[bytes, ...]:
    """
    The hashes of one transaction, with its canonical bytes; *heads* as for `linked`.
    """
    hashes = []
    for posting in transaction.postings:
        name = posting.account_id.value
        heads[name] = head = next_head(heads.get(name, GENESIS), content)
        hashes.append(head)
    return tuple(hashes)


# -- The bytes of a record ---------------------------------------------------


def content_of(record: Record) -> bytes:
    """
    The canonical bytes of *record*: no two different records have the same.
    """
    if isinstance(record, Refusal):
        return _refusal_content(record)
    command, postings = record.command, record.postings
    # Nearly every transaction has one posting, and each of them passes here.
    lines = _posting(postings[0]) if len(postings) == 1 else "".join(map(_posting, postings))
    return (
        f"{_TRANSACTION}{_id(record.id)}{_LAYOUTS[type(command)].written(command)}"
        f"{'-' if record.principal is None else _text(record.principal)}"
        f"{_instant(record.booked_at)}{len(postings)};{lines}"
    ).encode()


def _refusal_content(refusal: Refusal) -> bytes:
    batch = "".join(
        f"{_absent_or(command.transaction_id)}{_LAYOUTS[type(command)].written(command)}"
        for command in refusal.batch
    )
    facts = _FACTS[refusal.code]
    return (
        f"{_REFUSAL}{_text(refusal.id.value)}{_LAYOUTS[type(refusal.command)].written(refusal.command)}"
        f"{_absent_or(refusal.principal)}{_instant(refusal.refused_at)}"
        f"{facts.kind}{facts.fields([refusal.facts[name] for name in facts.names])}"
        f"{len(refusal.batch)};{batch}"
    ).encode()


def _text(text: str) -> str:
    """
    *text* with the number of its bytes in front.
    """
    return f"{len(text) if text.isascii() else len(text.encode())}:{text}"


def _absent_or(value: object) -> str:
    return "-" if value is None else _text(str(value))


def _money(money: Money) -> str:
    text = f"{money.amount_minor} {money.currency.code} {money.currency.exponent}"
    return f"{len(text)}:{text}"


def _posting(posting: Posting) -> str:
    currency = posting.amount.currency
    text = (
        f"{posting.account_id.value} {posting.amount.amount_minor} {posting.balance.amount_minor}"
        f" {posting.held.amount_minor} {posting.overdraft_limit.amount_minor} {posting.version}"
        f" {currency.code} {currency.exponent}"
    )
    return f"{len(text)}:{text}"


@lru_cache(maxsize=1024)  # imported history has many transactions at one instant
def _instant(instant: datetime) -> str:
    return _text(str(to_microseconds(instant)))


def _rate(rate: ExchangeRate) -> str:
    base, quote = rate.base, rate.quote
    return _text(f"{base.code} {base.exponent} {quote.code} {quote.exponent} {rate.rate}")


def _several(values: Iterable[Any]) -> str:
    return _text("".join(map(_value, values)))


def _value(value: Any) -> str:  # noqa: ANN401  # a field of a command or of a refusal's facts
    return _WRITERS[type(value)](value)


def _id(given: AccountId | TransactionId | PrincipalId) -> str:
    return f"{len(given.value)}:{given.value}"


def _member(member: Enum) -> str:
    return _text(member.value)


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    AccountId: _id,
    TransactionId: _id,
    PrincipalId: _id,
    Money: _money,
    datetime: _instant,
    str: _text,
    int: lambda number: _text(str(number)),
    bool: lambda flag: "4:true" if flag else "5:false",
    tuple: _several,
    Leg: _several,
    frozenset: lambda rights: _text("".join(sorted(map(_value, rights)))),
    Restriction: _member,
    Right: _member,
    ExchangeRate: _rate,
}

# A command's id has a place of its own; the version it expected is not recorded.
_NOT_WRITTEN: Final = frozenset({"transaction_id", "expected_version"})


class _Layout:
    """
    How commands of one kind, or the facts of one error, are written: the kind, how many fields
    are given, and then the name and value of each, in the order of their declaration.
    """

    def __init__(self, kind: str, cls: type) -> None:
        self.kind = _text(kind)
        self.names = tuple(
            field.name
            for field in attrs.fields(cls)
            if not (issubclass(cls, Command) and field.name in _NOT_WRITTEN)
        )
        self._written_names = tuple(map(_text, self.names))
        self._values = attrgetter(*self.names)

    def written(self, command: Command) -> str:
        # Every transaction passes here: a list, and no check of two lengths that are one.
        given = [
            name + _WRITERS[type(value)](value)
            for name, value in zip(self._written_names, self._values(command))  # noqa: B905
            if value is not None
        ]
        return f"{self.kind}{len(given)};{''.join(given)}"

    def fields(self, values: Iterable[object]) -> str:
        given = [
            name + _value(value)
            for name, value in zip(self._written_names, values, strict=True)
            if value is not None
        ]
        return f"{len(given)};{''.join(given)}"


_LAYOUTS: Final = {cls: _Layout(COMMAND_NAMES[cls], cls) for cls in COMMANDS.values()}
_FACTS: Final = {code: _Layout(code, cls) for code, cls in RECORDED_ERRORS.items()}


# -- Roots -------------------------------------------------------------------


def head_leaf(name: str, version: int, head: bytes) -> bytes:
    """
    The bytes that stand for the account of this id in the root over all of them.
    """
    return f"{_text(name)}{_text(str(version))}".encode() + head


class MerkleRoot:
    """
    The root of the hash tree of RFC 6962 over leaves that come one by one, in the memory of
    one hash for each level.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        # Whole trees from the left, each larger than the next: (how many leaves, hash).
        self._trees: list[tuple[int, bytes]] = []
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf: bytes) -> None:
        size, tree = 1, sha256(b"\x00" + leaf).digest()
        while self._trees and self._trees[-1][0] == size:
            tree = _joined(self._trees.pop()[1], tree)
            size *= 2
        self._trees.append((size, tree))

    def digest(self) -> bytes:
        """
        The root of the leaves so far; of none, the hash of nothing.
        """
        if not self._trees:
            return sha256().digest()
        root = self._trees[-1][1]
        for _, tree in reversed(self._trees[:-1]):
            root = _joined(tree, root)
        return root


def _joined(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
