"""
Exceptions at any moment: ``python tests/crash/interruptions.py 20000`` makes so many, and with
names of scenarios behind the number only in these.

An exception is raised at the n-th bytecode of a call, in bankcore or in what it calls, for one
n after the other, as a signal's handler may. While the exception is still at hand, the store is
used from the same thread, from another, through another store, and from another process: all see
the same, all can write, and the call, sent again, is done once. A tenth as many come from a real
timer, and as many again in the same way as above, while other threads book, which share commits
with the one that is interrupted.
"""

import contextlib
import faulthandler
import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final

import attrs
from children import NOW, eur
from descriptors import open_files
from injector import Injector

from bankcore import AccountId, Bank, Principal, TransactionId
from bankcore.access import Denial, Token
from bankcore.commands import Deposit
from bankcore.errors import InsufficientFundsError, StoreError, TransactionNotFoundError
from bankcore.ledger import ReadSet, Refusal, Snapshot, Transaction, WriteSet, verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode
from bankcore.values import PrincipalId

#: What is interrupted: a store as it should be, or broken in one way, which must be found.
VARIANTS: Final = ("sound", "leaky", "early")

# So long a store waits for others. Nobody here keeps it busy for longer.
_PATIENCE: Final = 1

# A call is not much longer, in bytecodes, when it finds a crowd.
_CALL_MAX: Final = 6_000

_KEPT_BY_SQLITE: Final = 2

# As many interruptions of one file; then it is audited, and another one is made.
_PER_FILE: Final = 100

_OWN_FILES: Final = (__file__, str(Path(__file__).with_name("children.py")))


class SoftTimeLimitError(Exception):
    """The error that a worker's time limit raises in its handler."""


#: A handler may raise anything; the last is an `OSError` too.
KINDS: Final[tuple[type[BaseException], ...]] = (
    KeyboardInterrupt,
    SoftTimeLimitError,
    TimeoutError,
)


@attrs.define
class Found:
    """The problems and counts after all interruptions."""

    interruptions: int = 0
    #: By what was called.
    points: Counter[str] = attrs.Factory(Counter)
    problems: list[str] = attrs.Factory(list)


class Leaky(SQLiteStore):
    """A broken store: its lock is given back only if all goes well."""

    _queue = threading.Lock()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if not self._queue.acquire(timeout=_PATIENCE / 10):
            raise RuntimeError("the lock is held")
        written = super().transact(reads, decide)
        self._queue.release()
        return written


