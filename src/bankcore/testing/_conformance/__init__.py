"""
The conformance kit: every promise of a store, each as a check that any store can be put to.

Decided here: how the checks are run. `check_store` runs all that apply and says which
promises were broken; `checks` gives them one by one, for ``pytest.mark.parametrize`` or
anything else. Neither needs pytest, and both work under ``python -O``. The guide "Write a
store" lists the promises in these words and this order.
"""

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
    holders,
    holds,
    host,
    ids,
    journal,
    reads,
    reopening,
    tokens,
    turns,
    units,
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
    elsewhere,
    reopening,
    withfaults,
    chained,
    holders,
    denials,
    tokens,
    describing,
    host,
)

#: Every check by its name, in the order of the guide.
CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {each.name: each for module in _IN_ORDER for each in REGISTERED[module.__name__]}
)


class BrokenPromisesError(AssertionError):
    """
    A store has broken promises: all of them, each with what was found.

    Attributes:
        failures: What each failed check raised, by the name of the check.
    """

    def __init__(self, failures: Mapping[str, BaseException]) -> None:
        super().__init__(failures)
        self.failures = failures

    def __str__(self) -> str:
        told = [
            f"{name}: {CHECKS[name].promise}\n  {type(error).__name__}: {error}"
            for name, error in self.failures.items()
        ]
        return "\n".join([f"{len(told)} promises of a store are broken:", *told])


@attrs.frozen
class Report:
    """
    What `check_store` has found where nothing was broken.

    Attributes:
        kept: The names of the promises that were checked and kept.
        not_claimed: The names of those that the store does not claim.
    """

    kept: tuple[str, ...]
    not_claimed: tuple[str, ...]


def checks(capabilities: Capabilities = Capabilities()) -> tuple[Check, ...]:  # noqa: B008  # frozen
    """
    The checks that apply to a store with these *capabilities*, in the order of the guide.

    Raises:
        TypeError: If *capabilities* are none.
    """
    if not isinstance(capabilities, Capabilities):
        raise TypeError(f"capabilities are a Capabilities, and not {capabilities!r}")
    return tuple(check for check in CHECKS.values() if capabilities.has(check.needs))


def check_store(
    make_store: MakeStore,
    capabilities: Capabilities = Capabilities(),  # noqa: B008  # frozen
) -> Report:
    """
    Put a store to every promise that applies, each on a fresh one that *make_store* gives.

        >>> from bankcore.stores import MemoryStore
        >>> len(check_store(MemoryStore).kept) > 40
        True

    What *make_store* gives may be a context manager, which is left after each check.

    Raises:
        BrokenPromisesError: If promises are broken. All were tried before.
        TypeError: If *make_store* cannot be called, or *capabilities* are none.
    """
    if not callable(make_store):
        raise TypeError(f"make_store is a function that makes a store, and not {make_store!r}")
    failures: dict[str, BaseException] = {}
    applying = checks(capabilities)
    for check in applying:
        try:
            check(make_store, capabilities)
        except Exception as error:  # noqa: BLE001  # told with all the others
            failures[check.name] = error
    if failures:
        raise BrokenPromisesError(failures)
    kept = tuple(check.name for check in applying)
    return Report(kept, tuple(name for name in CHECKS if name not in kept))
