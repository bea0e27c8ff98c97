"""
The garbage collector while a long batch is at work: rarer, and the application's own.
"""

import gc
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from bankcore import Bank, Money
from bankcore.bank._bank import _LONG_BATCH
from bankcore.commands import Deposit
from bankcore.io import export_journal, import_history, import_journal
from bankcore.stores import MemoryStore
from bankcore.values._garbage import rare_collections
from ruling import NOW

MILLION = 1_000_000


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    """
    Return the thresholds before the test; afterwards they are the same again.
    """
    before = gc.get_threshold()
    gc.set_threshold(700, 11, 12)
    yield gc.get_threshold()
    gc.set_threshold(*before)


def test_a_million_objects_and_then_as_before(usual: tuple[int, int, int]) -> None:
    """
    Only the threshold of the youngest generation is another, and nothing is switched off.
    """
    with rare_collections():
        first, *rest = gc.get_threshold()

        assert first >= MILLION
        assert [11, 12] == rest
        assert gc.isenabled()

    assert usual == gc.get_threshold()


def test_an_error_puts_it_back_too(usual: tuple[int, int, int]) -> None:
    """
    Whatever is raised, the threshold is what it was.
    """
    with pytest.raises(KeyboardInterrupt), rare_collections():
        raise KeyboardInterrupt

    assert usual == gc.get_threshold()


@pytest.mark.parametrize("own", [0, MILLION, 5 * MILLION])
def test_never_and_rarely_stay(own: int) -> None:
    """
    A threshold of the application's that is "never", or as high, is not touched.
    """
    gc.set_threshold(own, 5, 5)
    with rare_collections():
        assert (own, 5, 5) == gc.get_threshold()

    assert (own, 5, 5) == gc.get_threshold()


def test_what_the_application_sets_meanwhile_stays() -> None:
    """
    The thresholds that somebody set while a batch ran are not taken back.
    """
    with rare_collections():
        gc.set_threshold(5_000, 6, 7)

    assert (5_000, 6, 7) == gc.get_threshold()


@pytest.mark.parametrize("is_enabled", [False, True])
def test_what_the_application_switches_meanwhile_stays(is_enabled: bool) -> None:
    """
    Switching the collector on or off is the application's, before, meanwhile and after.
    """
    (gc.disable if is_enabled else gc.enable)()
    try:
        with rare_collections():
            (gc.enable if is_enabled else gc.disable)()

        assert is_enabled == gc.isenabled()
    finally:
        gc.enable()


def test_the_last_of_two_threads_puts_back_what_it_found() -> None:
    """
    Where the application sets thresholds between two batches that overlap, those stay.
    """
    first, second = rare_collections(), rare_collections()
    with first:
        gc.set_threshold(5_000, 6, 7)
        second.__enter__()
        raised = gc.get_threshold()
    # The first has ended, and the threshold is not its own.
    assert raised == gc.get_threshold()
    second.__exit__(None, None, None)

    assert (5_000, 6, 7) == gc.get_threshold()


def test_one_within_another_changes_nothing(usual: tuple[int, int, int]) -> None:
    """
    The second of two finds it rare already, and leaves it.
    """
    with rare_collections():
        raised = gc.get_threshold()
        with rare_collections():
            assert raised == gc.get_threshold()

        assert raised == gc.get_threshold()

    assert usual == gc.get_threshold()


@pytest.mark.parametrize(("length", "is_rare"), [(_LONG_BATCH - 1, False), (_LONG_BATCH, True)])
def test_long_batches_have_it(usual: tuple[int, int, int], length: int, is_rare: bool) -> None:
    """
    A batch from that length on is judged with rare collections, and no call leaves them.
    """
    found: list[int] = []

    def clock() -> datetime:
        found.append(gc.get_threshold()[0])
        return NOW

    bank = Bank(MemoryStore(), clock=clock)
    bank.open_account("alice", initial_balance=Money("1", "EUR"))
    found.clear()
    bank.execute([Deposit("alice", Money("1", "EUR"))] * length)

    assert [is_rare] == [each >= MILLION for each in found]
    assert usual == gc.get_threshold()


def test_an_import_has_it_from_end_to_end(usual: tuple[int, int, int]) -> None:
    """
    So that the rows that wait for their batch are not gone through again and again either.
    """
    found: list[int] = []
    rows = ["transaction_id,account_id,date,amount", "t-1,alice,2026-01-01,5.00"]

    def progress(_: int) -> None:
        found.append(gc.get_threshold()[0])

    bank = Bank(MemoryStore(), clock=lambda: NOW)
    report = import_history(bank, rows, currency="EUR", on_progress=progress)
    other = MemoryStore()
    import_journal(other, map(_seeing(found), export_journal(bank._store)))

    assert 1 == report.rows
    assert len(found) > 3
    assert min(found) >= MILLION
    assert usual == gc.get_threshold()


def _seeing(found: list[int]) -> Callable[[str], str]:
    def see(line: str) -> str:
        found.append(gc.get_threshold()[0])
        return line

    return see
