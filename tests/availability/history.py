"""
What clients of a bank did and saw, in files to which they only append.

Each line is one fact, written when it is known: a transfer that is about to be sent, what became
of it, or the balances that one read found. A client that dies leaves transfers of which nothing
became known. Times are of the machine's monotonic clock, which all its processes share.
"""

import json
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import attrs

#: Later than any time: when something ended that never did.
NEVER: Final = 2**63


class Fate(StrEnum):
    """What a client was told of a transfer, in the end."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    #: Said for certain to have done nothing.
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@attrs.frozen
class Sent:
    """
    A transfer, from when it was sent until its fate was told.

    Attributes:
        versions: Of an acknowledged one: each account's version after it.
    """

    id: str
    source: str
    destination: str
    amount: int
    start: int
    end: int = NEVER
    fate: Fate = Fate.UNKNOWN
    versions: Mapping[str, int] = attrs.field(factory=dict)
    error: str = ""

    @property
    def what(self) -> dict[str, Any]:
        """What was to be moved, as arguments."""
        return {"source": self.source, "destination": self.destination, "amount": self.amount}


@attrs.frozen
class Seen:
    """All accounts in one read: version and balance of each."""

    start: int
    end: int
    accounts: Mapping[str, tuple[int, int]]


@attrs.define
class History:
    """All that was sent, by its id, all that was seen, and errors that no store may raise."""

    sent: dict[str, Sent] = attrs.Factory(dict)
    seen: list[Seen] = attrs.Factory(list)
    troubles: list[str] = attrs.Factory(list)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Self:
        """Return what the files say together; a fate that was told later counts."""
        history = cls()
        for path in paths:
            for line in path.read_text("ascii").splitlines():
                fact = json.loads(line)
                if "trouble" in fact:
                    history.troubles.append(fact["trouble"])
                elif "accounts" in fact:
                    history.seen.append(Seen(**fact))
                elif "fate" in fact:
                    fact["fate"] = Fate(fact["fate"])
                    history.sent[fact["id"]] = attrs.evolve(history.sent[fact["id"]], **fact)
                else:
                    history.sent[fact["id"]] = Sent(**fact)
        return history

    def of(self, fate: Fate) -> list[Sent]:
        return [sent for sent in self.sent.values() if sent.fate is fate]


@attrs.frozen
class Log:
    """The file of one client, or of several threads of it."""

    path: Path
    _lock: Lock = attrs.field(factory=Lock)

    def add(self, **fact: object) -> None:
        """Append a fact; whoever reads the file from now on finds it."""
        line = json.dumps(fact) + "\n"
        with self._lock, self.path.open("a", encoding="ascii") as file:
            file.write(line)


now: Final = time.monotonic_ns
