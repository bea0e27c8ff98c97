"""
The conformance kit: every promise of a store, each as a check for any store.

Decided here: how the checks are run. `check_store` runs all that apply and names the broken
promises; `checks` returns them one by one, such as for ``pytest.mark.parametrize``. Neither
needs pytest, and both work under ``python -O``. The guide "Write a store" has the promises in
the same words and order.
"""

import multiprocessing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from bankcore.testing._conformance import (
    chained,
    denials,
    describing,
    elsewhere,
    fidelity,
    finding,
    holders,
    holds,
    host,
    ids,
    journal,
    outlining,
    probing,
    reads,
    reopening,
    tokens,
    turns,
    units,
    waiting,
    withfaults,
)
from bankcore.testing._conformance.failing import BrokenPromiseError
from bankcore.testing._conformance.hosted import in_transactions
from bankcore.testing._conformance.subject import (
    REGISTERED,
    Capabilities,
    Check,
    HostConnection,
    MakeStore,
    Need,
    StoreFaults,
)

__all__ = [
    "CHECKS",
    "BrokenPromiseError",
    "BrokenPromisesError",
    "Capabilities",
    "Check",
    "HostConnection",
    "MakeStore",
    "Need",
    "Report",
    "StoreFaults",
    "check_store",
    "checks",
    "in_transactions",
]

# In the order of the guide.
_IN_ORDER: Final = (
    units,
    journal,
    reads,
    ids,
    holds,
    fidelity,
    turns,
    waiting,
    elsewhere,
    reopening,
    withfaults,
    chained,
    holders,
    finding,
    denials,
    tokens,
    outlining,
    probing,
    describing,
    host,
)

#: Every check by its name, in the order of the guide.
CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {each.name: each for module in _IN_ORDER for each in REGISTERED[module.__name__]}
)


class BrokenPromisesError(AssertionError):
    """
    A store has broken promises. The message has each of them, with the reason.

    Attributes:
        failures: The errors that the failed checks raised, by the names of the checks.
    """

    def __init__(self, failures: Mapping[str, BaseException]) -> None:
        super().__init__(failures)
        self.failures = failures

    def __str__(self) -> str:
        broken = [
            f"{name}: {CHECKS[name].promise}\n  {type(error).__name__}: {error}"
            for name, error in self.failures.items()
        ]
        return "\n".join([f"{len(broken)} promises of a store are broken:", *broken])


@attrs.frozen
class Report:
    """
    The result of `check_store` for a store that keeps its promises.

    Attributes:
        kept: The names of the promises that were checked and kept.
        not_claimed: The names of the promises that the store does not claim.
    """

    kept: tuple[str, ...]
    not_claimed: tuple[str, ...]


def checks(capabilities: Capabilities = Capabilities()) -> tuple[Check, ...]:  # noqa: B008  # frozen
    """
    Return the checks that apply to a store with these *capabilities*, in the guide's order.

    Raises:
        TypeError: If *capabilities* is not a `Capabilities`.
    """
    if not isinstance(capabilities, Capabilities):
        raise TypeError(f"capabilities must be a Capabilities, got {capabilities!r}")
    return tuple(check for check in CHECKS.values() if capabilities.has(check.needs))


def check_store(
    make_store: MakeStore,
    capabilities: Capabilities = Capabilities(),  # noqa: B008  # frozen
) -> Report:
    """
    Check every promise that applies, each on a fresh store from *make_store*.

        >>> from bankcore.stores import MemoryStore
        >>> len(check_store(MemoryStore).kept) > 40
        True

    *make_store* may return a context manager, which is exited after each check.

    Raises:
        BrokenPromisesError: If promises are broken. All were checked before.
        TypeError: If *make_store* cannot be called, or *capabilities* is not a `Capabilities`.
        RuntimeError: If a process that a check has started comes here again, as in a script that
            does not call it under ``if __name__ == "__main__"``.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(
            "check_store starts processes, each of which runs your script anew: call it under"
            " if __name__ == '__main__'"
        )
    if not callable(make_store):
        raise TypeError(f"make_store must be a function that makes a store, got {make_store!r}")
    failures: dict[str, BaseException] = {}
    applying = checks(capabilities)
    for check in applying:
        try:
            check(make_store, capabilities)
        except Exception as error:  # noqa: BLE001  # in the report with all the others
            failures[check.name] = error
    if failures:
        raise BrokenPromisesError(failures)
    kept = tuple(check.name for check in applying)
    return Report(kept, tuple(name for name in CHECKS if name not in kept))
