"""
The checks, and their subject: a fresh store with its claims.

Decided here: what a store may claim beyond the eight methods, how a check opens and closes
stores, and that a check which hangs has failed.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Literal, Protocol, cast

import attrs

from bankcore import AccountStore
from bankcore.testing._conformance.failing import BrokenPromiseError

#: A claim that a check may need.
Need = Literal[
    "threads",
    "opener",
    "processes",
    "faults",
    "host",
    "self_checking",
    "chained",
    "holder_index",
    "finding",
    "denial_log",
    "token_store",
    "outlining",
    "probing",
    "describing",
]
#: Returns a fresh store, or a context manager that closes it.
MakeStore = Callable[[], AccountStore | AbstractContextManager[AccountStore]]


class StoreFaults(Protocol):
    """Ways to make a store fail from outside, each for as long as a context lasts."""

    def busy(self) -> AbstractContextManager[object]:
        """Let another writer keep the store busy."""

    def failing_before_commit(self) -> AbstractContextManager[object]:
        """Let every unit fail after *decide* was called and before its commit."""

    def losing_commits(self) -> AbstractContextManager[object]:
        """Let every commit fail with an unknown outcome, and have no effect."""

    def losing_answers(self) -> AbstractContextManager[object]:
        """Let every commit fail with an unknown outcome, and take effect."""


class HostConnection(Protocol):
    """A connection that the application owns, with a store on it and a table of its own."""

    @property
    def store(self) -> AccountStore:
        """The store on this connection."""

    def begin(self) -> None:
        """Begin the application's transaction."""

    def commit(self) -> None:
        """Commit the application's transaction."""

    def rollback(self) -> None:
        """Roll back the application's transaction."""

    def write_row(self, text: str) -> None:
        """Add a row to the application's own table, in its transaction."""

    def rows(self) -> list[str]:
        """Return the application's rows, as its transaction sees them."""


@attrs.frozen(kw_only=True)
class Capabilities:
    """
    The claims of a store beyond the eight methods. What it does not claim is not checked.

    Attributes:
        threads: True if several threads may use one store.
        opener: A function that takes a store and returns a function without arguments, which
            opens the same contents again; None if they end with the store.
        processes: True if several processes may use the contents at once. It must then be
            possible to pickle the function that *opener* returns.
        faults: A function that takes a store and returns the ways to make it fail.
        host: A function that returns a fresh `HostConnection`, or a context manager of one,
            for a store that takes part in the application's transaction.
        self_checking: True if the store has ``integrity_errors``.
        chained: True if the store keeps the hash chain of each account (`Chained`).
        holder_index: True if it finds the accounts of a holder (`HolderIndex`).
        finding: True if it finds transactions and accounts by what they say (`Finding`).
        denial_log: True if it keeps denials (`DenialLog`).
        token_store: True if it keeps tokens (`TokenStore`).
        outlining: True if it reads an account without its holds (`Outlining`).
        probing: True if it can try whether it can write (`Probing`).
        describing: True if it describes itself (`Describing`).
        time_limit: The most seconds that one check may take. Without *threads*, checks run in
            the caller's thread and are not interrupted.

    Raises:
        TypeError: If *opener*, *faults* or *host* is no function, or there is no *opener* for
            *processes*.
    """

    threads: bool = True
    opener: Callable[[AccountStore], Callable[[], AccountStore]] | None = None
    processes: bool = False
    faults: Callable[[AccountStore], StoreFaults] | None = None
    host: Callable[[], HostConnection | AbstractContextManager[HostConnection]] | None = None
    self_checking: bool = False
    chained: bool = False
    holder_index: bool = False
    finding: bool = False
    denial_log: bool = False
    token_store: bool = False
    outlining: bool = False
    probing: bool = False
    describing: bool = False
    time_limit: float = 60.0

    def __attrs_post_init__(self) -> None:
        for name in ("opener", "faults", "host"):
            value = getattr(self, name)
            if not (value is None or callable(value)):
                raise TypeError(f"{name} must be a function, got {value!r}")
        if self.processes and self.opener is None:
            raise TypeError("processes needs an opener, by which each process opens the contents")

    def has(self, need: Need | None) -> bool:
        """Return True if a check that needs this claim applies."""
        return need is None or bool(getattr(self, need))


