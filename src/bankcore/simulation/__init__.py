"""
A bank at work: a seeded workload, and a report of what came of it.

`workload` makes the operations and sends them through a `Bank`; `report` adds up what
came back and holds it against the store. Everything follows from the seed: the same
seed gives the same accounts, transactions and refusals.
"""

from bankcore.simulation._report import Report, Tally
from bankcore.simulation._workload import ACCOUNTS_MAX, OPERATIONS_MAX, Workload, run

__all__ = ["ACCOUNTS_MAX", "OPERATIONS_MAX", "Report", "Tally", "Workload", "run"]
