"""
The power is cut under load: whatever the disk had not flushed is there or not, piece by piece.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import attrs
import power_cuts
import pytest
from children import ACCOUNTS, INITIAL_MINOR, bank_over, command_of, eur
from power_cuts import ACKNOWLEDGED, COPY, WRITERS, Disk, Record, names_of, operations

from bankcore import TransactionId
from bankcore.errors import StoreError, TransactionNotFoundError
from bankcore.ledger import Transaction, verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

HERE: Final = Path(__file__).parent

#: What is tested of each mode: the least in WAL, the most in TRUNCATE.
SYNCHRONOUS: Final[dict[JournalMode, str]] = {"wal": "full", "truncate": "extra"}

#: In each of the two modes.
CUTS: Final = int(os.environ.get("BANKCORE_POWER_CUTS", "20"))
# So many cuts are made in what one run of the writers has recorded.
_CUTS_PER_RUN: Final = 20

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="it asks /proc for the names of files"),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shim = tmp_path_factory.mktemp("shim") / "recorded_disk.so"
    source = HERE / "recorded_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    return shim


@attrs.define
class Found:
    """
    The problems and counts after all cuts.
    """

    cuts: int = 0
    acknowledged: int = 0
    lost: int = 0
    unusable: list[str] = attrs.Factory(list)
    copies: int = 0
    lost_copies: int = 0
    unusable_copies: list[str] = attrs.Factory(list)


def _recorded(
    shim: Path, directory: Path, mode: JournalMode, seed: int, threads: int, *, careless: bool
) -> tuple[dict[str, bytes], list[Record]]:
    """
    The files before, and all that happened to them while writers were at work.
    """
    work = directory / "work"
    work.mkdir()
    path = work / "bank.db"
    with SQLiteStore(path, journal_mode=mode) as store:
        for each in ACCOUNTS:
            bank_over(store).open_account(
                each, initial_balance=eur(INITIAL_MINOR), transaction_id=each
            )
    before = {each.name: each.read_bytes() for each in work.iterdir()}
    log = directory / "log"
    subprocess.run(
        [
            sys.executable,
            HERE / "power_cuts.py",
            *(
                shim,
                path,
                log,
                SYNCHRONOUS[mode],
                str(seed),
                "careless" if careless else "careful",
                str(threads),
            ),
        ],
        env={**os.environ, "LD_PRELOAD": str(shim)},
        check=True,
    )
    after = {each.name: each.read_bytes() for each in work.iterdir()}
    records = list(power_cuts.read_log(log))
    disk = Disk(before)
    for record in records:
        if record.kind != ACKNOWLEDGED:
            disk.tell(record)

    # Nothing was left out of the record.
    assert after == disk.now()
    shutil.rmtree(work)
    log.unlink()
    return before, records


def _look(
    directory: Path, files: dict[str, bytes], told: list[str], threads: int, found: Found
) -> None:
    """
    Open what is left after a cut, look for all that was *told*, and go on with it.
    """
    left = directory / "left"
    left.mkdir()
    for name, data in files.items():
        (left / name).write_bytes(data)
    found.cuts += 1
    found.acknowledged += len(told)
    _look_at_copies(left, told, found)
    told = [each for each in told if not each.startswith(COPY)]
    try:
        with SQLiteStore(left / "bank.db") as store:
            bank = bank_over(store)
            found.lost += sum(not _is_there(store, each) for each in told)
            for name in (name for each in WRITERS for name in names_of(each, threads)):
                numbers = range(1, operations(threads) + 1)
                bank.execute([command_of(name, number) for number in numbers])
            found.unusable += map(str, verify(store).disagreements)
    except StoreError as error:
        found.unusable.append(str(error))
    shutil.rmtree(left)


def _look_at_copies(left: Path, told: list[str], found: Found) -> None:
    """
    Open every copy that is left: it has its name only when all of it is on the disk.
    """
    copies = [each for each in told if each.startswith(COPY)]
    found.copies += len(copies)
    found.lost_copies += sum(not (left / each).exists() for each in copies)
    for path in sorted(left.glob(f"{COPY}*.db")):
        _, name, last = path.stem.split("-")
        wanted = [f"{name}-{number}" for number in range(1, int(last) + 1)]
        try:
            with SQLiteStore(path, create=False) as store:
                found.unusable_copies += [each for each in wanted if not _is_there(store, each)]
                found.unusable_copies += map(str, verify(store).disagreements)
        except StoreError as error:
            found.unusable_copies.append(str(error))


def _is_there(store: SQLiteStore, name: str) -> bool:
    try:
        record = store.outcome(TransactionId(name))
    except TransactionNotFoundError:
        return False
    writer, number = name.split("-")
    return isinstance(record, Transaction) and record.command == command_of(writer, int(number))


def _cut(
    shim: Path,
    directory: Path,
    mode: JournalMode,
    cuts: int,
    *,
    threads: int = 1,
    careless: bool = False,
) -> Found:
    found = Found()
    while found.cuts < cuts:
        dice = random.Random(f"83-{found.cuts}")
        before, records = _recorded(shim, directory, mode, found.cuts, threads, careless=careless)
        disk, told = Disk(before), list[str]()
        share = min(_CUTS_PER_RUN, cuts - found.cuts)
        places = sorted(dice.choices(range(1, len(records) + 1), k=share))
        for place, record in enumerate(records, start=1):
            if record.kind == ACKNOWLEDGED:
                told.append(record.name)
            else:
                disk.tell(record)
            for _ in range(places.count(place)):
                _look(directory, disk.after_a_cut(dice), told, threads, found)
    return found


@pytest.mark.parametrize("threads", [1, 32])
@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_what_was_acknowledged_survives_a_power_cut(
    shim: Path, directory: Path, mode: JournalMode, threads: int
) -> None:
    """
    Three writers of one thread or of many, whose operations share commits, and cuts at any moment:
    whatever the disk has of what was not flushed, every acknowledged id is there, the store opens
    and goes on, and its audit is clean. A copy is there once it was acknowledged, and whole
    wherever it is there.
    """
    found = _cut(shim, directory, mode, CUTS, threads=threads)
    print(found)

    assert (CUTS, 0, []) == (found.cuts, found.lost, found.unusable)
    assert (0, []) == (found.lost_copies, found.unusable_copies)
    assert found.acknowledged > CUTS
    assert found.copies > 0


@pytest.mark.parametrize("threads", [1, 32])
@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_with_less_flushing_a_power_cut_loses_some(
    shim: Path, directory: Path, mode: JournalMode, threads: int
) -> None:
    """
    The rig sees a loss: with ``synchronous=NORMAL`` behind the store's back, some are lost.
    """
    found = _cut(shim, directory, mode, 20, threads=threads, careless=True)
    print(found)

    assert found.lost > 0


@pytest.mark.parametrize(
    ("flushed", "is_whole", "is_named"),
    [([], False, False), (["part"], True, False), (["part", ""], True, True)],
)
def test_a_copy_without_a_flush_may_be_torn_or_gone(
    flushed: list[str], is_whole: bool, is_named: bool
) -> None:
    """
    The rig sees what a backup must flush: the copy before it has its name, then the directory.
    """
    data = bytes(range(256)) * 4 * 10
    written = [Record("W", "part", 0, data)]
    flushes = [Record("S", name, 0, b"") for name in flushed]
    named = [Record("L", "copy", 0, b"part"), Record("U", "part", 0, b"")]
    found = []
    for seed in range(200):
        disk = Disk({})
        for record in (*written, *flushes[:1], *named, *flushes[1:]):
            disk.tell(record)
        found.append(disk.after_a_cut(random.Random(seed)).get("copy"))

    assert is_named == (None not in found)
    assert is_whole == ({None, data} >= set(found))
