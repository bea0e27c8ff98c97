"""A store on the application's own connection, made a store like any other for the checks."""

from collections.abc import Callable
from typing import Any, cast

from bankcore import AccountStore
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.testing._conformance.subject import HostConnection


def in_transactions(host: HostConnection) -> AccountStore:
    """Return the store of *host* with each call in a transaction of its own."""
    return cast("AccountStore", _InTransactions(host))


class _InTransactions:
    in_host_transaction = False

    def __init__(self, host: HostConnection) -> None:
        self._host = host

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self._host.begin()
        try:
            written = self._host.store.transact(reads, decide)
        except BaseException:
            self._host.rollback()
            raise
        self._host.commit()
        return written

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # a method of the store
        method = getattr(self._host.store, name)

        def read(*args: object, **kwargs: object) -> object:
            self._host.begin()
            try:
                return method(*args, **kwargs)
            finally:
                self._host.rollback()

        return read
