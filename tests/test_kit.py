"""
The conformance kit itself: how its checks fail, what it tells, and that it needs nobody.

That it finds broken stores is in ``stores/test_broken_stores.py``.
"""

import multiprocessing
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, AccountStore
from bankcore.errors import StoreUnavailableError
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore
from bankcore.testing import (
    BrokenPromiseError,
    BrokenPromisesError,
    Capabilities,
    check_store,
    checks,
)
from bankcore.testing._conformance import CHECKS, elsewhere
from bankcore.testing._conformance.failing import raises, require, require_equal, require_same
from bankcore.testing._conformance.helpers import bank_over, eur, retried
from bankcore.testing._conformance.samples import changed_alone
from bankcore.testing._conformance.subject import Subject, within

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "write-a-store.md"


def test_the_guide_lists_the_promises_in_the_same_words() -> None:
    """
    The guide has the name and the sentence of every check, in their order, and no others.
    """
    section = GUIDE.read_text("utf-8").partition("## The promises")[2].partition("\n## ")[0]
    found = re.findall(r"(?m)^- `(\w+)`: (.*(?:\n  .*)*)", section)

    assert {check.name: check.promise for check in CHECKS.values()} == {
        name: " ".join(promise.split()) for name, promise in found
    }
    assert list(CHECKS) == [name for name, _ in found]
    assert 40 < len(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_a_check_says_its_promise(check: Any) -> None:
    """
    A promise is a sentence, and its name the name of the function.
    """
    assert re.fullmatch(r"[A-Z`].*\.", check.promise)
    assert check.name == str(check)


class TestFailing:
    """
    A check that fails says both values, without pytest's help.
    """

    @pytest.mark.parametrize(
        ("expected", "actual", "said"),
        [
            (1, 2, "expected 1\n but got 2"),
            ([1, 2], [1, 3], "at position 1 expected 2\n but got 3"),
            ([1, [2, 3]], [1, [2, 4]], "at position 1 at position 1 expected 3\n but got 4"),
            ([1], [1, 2], "expected 1 but got 2: [1]\n but got [1, 2]"),
            ((1,), [1], "expected (1,)\n but got [1]"),
            ("a" * 500, "b", f"expected '{'a' * 399}…\n but got 'b'"),
        ],
    )
    def test_what_differs(self, expected: object, actual: object, said: str) -> None:
        """
        What is shown is where two values begin to differ, cut to what can be read.
        """
        with pytest.raises(BrokenPromiseError) as raised:
            require_equal(expected, actual)

        assert said == str(raised.value)

    def test_what_is_equal_passes(self) -> None:
        """
        Nothing is raised where the promise is kept.
        """
        error = KeyError()
        require_equal([1], [1])
        require_same(error, error)
        require([1], "there is one")
        caught = raises(KeyError, OSError)
        raised = caught.__enter__()  # mypy takes what follows a raise for dead

        assert caught.__exit__(KeyError, error, None)
        assert error is raised.error

    def test_what_is_not_the_same(self) -> None:
        """
        Two objects that look alike are not the same one.
        """
        with pytest.raises(BrokenPromiseError, match=r"expected the object \[\] itself, got \[\]"):
            require_same([], [])

    def test_what_must_hold(self) -> None:
        """
        A sentence that does not hold is said.
        """
        with pytest.raises(BrokenPromiseError, match="it must be true that one is two"):
            require(None, "one is two")

    def test_what_is_not_raised(self) -> None:
        """
        Where nothing is raised, what was expected is named; another error passes.
        """
        with (
            pytest.raises(BrokenPromiseError, match="expected KeyError or OSError, but nothing"),
            raises(KeyError, OSError),
        ):
            pass
        with pytest.raises(ValueError, match="another"), raises(KeyError):
            raise ValueError("another")


def test_a_check_that_hangs_has_failed() -> None:
    """
    What does not end within the limit is a broken promise.
    """
    never = threading.Event()

    with pytest.raises(BrokenPromiseError, match=r"it must end within 0\.01 s"):
        within(0.01, lambda: require(never.wait(), "it ends"))
    never.set()


def test_others_may_keep_a_store_busy() -> None:
    """
    In the checks of threads and processes a busy store is asked again, and again; at last its
    error passes.
    """
    errors = [StoreUnavailableError("as planned")] * 3

    def work(answer: str) -> str:
        if errors:
            raise errors.pop()
        return answer

    def never() -> None:
        raise StoreUnavailableError("as planned")

    assert "done" == retried(work, "done")
    with pytest.raises(StoreUnavailableError):
        retried(never)


def test_stores_are_closed_after_each_check() -> None:
    """
    Where what makes a store gives a context manager, it is left after the check, whatever came.
    """
    log: list[str] = []

    @contextmanager
    def make_store() -> Iterator[AccountStore]:
        log.append("open")
        yield MemoryStore()
        log.append("close")

    check = CHECKS["a_place_beyond_the_end_has_no_more_yet"]
    check(make_store)

    assert ["open", "open", "close", "close"] == log


def test_a_host_is_left_after_the_check() -> None:
    """
    A host's connection that is a context manager is entered, and left at the end.
    """
    log: list[str] = []

    @contextmanager
    def make_host() -> Iterator[Any]:
        log.append("open")
        yield "a host"
        log.append("close")

    subject = Subject(MemoryStore, Capabilities(host=make_host))
    host: Any = subject.host()

    assert "a host" == host
    subject.close()
    assert ["open", "close"] == log


def test_without_threads_a_check_runs_where_it_is_called() -> None:
    """
    A store that one thread alone may use is made and used in the caller's thread.
    """
    threads: list[int] = []

    class Store(MemoryStore):
        def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
            threads.append(threading.get_ident())
            return super().transact(reads, decide)

    claims = Capabilities(threads=False)
    CHECKS["nothing_to_write_writes_nothing"](Store, claims)

    assert {threading.get_ident()} == set(threads)
    assert "nobody_overspends" not in [check.name for check in checks(claims)]


# -- Processes ---------------------------------------------------------------


class _Barrier:
    """
    A barrier of processes, for one that is alone.
    """

    def __init__(self) -> None:
        self.is_broken = False

    def wait(self, limit: float) -> None:
        require(limit, "there is a limit")

    def abort(self) -> None:
        self.is_broken = True


class _Sender:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, answer: Any) -> None:
        self.sent.append(answer)

    def close(self) -> None:
        self.sent.append("closed")


