"""
What tests of programs that use bankcore need, and tests of stores.

`check_store` puts a store to every promise of the contract, `FaultyStore` fails by a seed,
and `bankcore.testing.strategies` makes values for Hypothesis. Only public names of bankcore
are used here, so whatever these make, a user could make. The strategies need the extra
``bankcore[testing]``; nothing of it is loaded by ``import bankcore``.
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
