"""Promises of a store that can try whether it can write."""

from typing import cast

from bankcore.ledger import Probing
from bankcore.ledger._errors import StoreUnavailableError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import contents_of, fill
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("probing")
def a_probe_changes_nothing(subject: Subject) -> None:
    """
    `probe` changes nothing, however often; if the store can be made to fail, it raises
    `StoreUnavailableError` while the store is busy.
    """
    fill(subject.store)
    store = cast("Probing", subject.store)
    before = contents_of(subject.store)
    for _ in range(3):
        store.probe()

    require_equal(before, contents_of(subject.store))
    if subject.capabilities.faults is not None:
        with subject.faults().busy(), raises(StoreUnavailableError):
            store.probe()