@pytest.mark.parametrize(
    ("task", "answers"),
    [(elsewhere.tell, ["made-1"]), (elsewhere.withdraw, ["got it"]), (elsewhere.book, [])],
)
def test_what_a_process_does(task: Any, answers: list[str]) -> None:
    """
    It opens the store, waits for the others, does its task, and says the answer.
    """
    store = MemoryStore()
    bank_over(store).open_account("alice", initial_balance=eur(100))
    barrier: Any = _Barrier()
    sender: Any = _Sender()

    elsewhere.in_a_process(lambda: store, task, 0, barrier, 1.0, sender)

    assert [("done", answers), "closed"] == sender.sent
    assert not barrier.is_broken


def test_a_process_opens_a_store_that_cannot_be_closed() -> None:
    """
    A store need not be a context manager.
    """
    store, barrier, sender = object(), _Barrier(), _Sender()
    opener: Any = lambda: store  # noqa: E731  # of no store at all

    def look(opened: object, _: int) -> list[str]:
        return [str(opened is store)]

    elsewhere.in_a_process(opener, look, 0, barrier, 1.0, sender)  # type: ignore[arg-type]  # as above

    assert [("done", ["True"]), "closed"] == sender.sent


def test_racers_say_what_they_were_told() -> None:
    """
    Those who race for ids say the same, whoever books; those who come too late are refused.
    """
    store = MemoryStore()
    bank_over(store).open_account("alice", initial_balance=eur(0))
    first, second = elsewhere.race(store, 0), elsewhere.race(store, 1)

    assert first == second
    assert 25 == len(set(first))
    assert ["refused"] == elsewhere.withdraw(store, 99)


def test_who_reverses_all_parts_alone_ends_too() -> None:
    """
    A process may reverse every part before another one begins, which then reverses none.
    """
    store = MemoryStore()
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0))
    bank.deposit("alice", eur(25), transaction_id="t-1")

    assert [["25"], ["0"]] == [elsewhere.reverse(store, process) for process in (0, 1)]


def test_a_process_whose_others_failed_says_so() -> None:
    """
    Who waits for others that will not come does not wait for ever.
    """

    class Broken(_Barrier):
        def wait(self, limit: float) -> None:
            raise threading.BrokenBarrierError

    barrier: Any = Broken()
    sender: Any = _Sender()
    elsewhere.in_a_process(MemoryStore, elsewhere.tell, 0, barrier, 1.0, sender)

    assert [("failed", ["BrokenBarrierError: "]), "closed"] == sender.sent
    assert not barrier.is_broken


