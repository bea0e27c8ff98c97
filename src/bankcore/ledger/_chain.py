"""
The hash chain of each account, and the roots over all of them.

Decided here: the canonical bytes of a record, the same on every machine for ever, how each
transaction of an account is tied to the one before it, and how the heads of all chains become one
hash. ``docs/reference/tamper-evidence.md`` documents the encoding, with examples.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from bankcore.ledger._codec import batch_to_text, command_to_text, facts_to_text
from bankcore.ledger._records import Posting, Refusal, Transaction
from bankcore.values._instants import to_microseconds

Record = Transaction | Refusal

#: The head of an account's chain before its first transaction.
GENESIS: Final = bytes(32)

_LINK: Final = b"bankcore chain 1\n"
_TRANSACTION: Final = "bankcore transaction 1\n"
_REFUSAL: Final = "bankcore refusal 1\n"


def next_head(head: bytes, content: bytes) -> bytes:
    """Return the head of an account's chain after a transaction with these canonical bytes."""
    return sha256(_LINK + head + content).digest()


def linked(records: Iterable[Record], heads: dict[str, bytes]) -> list[tuple[bytes, ...]]:
    """
    Return the hashes of each of *records*: one for each posting, none for a refusal.

    *heads* are those of the accounts' chains, by the accounts' ids as text; they are updated. An
    account without a transaction has none.
    """
    return [
        () if isinstance(record, Refusal) else link(record, content_of(record), heads)
        for record in records
    ]


def link(transaction: Transaction, content: bytes, heads: dict[str, bytes]) -> tuple[bytes, ...]:
    """Return the hashes of one transaction with its canonical bytes; *heads* as for `linked`."""
    hashes = []
    for posting in transaction.postings:
        name = posting.account_id.value
        # As `next_head`, without a call for every posting that is written.
        heads[name] = head = sha256(_LINK + heads.get(name, GENESIS) + content).digest()
        hashes.append(head)
    return tuple(hashes)


# -- The bytes of a record ---------------------------------------------------


def content_of(record: Record) -> bytes:
    """Return the canonical bytes of *record*; no two different records have the same."""
    kind, command = command_to_text(record.command)
    if isinstance(record, Transaction):
        return transaction_content(record, kind, command, to_microseconds(record.booked_at))
    return (
        f"{_REFUSAL}{_text(record.id.value)}{_text(kind)}{_text(command)}"
        f"{_text_or_none(record.principal)}{to_microseconds(record.refused_at)};"
        f"{_text(record.code)}{_text(facts_to_text(record.code, record.facts))}"
        f"{_text_or_none(batch_to_text(record.batch))}"
    ).encode()


def transaction_content(
    transaction: Transaction, kind: str, command: str, booked_at: int
) -> bytes:
    """Return the canonical bytes of *transaction* from texts that a store has at hand."""
    postings = transaction.postings
    # Most transactions have one posting, and each of them passes here.
    lines = _posting(postings[0]) if len(postings) == 1 else "".join(map(_posting, postings))
    # An id and a kind are ASCII, so that their lengths are those of their bytes.
    name, principal = transaction.id.value, transaction.principal
    size = len(command) if command.isascii() else len(command.encode())
    return (
        f"{_TRANSACTION}{len(name)}:{name}{len(kind)}:{kind}{size}:{command}"
        f"{'-' if principal is None else _text(principal)}{booked_at};{len(postings)};{lines}"
    ).encode()


def _text(text: str) -> str:
    # The length in bytes comes first, so that no two sequences of texts are the same.
    return f"{len(text) if text.isascii() else len(text.encode())}:{text}"


def _text_or_none(text: str | None) -> str:
    return "-" if text is None else _text(text)


def _posting(posting: Posting) -> str:
    currency = posting.amount.currency
    text = (
        f"{posting.account_id.value} {posting.amount.amount_minor} {posting.balance.amount_minor}"
        f" {posting.held.amount_minor} {posting.overdraft_limit.amount_minor} {posting.version}"
        f" {currency.code} {currency.exponent}"
    )
    return f"{len(text)}:{text}"


# -- Roots -------------------------------------------------------------------


def head_leaf(name: str, version: int, head: bytes) -> bytes:
    """Return the leaf of the account of this id in the root over all accounts."""
    return f"{_text(name)}{_text(str(version))}".encode() + head


class MerkleRoot:
    """
    The root of the hash tree of RFC 6962, over leaves that come one by one.

    It keeps one hash for each level of the tree.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        # Whole trees from the left, each larger than the next: (number of leaves, hash).
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
        """Return the root of the leaves so far; without any, the hash of no bytes."""
        if not self._trees:
            return sha256().digest()
        root = self._trees[-1][1]
        for _, tree in reversed(self._trees[:-1]):
            root = _joined(tree, root)
        return root


def _joined(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
