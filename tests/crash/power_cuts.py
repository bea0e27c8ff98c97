"""
A disk without power: what may be on it, after any cut.

``python tests/crash/power_cuts.py 100`` makes so many cuts. Run as ``python power_cuts.py shim
path log synchronous seed careless threads``, writers book on the store at *path*, while everything
that reaches its directory is recorded. `test_power_cuts.py` imports the rest: a `Disk` is told the
records one after the other, and asked at any point for what a cut may leave.
Whatever was flushed is there. Of everything after it, each sector of 512 bytes is there or not by
itself, in any of the states it had, and so are the size of each file and each new or removed name.
A truncation is there or not as a whole: what it takes away is gone with it or as it was, as SQLite
assumes of every disk (https://www.sqlite.org/atomiccommit.html, "Hardware Assumptions").
"""

import ctypes
import os
import random
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs
from children import bank_over, command_of

from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import Synchronous

HERE: Final = Path(__file__).parent

WRITERS: Final = ("north", "east", "south")
SECTOR: Final = 512

_HEAD: Final = struct.Struct("<qqqq")
#: The kind of record that is not of the disk: an id, or the name of a copy, that was acknowledged.
ACKNOWLEDGED: Final = "A"
#: A copy has what a thread had booked until then: "copy-north-17.db".
COPY: Final = "copy-"


class Record(NamedTuple):
    kind: str
    name: str
    at: int
    data: bytes


def read_log(path: Path) -> Iterator[Record]:
    log = path.read_bytes()
    place = 0
    while place < len(log):
        kind, name_size, at, size = _HEAD.unpack_from(log, place)
        place += _HEAD.size
        name = log[place : place + name_size].decode()
        place += name_size
        yield Record(chr(kind), name, at, log[place : place + size])
        place += size