class Early(SQLiteStore):
    """A broken store: it shows what was decided before that is committed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._decided: dict[TransactionId, Transaction | Refusal] = {}

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def deciding(snapshot: Snapshot) -> WriteSet:
            written = decide(snapshot)
            self._decided.update((each.id, each) for each in written.records)
            return written

        return super().transact(reads, deciding)

    def outcome(self, transaction_id: TransactionId | str) -> Transaction | Refusal:
        wanted = TransactionId(str(transaction_id))
        return self._decided.get(wanted) or super().outcome(wanted)


_STORES: Final = {"sound": SQLiteStore, "leaky": Leaky, "early": Early}


# -- One interruption --------------------------------------------------------


def injector_of(at: int, error: BaseException) -> Injector:
    return Injector(at, error, lambda name: name not in _OWN_FILES)


# -- What is looked at -------------------------------------------------------


def bank_over(store: SQLiteStore, *, now: Any = NOW) -> Bank:
    # No retry here: a doubt is told as it is.
    return Bank(store, clock=lambda: now, deadline=timedelta())


def _is_there(store: SQLiteStore, name: str) -> bool:
    try:
        return store.outcome(TransactionId(name)).id.value == name
    except TransactionNotFoundError:
        return False


def view(store: SQLiteStore, ids: Sequence[str]) -> list[Any]:
    """Return what this store shows, in a form that another process can send."""
    return [
        [_is_there(store, each) for each in ids],
        [[each.id.value, each.version] for each in store.accounts()],
        len(store.tokens()),
        len(store.denials()),
    ]


def peer() -> None:
    """Another process: it looks and books through a store of its own, as it is told."""
    stores: dict[str, SQLiteStore] = {}
    for line in sys.stdin:
        path, ids, deposit_id = json.loads(line)
        said: object
        try:
            if path not in stores:
                for store in stores.values():
                    with contextlib.suppress(StoreError):  # an abandoned file
                        store.close()
                stores = {path: SQLiteStore(path, timeout=_PATIENCE)}
            if deposit_id:
                bank_over(stores[path]).deposit("alice", eur(1), transaction_id=deposit_id)
            said = view(stores[path], ids)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told
            said = repr(error)
        print(json.dumps(said), flush=True)


class Peer:
    """The other end of it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: Path, ids: Sequence[str], deposit_id: str = "") -> object:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps([str(path), ids, deposit_id])}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """One file, with all who use it."""

    def __init__(self, directory: Path, mode: JournalMode, variant: str, another: Peer) -> None:
        self.directory = directory
        self.path = directory / "bank.db"
        self.store = _STORES[variant](self.path, timeout=_PATIENCE, journal_mode=mode)
        self.bank = bank_over(self.store)
        for name in ("alice", "bob", "carol"):
            self.bank.open_account(name, initial_balance=eur(1_000), transaction_id=name)
        self.beside = SQLiteStore(self.path, timeout=_PATIENCE)
        self.thread = ThreadPoolExecutor(1)
        self.hours = 0
        self._peer = another
        self._numbers = count(1)
        for use in (*self.views(()).values(), *self.writes().values()):
            use()
        self.open_files = open_files()

    def views(self, ids: Sequence[str]) -> dict[str, Callable[[], object]]:
        """Return the readers, in their order: the thread that was interrupted is first."""
        return {
            "the same thread": lambda: view(self.store, ids),
            "another thread": lambda: self.thread.submit(view, self.store, ids).result(),
            "another store": lambda: view(self.beside, ids),
            "another process": lambda: self._peer.ask(self.path, ids),
        }

    def writes(self) -> dict[str, Callable[[], object]]:
        """Return the writers, in their order: the thread that was interrupted is last."""

        def deposit(store: SQLiteStore) -> None:
            name = f"after-{next(self._numbers)}"
            bank_over(store).deposit("alice", eur(1), transaction_id=name)

        def by_another() -> None:
            said = self._peer.ask(self.path, (), f"peer-{next(self._numbers)}")
            if isinstance(said, str):
                raise RuntimeError(said)  # noqa: TRY004  # it is an error of the peer

        return {
            "another process": by_another,
            "another store": lambda: deposit(self.beside),
            "another thread": lambda: self.thread.submit(deposit, self.store).result(),
            "the same thread": lambda: deposit(self.store),
        }

    def end(self) -> list[str]:
        """Close all, and say what is wrong in the file."""
        self.thread.shutdown()
        self.store.close()
        self.beside.close()
        with SQLiteStore(self.path, timeout=_PATIENCE) as store:
            return list(map(str, verify(store).disagreements))


# -- What is interrupted -----------------------------------------------------


@attrs.define
class Attempt:
    """One call; *ids* is what it books, all or nothing."""

    call: Callable[[], object]
    ids: Sequence[str] = ()
    #: What else must hold afterwards; raises what does not.
    check: Callable[[], object] = lambda: None


def _deposit(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: bench.bank.deposit("alice", eur(1), transaction_id=name), (name,))


def _transfer(bench: Bench, name: str) -> Attempt:
    return Attempt(
        lambda: bench.bank.transfer("alice", "bob", eur(1), transaction_id=name), (name,)
    )


def _refused(bench: Bench, name: str) -> Attempt:
    def call() -> None:
        with contextlib.suppress(InsufficientFundsError):
            bench.bank.withdraw("alice", eur(10**9), transaction_id=name)

    return Attempt(call, (name,))


def _batch(bench: Bench, name: str, *, is_atomic: bool = False) -> Attempt:
    ids = [f"{name}-{number}" for number in range(3)]
    commands = [Deposit("bob", eur(1), transaction_id=each) for each in ids]
    return Attempt(lambda: bench.bank.execute(commands, atomic=is_atomic), ids)


def _atomic(bench: Bench, name: str) -> Attempt:
    return _batch(bench, name, is_atomic=True)


def _expire_holds(bench: Bench, name: str) -> Attempt:
    # Each time later, as an expiry is booked at its instant.
    bench.hours += 1
    now = NOW + timedelta(hours=bench.hours)
    expires_at = now + timedelta(minutes=1)
    bank_over(bench.store, now=now).place_hold("carol", eur(1), expires_at=expires_at)
    return Attempt(lambda: bank_over(bench.store, now=expires_at).expire_holds())


def _account(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: bench.bank.account("alice"))


def _statement(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: list(bench.bank.statement("alice", limit=5).lines))


def _journal(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: bench.store.journal(limit=3))


def _balance_at(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: bench.bank.balance_at("alice", NOW))


def _token(name: str) -> Token:
    return Token(name, b"\1" * 32, Principal("mary", roles=["owner"]), NOW)


