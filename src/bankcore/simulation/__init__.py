"""
Simulation: a seeded workload on a bank, and a report of the result.

`run` sends the operations of a `Workload` through a `Bank`, adds up the answers, and compares the
sums with the store. Everything follows from the seed: the same seed gives the same accounts,
transactions and refusals.
"""

from bankcore.simulation._report import Report, Tally
from bankcore.simulation._workload import ACCOUNTS_MAX, OPERATIONS_MAX, Workload, run

__all__ = ["ACCOUNTS_MAX", "OPERATIONS_MAX", "Report", "Tally", "Workload", "run"]