@attrs.define
class File:
    """
    A file: as the programs see it, and all that the disk may have of it.
    """

    now: bytearray
    #: As it was when it was flushed.
    flushed: bytes
    #: By number, what each sector was since then.
    sectors: dict[int, list[bytes]] = attrs.Factory(dict)
    sizes: list[int] = attrs.Factory(list)

    def change(self, start: int, end: int) -> None:
        for number in range(start // SECTOR, -(-end // SECTOR)):
            place = number * SECTOR
            state = bytes(self.now[place : place + SECTOR]).ljust(SECTOR, b"\0")
            self.sectors.setdefault(number, []).append(state)
        self.sizes.append(len(self.now))

    def write(self, at: int, data: bytes) -> None:
        before = len(self.now)
        self.now.extend(bytes(max(0, at + len(data) - before)))
        self.now[at : at + len(data)] = data
        self.change(min(at, before), at + len(data))

    def truncate(self, size: int) -> None:
        before = len(self.now)
        del self.now[size:]
        self.now.extend(bytes(max(0, size - before)))
        if size > before:
            self.change(before, size)
        else:
            self.sizes.append(size)

    def flush(self) -> None:
        self.flushed = bytes(self.now)
        self.sectors.clear()
        self.sizes.clear()

    def after_a_cut(self, dice: random.Random) -> bytes:
        # From nothing that was not flushed, over anything, to all of it.
        share = dice.choice((0, dice.random(), 1))
        size = len(self.flushed)
        if self.sizes and dice.random() < share:
            size = dice.choice(self.sizes) if share < 1 else self.sizes[-1]
        found = bytearray(self.flushed[:size].ljust(size, b"\0"))
        for number, states in self.sectors.items():
            if dice.random() < share:
                state = dice.choice(states) if share < 1 else states[-1]
                place = number * SECTOR
                found[place : place + SECTOR] = state[: max(0, size - place)]
        return bytes(found)


class Disk:
    """
    The files of one directory, on a disk that may lose its power.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = {name: File(bytearray(data), data) for name, data in files.items()}
        #: What the directory on the disk may still have under a name; None for nothing.
        self._before: dict[str, list[File | None]] = {}

    def tell(self, record: Record) -> None:
        if record.kind == "S" and not record.name:
            self._before.clear()
            return
        if record.kind == "U":
            self._before.setdefault(record.name, []).append(self._files.pop(record.name))
            return
        if record.kind == "L":
            self._before.setdefault(record.name, []).append(None)
            self._files[record.name] = self._files[record.data.decode()]
            return
        file = self._files.get(record.name)
        if file is None:
            self._before.setdefault(record.name, []).append(None)
            file = self._files[record.name] = File(bytearray(), b"")
        if record.kind == "W":
            file.write(record.at, record.data)
        elif record.kind == "T":
            file.truncate(record.at)
        else:
            file.flush()

    def now(self) -> dict[str, bytes]:
        """
        The files as the programs see them.
        """
        return {name: bytes(file.now) for name, file in self._files.items()}

    def after_a_cut(self, dice: random.Random) -> dict[str, bytes]:
        found = {}
        for name in sorted({*self._files, *self._before}):
            file = dice.choice([self._files.get(name), *self._before.get(name, ())])
            if file is not None:
                found[name] = file.after_a_cut(dice)
        return found


# -- The writers -------------------------------------------------------------


def names_of(process: str, threads: int) -> list[str]:
    return [f"{process}{number}" for number in range(threads)]


def operations(threads: int) -> int:
    """
    Return how often each thread books.
    """
    return 60 if threads == 1 else 6


class Checkpointing(sqlite3.Connection):
    """
    A connection that checkpoints often, so that cuts meet checkpoints.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        super().execute("PRAGMA wal_autocheckpoint = 40")


class Careless(Checkpointing):
    """
    A connection with ``synchronous=NORMAL`` that says it has what it was told to have.
    """

    _said = 0

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if statement.startswith("PRAGMA synchronous = "):
            self._said = int(statement[-1])
            statement = "PRAGMA synchronous = 1"
        elif statement == "PRAGMA synchronous":
            statement = f"SELECT {self._said}"
        return super().execute(statement, *parameters)


def _write(
    log: int, path: Path, synchronous: Synchronous, names: list[str], dice: random.Random
) -> None:
    """
    Book in a thread for each name, telling the log what was acknowledged, and open the store anew
    now and then. The first thread makes a copy.
    """

    def tell(text: str) -> None:
        told = text.encode()
        os.write(log, _HEAD.pack(ord(ACKNOWLEDGED), len(told), 0, 0) + told)

    copy_at = dice.randint(1, operations(len(names)) // 2)
    numbers = iter(range(1, operations(len(names)) + 1))
    most = 20 if len(names) == 1 else 3
    while part := list(islice(numbers, dice.randint(most // 4 + 1, most))):
        with (
            SQLiteStore(path, synchronous=synchronous) as store,
            ThreadPoolExecutor(len(names)) as pool,
        ):

            def book(name: str, store: SQLiteStore = store, part: list[int] = part) -> None:
                for number in part:
                    bank_over(store).execute([command_of(name, number)])
                    tell(f"{name}-{number}")
                    if name == names[0] and number == copy_at:
                        copy = f"{COPY}{name}-{number}.db"
                        store.backup(path.with_name(copy))
                        tell(copy)

            # Raises what one of them raised.
            list(pool.map(book, names))


def main(
    shim: str,
    path: str,
    log_path: str,
    synchronous: Synchronous,
    seed: str,
    careless: str,
    threads: str,
) -> None:
    kind = Careless if careless == "careless" else Checkpointing
    sqlite3.connect = partial(sqlite3.connect, factory=kind)  # type: ignore[assignment]  # in this process only
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ctypes.CDLL(shim).disk_record(log, os.fsencode(Path(path).parent))
    writers = []
    for process in WRITERS:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                dice = random.Random(f"{seed}-{process}")
                _write(log, Path(path), synchronous, names_of(process, int(threads)), dice)
                status = 0
            finally:
                os._exit(status)
        writers.append(child)
    failed = [os.waitpid(child, 0)[1] for child in writers]
    sys.exit(any(failed))


def in_pytest(cuts: str) -> None:
    """
    Let the tests make so many cuts, of each kind.
    """
    sys.exit(
        subprocess.run(
            [sys.executable, "-m", "pytest", "-n0", "-rP", HERE / "test_power_cuts.py"],
            env={**os.environ, "BANKCORE_POWER_CUTS": cuts},
            check=False,
        ).returncode
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        in_pytest(sys.argv[1])
    main(*sys.argv[1:])  # type: ignore[arg-type]  # the tests give one of the two