def _add_token(bench: Bench, name: str) -> Attempt:
    return Attempt(lambda: bench.store.add_token(_token(name)))


def _read_token(bench: Bench, name: str) -> Attempt:
    bench.store.add_token(_token(name))
    return Attempt(lambda: bench.store.token(name))


def _revoke_token(bench: Bench, name: str) -> Attempt:
    bench.store.add_token(_token(name))
    return Attempt(lambda: bench.store.revoke_token(name, NOW))


def _denial(bench: Bench, name: str) -> Attempt:
    denial = Denial(PrincipalId("mary"), "withdraw", (AccountId("alice"),), "access_denied", NOW)
    return Attempt(lambda: bench.store.record_denial(denial))


def _describe(bench: Bench, name: str) -> Attempt:
    return Attempt(bench.store.describe)


def _backup(bench: Bench, name: str) -> Attempt:
    target = bench.directory / f"{name}.db"

    def check() -> None:
        if target.exists():
            with SQLiteStore(target) as copy:
                assert verify(copy).is_clean

    return Attempt(lambda: bench.store.backup(target), check=check)


def _open(bench: Bench, name: str) -> Attempt:
    def call() -> None:
        SQLiteStore(bench.path, timeout=_PATIENCE).close()

    return Attempt(call)


def _make(bench: Bench, name: str) -> Attempt:
    path = bench.directory / f"{name}.db"

    def check() -> None:
        with SQLiteStore(path, timeout=_PATIENCE) as store:
            bank = bank_over(store)
            bank.open_account("alice", initial_balance=eur(1), transaction_id="alice")
            assert verify(store).is_clean

    return Attempt(lambda: SQLiteStore(path, timeout=_PATIENCE).close(), check=check)


def _close(bench: Bench, name: str) -> Attempt:
    """The only store on its file is closed, so that SQLite puts the log into the file."""
    path = bench.directory / f"{name}.db"
    store = SQLiteStore(path, timeout=_PATIENCE)
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="alice")

    def check() -> None:
        with SQLiteStore(path, timeout=_PATIENCE) as again:
            assert _is_there(again, "alice")
            bank_over(again).deposit("alice", eur(1))
        store.close()

    return Attempt(store.close, check=check)


SCENARIOS: Final[dict[str, Callable[[Bench, str], Attempt]]] = {
    "deposit": _deposit,
    "transfer": _transfer,
    "refused": _refused,
    "batch": _batch,
    "atomic": _atomic,
    "expire_holds": _expire_holds,
    "account": _account,
    "statement": _statement,
    "journal": _journal,
    "balance_at": _balance_at,
    "add_token": _add_token,
    "read_token": _read_token,
    "revoke_token": _revoke_token,
    "denial": _denial,
    "describe": _describe,
    "backup": _backup,
    "open": _open,
    "make": _make,
    "close": _close,
}