class Subject:
    """A fresh store for one check, with its claims."""

    def __init__(self, make_store: MakeStore, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._make_store = make_store
        self._stack = ExitStack()
        self._closing_first = ExitStack()
        self.store = self._entered(make_store(), self._closing_first)

    def close(self) -> None:
        """Close every store that is still open."""
        self._closing_first.close()
        self._stack.close()

    def another(self) -> AccountStore:
        """Return one more fresh store."""
        return self._entered(self._make_store(), self._stack)

    def opener(self) -> Callable[[], AccountStore]:
        """Return a function that opens the contents of ``store`` again."""
        opener = cast(
            "Callable[[AccountStore], Callable[[], AccountStore]]", self.capabilities.opener
        )
        open_again = opener(self.store)
        if not callable(open_again):
            raise TypeError(f"opener must return a function that opens, got {open_again!r}")
        return open_again

    def opened_again(self) -> AccountStore:
        """Close ``store``, and return its contents opened again."""
        open_again = self.opener()
        self._closing_first.close()
        return self._entered(open_again(), self._stack)

    def faults(self) -> StoreFaults:
        """Return the ways to make ``store`` fail."""
        faults = cast("Callable[[AccountStore], StoreFaults]", self.capabilities.faults)
        return faults(self.store)

    def host(self) -> HostConnection:
        """Return a fresh connection of the application's own."""
        host = cast("Callable[[], HostConnection]", self.capabilities.host)
        made = host()
        if isinstance(made, AbstractContextManager):
            return self._stack.enter_context(cast("AbstractContextManager[HostConnection]", made))
        return made

    def _entered(
        self, made: AccountStore | AbstractContextManager[AccountStore], stack: ExitStack
    ) -> AccountStore:
        if isinstance(made, AbstractContextManager):
            return stack.enter_context(made)
        return made


@attrs.frozen
class Check:
    """
    A promise of a store, and the function that checks it.

    It is called with a function that makes a store, and with the store's claims. It raises a
    `BrokenPromiseError`, or the error that the store raised.

    Attributes:
        name: The name of the promise.
        promise: The promise, in the words of the guide "Write a store".
        needs: The claim without which the check does not apply; None if it always does.
    """

    name: str
    promise: str
    needs: Need | None
    function: Callable[[Subject], None] = attrs.field(repr=False)

    def __str__(self) -> str:
        return self.name

    def __call__(
        self,
        make_store: MakeStore,
        capabilities: Capabilities = Capabilities(),  # frozen
    ) -> None:
        if not capabilities.threads:
            self._run(make_store, capabilities)
            return
        within(capabilities.time_limit, lambda: self._run(make_store, capabilities))

    def _run(self, make_store: MakeStore, capabilities: Capabilities) -> None:
        subject = Subject(make_store, capabilities)
        try:
            self.function(subject)
        finally:
            subject.close()


#: The checks of each module, in its order.
REGISTERED: Final[dict[str, list[Check]]] = {}


def check(function: Callable[[AccountStore], None]) -> Callable[[AccountStore], None]:
    """Register *function*, whose docstring is the promise, for every store."""
    _register(function, None, lambda subject: function(subject.store))
    return function


def check_of(
    needs: Need | None,
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a function that needs more than a fresh store, such as a claim."""

    def register(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        _register(function, needs, function)
        return function

    return register


def _register(
    function: Callable[..., None], needs: Need | None, of_subject: Callable[[Subject], None]
) -> None:
    promise = " ".join((function.__doc__ or "").split())
    made = Check(function.__name__, promise, needs, of_subject)
    REGISTERED.setdefault(function.__module__, []).append(made)


def within(seconds: float, work: Callable[[], None]) -> None:
    """
    Run *work* in its own thread, and raise its error.

    Raises:
        BrokenPromiseError: If it takes longer. The thread is left behind.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise BrokenPromiseError(f"it must end within {seconds:g} s")
    if raised:
        raise raised[0]
