"""
A checkpoint: a few lines of text that stand for all that a journal has so far.

Decided here: what a checkpoint says, how it is written and read, and how it is worked out
record by record. Kept where nobody who can write the store can write, it shows whether
anything recorded before it was changed, taken out, put in or put in another order since.
"""

import re
from datetime import datetime
from typing import Final

import attrs

from bankcore.ledger._chain import MerkleRoot, Record, content_of, head_leaf, link
from bankcore.ledger._errors import InvalidCheckpointError
from bankcore.ledger._records import Refusal
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import instant_from_text

_FIRST_LINE: Final = "bankcore checkpoint 1"
_NUMBER: Final = "(0|[1-9][0-9]{0,17})"
_ROOT: Final = "([0-9a-f]{64})"
# Its lines: how each one is written, and what it says.
_LINES: Final = tuple(
    (form, re.compile(pattern, re.ASCII))
    for form, pattern in (
        (_FIRST_LINE, f"({_FIRST_LINE})"),
        ("taken INSTANT", "taken ([0-9T:.+-]{32})"),
        ("accounts NUMBER", f"accounts {_NUMBER}"),
        ("transactions NUMBER", f"transactions {_NUMBER}"),
        ("refusals NUMBER", f"refusals {_NUMBER}"),
        ("accounts-root HASH", f"accounts-root {_ROOT}"),
        ("refusals-root HASH", f"refusals-root {_ROOT}"),
        ("journal-root HASH", f"journal-root {_ROOT}"),
    )
)


@attrs.frozen
class Checkpoint:
    """
    What the first records of a journal come to. Its text is eight lines, made by ``str`` and
    read by `parse`.

    The roots are those of the hash tree of RFC 6962, over what is documented in
    ``docs/reference/tamper-evidence.md``.

    Attributes:
        taken_at: When it was taken, UTC, by the clock of the bank.
        accounts: How many accounts the records have opened.
        transactions: How many of the records are transactions.
        refusals: How many of them are refusals.
        accounts_root: Stands for the version and the head of each account's chain.
        refusals_root: Stands for the refusals, in the order of the journal.
        journal_root: Stands for all records, in the order of the journal.
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
        """
        How many records of the journal, from its beginning, it stands for.
        """
        return self.transactions + self.refusals

    def __str__(self) -> str:
        return "\n".join(
            (
                _FIRST_LINE,
                f"taken {self.taken_at.isoformat(timespec='microseconds')}",
                f"accounts {self.accounts}",
                f"transactions {self.transactions}",
                f"refusals {self.refusals}",
                f"accounts-root {self.accounts_root.hex()}",
                f"refusals-root {self.refusals_root.hex()}",
                f"journal-root {self.journal_root.hex()}",
            )
        )

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """
        The checkpoint whose text this is, with or without an end of its last line.

        Raises:
            InvalidCheckpointError: If it is anything else.
        """
        lines = text.removesuffix("\n").split("\n")
        said: list[str] = []
        for number, (line, (form, pattern)) in enumerate(zip(lines, _LINES, strict=False), 1):
            found = pattern.fullmatch(line)
            if found is None:
                raise InvalidCheckpointError(f"line {number} is {shown(line)}, and not {form}")
            said.append(found[1])
        if len(lines) != len(_LINES):
            raise InvalidCheckpointError(f"it has {len(lines)} lines, and not {len(_LINES)}")
        _, taken, accounts, transactions, refusals, *roots = said
        try:
            taken_at = instant_from_text(taken)
        except InvalidTimeError as error:
            raise InvalidCheckpointError(f"line 2: {str(error).removesuffix('.')}") from error
        return cls(
            taken_at,
            int(accounts),
            int(transactions),
            int(refusals),
            *map(bytes.fromhex, roots),
        )


def to_checkpoint(value: object) -> Checkpoint:
    """
    *value* as a `Checkpoint`, or the checkpoint whose text it is.

    Raises:
        InvalidCheckpointError: If it is neither.
    """
    if isinstance(value, Checkpoint):
        return value
    if isinstance(value, str):
        return Checkpoint.parse(value)
    raise InvalidCheckpointError(f"{shown(value)} is neither a Checkpoint nor text")


class Progress:
    """
    What the records of a journal come to, as they come one by one: one version and one hash in
    memory for each account.
    """

    def __init__(self) -> None:
        self.records = 0
        self._heads: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._refusals = 0
        self._refusals_root = MerkleRoot()
        self._journal_root = MerkleRoot()

    def add(self, record: Record) -> None:
        content = content_of(record)
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
        """
        The checkpoint that stands for the records so far.
        """
        leaves = (
            head_leaf(name, version, self._heads[name])
            for name, version in sorted(self._versions.items())
        )
        return Checkpoint(
            taken_at,
            len(self._versions),
            self.records - self._refusals,
            self._refusals,
            MerkleRoot(leaves).digest(),
            self._refusals_root.digest(),
            self._journal_root.digest(),
        )