class Rig:
    """Interrupts one call after the other, and notes what is wrong afterwards."""

    def __init__(self, directory: Path, variant: str) -> None:
        self.found = Found()
        self._directory = directory
        self._variant = variant
        self._peer = Peer()
        self._bench: Bench | None = None
        self._left = 0
        self._files = count(1)
        self._names = count(1)
        self._planned: BaseException | None = None
        self._is_unraised = False
        sys.unraisablehook = self._on_unraisable

    def _on_unraisable(self, told: "sys.UnraisableHookArgs") -> None:
        # Kept no longer than this, as its traceback keeps alive what its frames have.
        self._is_unraised = told.exc_value is self._planned

    def bench(self) -> Bench:
        if self._bench is None or self._left == 0:
            self._end_bench()
            number = next(self._files)
            directory = self._directory / f"{number}"
            directory.mkdir()
            # One file in three is without WAL.
            mode: JournalMode = "truncate" if number % 3 == 0 else "wal"
            self._bench = Bench(directory, mode, self._variant, self._peer)
            self._left = _PER_FILE
        self._left -= 1
        return self._bench

    def _end_bench(self) -> None:
        if self._bench is not None:
            self.found.problems += self._bench.end()
            self._bench = None

    def end(self) -> None:
        self._end_bench()
        self._peer.end()

    def length(self, scenario: str) -> int:
        """Return how many bytecodes a call has."""
        injector = injector_of(0, KeyboardInterrupt())
        attempt = SCENARIOS[scenario](self.bench(), f"whole-{next(self._names)}")
        injector.run(attempt.call)
        attempt.check()
        return injector.count

    def interrupt(self, scenario: str, at: int, kind: type[BaseException]) -> None:
        bench = self.bench()
        attempt = SCENARIOS[scenario](bench, f"cut-{next(self._names)}")
        injector = injector_of(at, kind())
        self._planned, self._is_unraised = injector.error, False
        raised: BaseException | None = None
        try:
            injector.run(attempt.call)
        except BaseException as error:  # noqa: BLE001  # compared with what is planned
            raised = error
        if injector.count < at:
            return  # not the same way as when it was counted
        self.found.interruptions += 1
        self.found.points[scenario] += 1
        wrong = list(self._wrong(bench, attempt, injector, raised))
        place = f"{scenario}, {kind.__name__} at {at} in {injector.where}"
        # A traceback keeps alive what its frames have.
        injector.error = self._planned = KeyboardInterrupt()
        del raised
        if open_files() - bench.open_files:
            gc.collect()
        more = open_files() - bench.open_files
        # SQLite keeps some for later instead of closing them, as that would drop its locks.
        if more[str(bench.path)] <= _KEPT_BY_SQLITE:
            del more[str(bench.path)]
        # A directory has no file object, and what `os.open` returns is lost before it has a name.
        del more[str(bench.directory)]
        if more:
            wrong.append(f"more descriptors are open: {dict(more)}")
            bench.open_files |= more + bench.open_files
        if wrong:
            self.found.problems += (f"{place}: {each}" for each in wrong)
            # In case that it hangs later.
            print(*self.found.problems[-len(wrong) :], sep="\n", file=sys.stderr)
            if any("descriptors" not in each for each in wrong):
                self._abandon()

    def _abandon(self) -> None:
        """Go on with another file."""
        bench, self._bench = self._bench, None
        assert bench is not None
        bench.thread.shutdown(wait=False)
        for store in (bench.store, bench.beside):
            with contextlib.suppress(Exception):
                store.close()
        Leaky._queue = threading.Lock()

    def _wrong(
        self, bench: Bench, attempt: Attempt, injector: Injector, raised: BaseException | None
    ) -> Iterator[str]:
        """Yield what is not as it must be, in sentences."""
        # The standard library takes some errors of the system, and those of its kind, for an
        # answer: then the call goes on.
        is_answer = raised is None and isinstance(injector.error, OSError)
        if raised is not injector.error and not is_answer and not self._is_unraised:
            yield f"it came out as {raised!r}"
        yield from _shown_wrongly(bench, attempt.ids)
        for who, write in bench.writes().items():
            if problem := _problem(write):
                yield f"{who} cannot write: {problem}"

        def again() -> None:
            attempt.check()
            if attempt.ids:
                attempt.call()
                assert all(view(bench.store, attempt.ids)[0]), "it is not there"

        if problem := _problem(again):
            yield f"afterwards: {problem}"


