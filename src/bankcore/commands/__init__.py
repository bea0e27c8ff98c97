"""
Commands: one class for each thing that the bank can be asked to do.

A class says its kind (the name under which it is recorded), its fields, its default grants, and
its moves: what it does to which account. `COMMANDS` is the one list of them all; the bank, the
policies, the codec, the tests and the documentation follow from it.
"""

from collections.abc import Mapping
from typing import Final

from bankcore.commands._access import GrantAccess, RevokeAccess
from bankcore.commands._accounts import CloseAccount, OpenAccount, Restrict, SetOverdraftLimit
from bankcore.commands._base import Command, Move, Options, Part
from bankcore.commands._grants import Grant, Grants
from bankcore.commands._holds import CaptureHold, ExpireHold, ExtendHold, PlaceHold, ReleaseHold
from bankcore.commands._money import LEGS_MAX, Deposit, Leg, Post, Transfer, Withdraw
from bankcore.commands._reversal import Reverse

#: Every command.
COMMANDS: Final[tuple[type[Command], ...]] = (
    OpenAccount,
    Deposit,
    Withdraw,
    Transfer,
    Post,
    Reverse,
    PlaceHold,
    CaptureHold,
    ReleaseHold,
    ExtendHold,
    ExpireHold,
    Restrict,
    SetOverdraftLimit,
    CloseAccount,
    GrantAccess,
    RevokeAccess,
)

#: The commands by their kinds.
BY_KIND: Final[Mapping[str, type[Command]]] = {command.kind: command for command in COMMANDS}

#: The commands that an application sends. An expiry is recorded by the bank alone.
SENT: Final = tuple(command for command in COMMANDS if command.grants is not None)

__all__ = [
    "BY_KIND",
    "COMMANDS",
    "LEGS_MAX",
    "SENT",
    "CaptureHold",
    "CloseAccount",
    "Command",
    "Deposit",
    "ExpireHold",
    "ExtendHold",
    "Grant",
    "GrantAccess",
    "Grants",
    "Leg",
    "Move",
    "OpenAccount",
    "Options",
    "Part",
    "PlaceHold",
    "Post",
    "ReleaseHold",
    "Restrict",
    "Reverse",
    "RevokeAccess",
    "SetOverdraftLimit",
    "Transfer",
    "Withdraw",
]
