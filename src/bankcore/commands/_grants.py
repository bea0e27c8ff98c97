"""
The default grants: which role may send a command, with whose accounts.

Decided here: the words alone. Each command says its own grants, and policies judge by them.
"""

import enum
from typing import NamedTuple


class Grant(enum.Enum):
    """The accounts with which a role may do something, in the documentation's words."""

    NEVER = "–"
    ALWAYS = "yes"
    IF_READ = "own, with `read`"
    IF_CREDIT = "own, with `credit`"
    IF_DEBIT = "own, with `debit`"
    FOR_ITSELF = "for itself, without an overdraft"
    OTHERS = "others'"
    OTHERS_LIMITED = "others', up to the limit"
    FOR_OTHERS = "for others, up to the limit, without an overdraft"


class Grants(NamedTuple):
    """A row of the policy table: each role's grant, and the scope that a service needs."""

    scope: str
    owner: Grant = Grant.NEVER
    teller: Grant = Grant.NEVER
    auditor: Grant = Grant.NEVER
    operator: Grant = Grant.NEVER
