"""
Checkpoints: a few lines of text that prove what the first records of a journal are.

Decided here: the text of a checkpoint, and how it is computed record by record. If it is kept
where nobody who can write the store can write, it shows whether any record before it was
changed, deleted, inserted or moved since.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import attrs

from bankcore.ledger._chain import MerkleRoot, Record, content_of, head_leaf, link
from bankcore.ledger._errors import InvalidCheckpointError
from bankcore.ledger._pages import every_record
from bankcore.ledger._records import Refusal
from bankcore.ledger._store import AccountStore, require_store
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import instant_from_text

_FIRST_LINE: Final = "bankcore checkpoint 1"
_COUNTS: Final = ("accounts", "transactions", "refusals")
_ROOTS: Final = ("accounts-root", "refusals-root", "journal-root")
# Each line: its form as an error shows it, and the pattern that finds its value.
_LINES: Final = (
    (_FIRST_LINE, re.compile(f"({_FIRST_LINE})")),
    ("taken INSTANT", re.compile("taken ([0-9T:.+-]{32})")),
    *((f"{name} NUMBER", re.compile(f"{name} (0|[1-9][0-9]{{0,17}})")) for name in _COUNTS),
    *((f"{name} HASH", re.compile(f"{name} ([0-9a-f]{{64}})")) for name in _ROOTS),
)


@attrs.frozen
class Checkpoint:
    """
    The counts and hashes of the first records of a journal.

    ``str`` makes eight lines of text of it, and `parse` reads them. The roots are those of the
    hash tree of RFC 6962; ``docs/reference/tamper-evidence.md`` documents their leaves.

    Attributes:
        taken_at: When it was taken, UTC, by the bank's clock.
        accounts: The number of accounts that the records have opened.
        transactions: The number of transactions among the records.
        refusals: The number of refusals among them.
        accounts_root: The root over the version and the head of each account's chain.
        refusals_root: The root over the refusals, in the order of the journal.
        journal_root: The root over all records, in the order of the journal.
    """

    taken_at: datetime
    accounts: int
    transactions: int
    refusals: int
    accounts_root: bytes
    refusals_root: bytes
    journal_root: bytes

    @property
    def records(self) -> int:
        """The number of records that it covers."""
        return self.transactions + self.refusals

    def __str__(self) -> str:
        return "\n".join(
            (
                _FIRST_LINE,
                f"taken {self.taken_at.isoformat(timespec='microseconds')}",
                *(f"{name} {getattr(self, name)}" for name in _COUNTS),
                *(f"{name} {getattr(self, name.replace('-', '_')).hex()}" for name in _ROOTS),
            )
        )

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """
        Return the checkpoint of this *text*, with or without a line feed at its end.

        Raises:
            InvalidCheckpointError: If it is anything else.
        """
        lines = text.removesuffix("\n").split("\n")
        values: list[str] = []
        for number, (line, (form, pattern)) in enumerate(zip(lines, _LINES, strict=False), 1):
            match = pattern.fullmatch(line)
            if match is None:
                raise InvalidCheckpointError(f"line {number} must be {form!r}, got {shown(line)}")
            values.append(match[1])
        if len(lines) != len(_LINES):
            raise InvalidCheckpointError(f"it must have {len(_LINES)} lines, got {len(lines)}")
        _, taken, accounts, transactions, refusals, *roots = values
        try:
            taken_at = instant_from_text(taken)
        except InvalidTimeError as error:
            raise InvalidCheckpointError(f"line 2: {str(error).removesuffix('.')}") from error
        return cls(
            taken_at, int(accounts), int(transactions), int(refusals), *map(bytes.fromhex, roots)
        )


def to_checkpoint(value: object) -> Checkpoint:
    """Return *value*, a `Checkpoint` or its text, as a `Checkpoint`."""
    if isinstance(value, Checkpoint):
        return value
    if isinstance(value, str):
        return Checkpoint.parse(value)
    raise InvalidCheckpointError(f"it must be a Checkpoint or its text, got {shown(value)}")


def checkpoint_of(store: AccountStore, taken_at: datetime) -> Checkpoint:
    """
    Return the checkpoint of all records that the journal of *store* has now.

    It reads the whole journal, with a version and a hash for each account in memory. It says
    what is there; whether that is right, `verify` says.

    Raises:
        InvalidArgumentError: If *store* is no store.
        StoreCorruptedError: If a record cannot be read.
        StoreUnavailableError: If the store cannot be reached.
    """
    require_store(store)
    progress = Progress()
    for record in every_record(store):
        progress.add(record, content_of(record))
    return progress.checkpoint(taken_at)


class Progress:
    """The checkpoint of records that come one by one, with each account's version and head."""

    def __init__(self) -> None:
        self.records = 0
        self._heads: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._refusals = 0
        self._refusals_root = MerkleRoot()
        self._journal_root = MerkleRoot()

    def add(self, record: Record, content: bytes) -> None:
        """Add *record*, which has these canonical bytes."""
        self.records += 1
        self._journal_root.add(content)
        if isinstance(record, Refusal):
            self._refusals += 1
            self._refusals_root.add(content)
            return
        link(record, content, self._heads)
        for posting in record.postings:
            self._versions[posting.account_id.value] = posting.version

    def checkpoint(self, taken_at: datetime) -> Checkpoint:
        """Return the checkpoint of the records so far."""
        heads = sorted(self._heads.items())
        leaves = (head_leaf(name, self._versions[name], head) for name, head in heads)
        return Checkpoint(
            taken_at,
            len(self._versions),
            self.records - self._refusals,
            self._refusals,
            MerkleRoot(leaves).digest(),
            self._refusals_root.digest(),
            self._journal_root.digest(),
        )


def differences(kept: Checkpoint, found: Checkpoint, *, is_complete: bool) -> Iterator[str]:
    """
    Yield how *found*, taken from the first records as they are now, differs from *kept*.

    With *is_complete*, the journal was read to its end, so records it lacks are missing.
    """
    if found.records < kept.records:
        seen = (
            f"the journal has {found.records}: records are missing"
            if is_complete
            else f"only {found.records} of the journal can be read"
        )
        yield f"it covers {kept.records} records, but {seen}"
        return
    for name in _COUNTS:
        before, now = getattr(kept, name), getattr(found, name)
        if now != before:
            yield f"the journal had {before} {name} there, and now has {now}"
    for name, is_same in (
        ("transactions of the accounts", found.accounts_root == kept.accounts_root),
        ("refusals", found.refusals_root == kept.refusals_root),
        ("records or their order", found.journal_root == kept.journal_root),
    ):
        if not is_same:
            yield f"the {name} among the first {kept.records} have changed"