def test_a_process_that_fails_says_why() -> None:
    """
    An error of one process is told to who asked, and the others do not wait for it.
    """

    def fail(store: AccountStore, process: int) -> list[str]:
        raise OSError("no such store")

    barrier: Any = _Barrier()
    sender: Any = _Sender()
    elsewhere.in_a_process(MemoryStore, fail, 0, barrier, 1.0, sender)

    assert [("failed", ["OSError: no such store"]), "closed"] == sender.sent
    assert barrier.is_broken


def _end(store: AccountStore, process: int) -> list[str]:
    sys.exit(3)


def test_a_process_that_ends_without_an_answer_is_found_out() -> None:
    """
    A process that dies in the middle has not kept the promise.
    """
    subject = Subject(MemoryStore, Capabilities(opener=lambda _: MemoryStore, processes=True))

    with pytest.raises(BrokenPromiseError, match="a process ended without an answer"):
        elsewhere.in_processes(subject, _end)


# -- Without pytest ----------------------------------------------------------


def test_the_kit_works_without_pytest_and_without_assertions() -> None:
    """
    Where there is no pytest and no Hypothesis, and ``assert`` does nothing, a sound store passes
    and a broken one is found out.
    """
    code = (
        "import sys\n"
        "sys.modules['pytest'] = sys.modules['hypothesis'] = None\n"
        "assert False\n"
        "from bankcore.stores import MemoryStore\n"
        "from bankcore.testing import BrokenPromisesError, check_store\n"
        "class Broken(MemoryStore):\n"
        "    def accounts(self, **asked):\n"
        "        return super().accounts(**asked)[::-1]\n"
        "print(len(check_store(MemoryStore).kept) > 40)\n"
        "try:\n"
        "    check_store(Broken)\n"
        "except BrokenPromisesError as error:\n"
        "    print(sorted(error.failures)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False
    )

    assert ("True\naccounts_begin_after_an_id\n", "") == (done.stdout, done.stderr)


def test_all_broken_promises_are_told_at_once() -> None:
    """
    One broken promise does not hide another.
    """

    class Broken(MemoryStore):
        def accounts(self, **asked: Any) -> Any:
            return super().accounts(**asked)[::-1]

        def holds_due(self, *asked: Any, **given: Any) -> Any:
            return ()

    with pytest.raises(BrokenPromisesError) as raised:
        check_store(Broken)

    assert {"accounts_begin_after_an_id", "due_holds_are_found"} <= set(raised.value.failures)


@pytest.mark.parametrize("given", [None, MemoryStore(), "bankcore.stores.MemoryStore"])
def test_what_makes_no_store_is_told_at_once(given: Any) -> None:
    """
    A store in the place of the function that makes one is no broken promise.
    """
    with pytest.raises(TypeError, match="make_store must be a function that makes a store, got"):
        check_store(given)


@pytest.mark.parametrize("given", [None, {"chained": True}, Capabilities])
def test_what_are_no_capabilities_are_told_at_once(given: Any) -> None:
    """
    The same goes for what stands in the place of the capabilities.
    """
    with pytest.raises(TypeError, match="capabilities must be a Capabilities, got"):
        check_store(MemoryStore, given)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"opener": 5}, "opener must be a function, got 5"),
        ({"faults": "all"}, "faults must be a function, got 'all'"),
        ({"host": MemoryStore()}, "host must be a function, got <MemoryStore"),
        ({"processes": True}, "processes needs an opener"),
    ],
)
def test_what_is_no_claim_is_told_at_once(claims: dict[str, Any], told: str) -> None:
    """
    A claim with a value of another kind is refused, and not taken for a broken promise.
    """
    with pytest.raises(TypeError, match=told):
        Capabilities(**claims)


def test_an_opener_that_opens_at_once_is_told() -> None:
    """
    An opener returns a function that opens, as a store cannot be sent to another process.
    """
    claims = Capabilities(opener=lambda _: MemoryStore())  # type: ignore[arg-type,return-value]  # that is the point
    with pytest.raises(BrokenPromisesError, match="opener must return a function that opens, got"):
        check_store(MemoryStore, claims)


def test_a_script_that_starts_itself_anew_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A process that is still being started runs the script that started it, and must not run the
    kit: its maker would wait for it until the time limit.
    """
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="call it under if __name__ == '__main__'"):
        check_store(MemoryStore)


def test_every_setting_of_an_account_is_changed_alone() -> None:
    """
    A new field of an account needs a row among those that the kit changes.
    """
    pairs = list(changed_alone())
    fields = [field.name for field in attrs.fields(Account) if field.init]

    # What an account was opened with never changes.
    assert set(fields) - {"id", "version", "metadata"} == {name for name, *_ in pairs}
    for name, before, after in pairs:
        assert [name] == [each for each in fields if getattr(before, each) != getattr(after, each)]
