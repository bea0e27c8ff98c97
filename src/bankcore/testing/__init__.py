"""
Tools for tests of programs that use bankcore, and for tests of stores.

`check_store` checks every promise of a store, `FaultyStore` fails by a seed, and
`bankcore.testing.strategies` makes values for Hypothesis. All that they make, an application
could make too. The strategies need the extra ``bankcore[testing]``; ``import bankcore`` loads
none of this.
"""

from bankcore.testing._conformance import (
    BrokenPromiseError,
    BrokenPromisesError,
    Capabilities,
    Check,
    HostConnection,
    Report,
    StoreFaults,
    check_store,
    checks,
    in_transactions,
)
from bankcore.testing._faults import Fault, FaultyClock, FaultyStore

__all__ = [
    "BrokenPromiseError",
    "BrokenPromisesError",
    "Capabilities",
    "Check",
    "Fault",
    "FaultyClock",
    "FaultyStore",
    "HostConnection",
    "Report",
    "StoreFaults",
    "check_store",
    "checks",
    "in_transactions",
]