def _problem(call: Callable[[], object]) -> str:
    """Return the error that the call raises, as text; nothing where it raises none."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        return repr(error)
    return ""


def _shown_wrongly(bench: Bench, ids: Sequence[str]) -> Iterator[str]:
    shown: dict[str, object] = {}
    for who, look in bench.views(ids).items():
        try:
            shown[who] = look()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told
            shown[who] = repr(error)
        if isinstance(shown[who], str):
            yield f"{who} cannot read: {shown[who]}"
    if len({json.dumps(each) for each in shown.values()}) > 1:
        yield f"not all see the same: {shown}"
    seen = shown["another process"]
    if isinstance(seen, list) and len(set(seen[0])) > 1:
        yield f"it was done in part: {seen[0]}"


def run(
    number: int, directory: Path, *, variant: str = "sound", scenarios: Sequence[str] = ()
) -> Found:
    """Interrupt so often, all scenarios and the whole length of their calls alike."""
    rig = Rig(directory, variant)
    lengths = {each: rig.length(each) for each in scenarios or SCENARIOS}
    total = sum(lengths.values())
    dice = random.Random(4)  # the same every time
    kinds = iter(KINDS[number % 3] for number in count())
    for round_ in range(-(-number // total)):
        # Each bytecode as often as it goes; of the rest an even choice.
        step = max(1, total / (number - round_ * total))
        for scenario, length in lengths.items():
            place = dice.uniform(1, 1 + step) if step > 1 else 1.0
            while place < length + 1:
                faulthandler.dump_traceback_later(60, exit=True)
                rig.interrupt(scenario, int(place), next(kinds))
                place += step
    faulthandler.cancel_dump_traceback_later()
    rig.end()
    return rig.found


# -- In a crowd --------------------------------------------------------------


class Crowd:
    """The main thread is interrupted, by a timer or not, while others book in the same store."""

    def __init__(self, path: Path, *, is_timed: bool) -> None:
        self.found = Found()
        self._is_timed = is_timed
        self._dice = random.Random(5)  # the same every time
        self._path = path
        self._store = SQLiteStore(path, timeout=5)
        self._bank = Bank(self._store, clock=lambda: NOW)
        for name in ("alice", "bob"):
            self._bank.open_account(name, initial_balance=eur(1_000), transaction_id=name)
        self._booked = {"alice", "bob"}
        self._is_over = threading.Event()
        self._is_inside = False

    def _work(self, name: str) -> None:
        for n in count(1):
            if self._is_over.is_set():
                return
            try:
                self._bank.deposit("bob", eur(1), transaction_id=f"{name}-{n}")
                self._bank.account("alice")
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
                self.found.problems.append(f"{name}-{n}: {error!r}")
                return
            self._booked.add(f"{name}-{n}")

    def _on_alarm(self, signal_number: int, frame: FrameType | None) -> None:
        if self._is_inside:
            raise KINDS[self.found.interruptions % 3]("as planned")

    def _book(self, name: str) -> None:
        self._bank.deposit("alice", eur(1), transaction_id=name)
        self._bank.statement("alice", limit=5)

    def _timed(self, name: str) -> None:
        try:
            self._is_inside = True
            signal.setitimer(signal.ITIMER_REAL, self._dice.uniform(0.00005, 0.004))
            self._book(name)
        finally:
            self._is_inside = False

    def _traced(self, name: str) -> None:
        kind = KINDS[self.found.interruptions % 3]
        injector = injector_of(self._dice.randint(1, _CALL_MAX), kind("as planned"))
        injector.run(lambda: self._book(name))

    def _interrupt(self, name: str) -> None:
        try:
            (self._timed if self._is_timed else self._traced)(name)
        except BaseException as error:  # noqa: BLE001  # compared with what is planned
            self.found.interruptions += 1
            if error.args != ("as planned",):
                self.found.problems.append(f"{name}: {error!r}")
        if problem := _problem(lambda: self._bank.deposit("alice", eur(1), transaction_id=name)):
            self.found.problems.append(f"{name}, sent again: {problem}")
        self._booked.add(name)

    def run(self, number: int) -> Found:
        threads = [threading.Thread(target=self._work, args=(f"thread{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        signal.signal(signal.SIGALRM, self._on_alarm)
        for n in count(1):
            if self.found.interruptions >= number or self.found.problems:
                break
            faulthandler.dump_traceback_later(60, exit=True)
            self._interrupt(f"main-{n}")
        self._is_over.set()
        for thread in threads:
            thread.join()
        faulthandler.cancel_dump_traceback_later()
        if problem := _problem(self._store.close):
            self.found.problems.append(f"it cannot be closed: {problem}")
        with SQLiteStore(self._path) as store:
            lost = (each for each in self._booked if not _is_there(store, each))
            self.found.problems += (f"lost: {each}" for each in lost)
            self.found.problems += map(str, verify(store).disagreements)
        return self.found


# -- In a process of its own -------------------------------------------------


#: What `in_a_process` does: interrupt calls one by one, or in a crowd.
HOW: Final = ("alone", "crowded", "timed")


def in_a_process(
    number: int, *, how: str = "alone", variant: str = "sound", scenarios: Sequence[str] = ()
) -> Found:
    """Do the same in a process that may hang, or die of it."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as directory:
        said = subprocess.run(
            [
                *(sys.executable, __file__, "program", str(number), directory, variant),
                *(how, *scenarios),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    if said.returncode:
        return Found(problems=[f"it ended with {said.returncode}: {said.stderr[-3000:]}"])
    return Found(**json.loads(said.stdout))


def program(number: str, directory: str, variant: str, how: str, *scenarios: str) -> None:
    if how == "alone":
        found = run(int(number), Path(directory), variant=variant, scenarios=scenarios)
    else:
        crowd = Crowd(Path(directory) / "bank.db", is_timed=how == "timed")
        found = crowd.run(int(number))
    print(json.dumps(attrs.asdict(found)))


def main(number: str, *scenarios: str) -> None:
    problems = 0
    for how in HOW[:1] if scenarios else HOW:
        share = 1 if how == "alone" else 10
        found = in_a_process(int(number) // share, how=how, scenarios=scenarios)
        print(how, found.interruptions, "interruptions", found.points or "")
        print("\n".join([f"{len(found.problems)} problems", *found.problems[:40]]))
        problems += len(found.problems)
    sys.exit(bool(problems))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["peer"]:
            peer()
        case ["program", *arguments]:
            program(*arguments)
        case arguments:
            main(*arguments)
