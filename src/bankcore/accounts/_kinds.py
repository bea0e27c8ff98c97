"""The words for an account's state: its status, its restriction, a holder's rights."""

import enum


class AccountStatus(enum.Enum):
    """Open or closed. Closing is final."""

    OPEN = "open"
    CLOSED = "closed"


class Restriction(enum.Enum):
    """
    The direction that a restricted account stops: debits, credits, or both.

    Withdrawing, and placing, extending or capturing a hold, is a debit. Releasing a hold
    and its expiry always pass.
    """

    NONE = "none"
    DEBITS = "debits"
    CREDITS = "credits"
    ALL = "all"


class Right(enum.Enum):
    """A right of a holder on an account. Stored with the account, judged by policies alone."""

    # Each is one object, and a policy looks for them in sets: that of `Enum` hashes their names.
    __hash__ = object.__hash__

    READ = "read"
    CREDIT = "credit"
    DEBIT = "debit"
