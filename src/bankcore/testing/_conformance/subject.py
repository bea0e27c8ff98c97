"""
What a check is, and what it is given: a fresh store, and what that store claims.

Decided here: which claims there are beyond the eight methods, how a store is opened, closed
and opened again for a check, and that a check which hangs has failed.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Literal, Protocol, cast

import attrs

from bankcore import AccountStore
from bankcore.testing._conformance.failing import BrokenPromiseError

#: What a check may need that not every store claims.
Need = Literal[
    "threads",
    "opener",
    "processes",
    "faults",
    "host",
    "self_checking",
    "chained",
    "holder_index",
    "denial_log",
    "token_store",
    "describing",
]
#: Gives a fresh store, as it is or as a context manager that closes it.
MakeStore = Callable[[], AccountStore | AbstractContextManager[AccountStore]]

_Opener = Callable[[], AccountStore]


class StoreFaults(Protocol):
    """How a store can be made to fail from outside, each while a context lasts."""

    def busy(self) -> AbstractContextManager[object]:
        """Somebody else keeps the store from being written."""

    def failing_before_commit(self) -> AbstractContextManager[object]:
        """Every unit fails after *decide* was called, certainly before its commit."""

    def losing_commits(self) -> AbstractContextManager[object]:
        """Every commit fails with an error that leaves it open, and has no effect."""

    def losing_answers(self) -> AbstractContextManager[object]:
        """Every commit takes effect, and fails with an error that leaves it open."""


class HostConnection(Protocol):
    """A connection of the application's own, with a store on it and a table of its rows."""

    @property
    def store(self) -> AccountStore:
        """The store on this connection."""

    def begin(self) -> None:
        """Begin the application's transaction."""

    def commit(self) -> None:
        """Commit it."""

    def rollback(self) -> None:
        """Roll it back."""

    def write_row(self, text: str) -> None:
        """Add a row of the application's own, in its transaction."""

    def rows(self) -> list[str]:
        """The application's rows, as its transaction sees them."""


@attrs.frozen(kw_only=True)
class Capabilities:
    """
    What a store claims beyond the eight methods. What it does not claim is not checked.

    Attributes:
        threads: Whether several threads may use one store.
        opener: Gives for a store a function without arguments that opens the same contents
            once more; None if they end with the store.
        processes: Whether several processes may use the contents at once. The function that
            *opener* gives must then be one that can be pickled.
        faults: Gives for a store the ways to make it fail.
        host: Gives a fresh `HostConnection`, as it is or as a context manager, for a store
            that takes part in the application's transaction.
        self_checking: Whether the store has ``integrity_errors``.
        chained: Whether the store keeps the hash chain of each account, as a `Chained` does.
        holder_index: Whether it finds the accounts of a holder, as a `HolderIndex` does.
        denial_log: Whether it keeps denials, as a `DenialLog` does.
        token_store: Whether it keeps tokens, as a `TokenStore` does.
        describing: Whether it says what it is made of, as a `Describing` does.
        time_limit: How many seconds one check may take before it has failed. Where
            *threads* is false, checks run in the caller's thread and are not watched.
    """

    threads: bool = True
    opener: Callable[[AccountStore], Callable[[], AccountStore]] | None = None
    processes: bool = False
    faults: Callable[[AccountStore], StoreFaults] | None = None
    host: Callable[[], HostConnection | AbstractContextManager[HostConnection]] | None = None
    self_checking: bool = False
    chained: bool = False
    holder_index: bool = False
    denial_log: bool = False
    token_store: bool = False
    describing: bool = False
    time_limit: float = 60.0

    def has(self, need: Need | None) -> bool:
        """Whether a check that needs this applies."""
        return need is None or bool(getattr(self, need))


class Subject:
    """What one check is given: a fresh store, and the ways to get at more of it."""

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
        """One more fresh store."""
        return self._entered(self._make_store(), self._stack)

    def opener(self) -> Callable[[], AccountStore]:
        """What opens the contents of ``store`` once more."""
        opener = cast(
            "Callable[[AccountStore], Callable[[], AccountStore]]", self.capabilities.opener
        )
        return opener(self.store)

    def opened_again(self) -> AccountStore:
        """The same contents, opened once more, when the store was closed."""
        open_again = self.opener()
        self._closing_first.close()
        return self._entered(open_again(), self._stack)

    def faults(self) -> StoreFaults:
        """The ways to make ``store`` fail."""
        faults = cast("Callable[[AccountStore], StoreFaults]", self.capabilities.faults)
        return faults(self.store)

    def host(self) -> HostConnection:
        """A fresh connection of the application's own."""
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
    One promise of a store, and the function that puts a store to it.

    Called with what makes a store, and what that store claims, it fails with a
    `BrokenPromiseError`, or with whatever the store raised.

    Attributes:
        name: The name of the promise.
        promise: The promise itself, as the guide "Write a store" has it.
        needs: What a store must claim for this check to apply; None for every store.
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
    """The same for a function that needs more than a fresh store."""

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
    Do *work* in a thread of its own, and raise what it raises.

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
        raise BrokenPromiseError(f"it must end, and did not within {seconds:g} s")
    if raised:
        raise raised[0]
