"""
The installed wheel at work: five lines to a correct account, on disk, with attrs alone.
"""

import re
import sys
from importlib.metadata import metadata, requires
from importlib.util import find_spec
from pathlib import Path

import bankcore
from bankcore import Bank, Money
from bankcore.errors import InsufficientFundsError
from bankcore.stores import SQLiteStore

if find_spec("rich") is not None or find_spec("hypothesis") is not None:
    sys.exit("this environment has more than bankcore and attrs")
needed = [each for each in requires("bankcore") or () if "extra ==" not in each]
if len(needed) != 1 or not needed[0].startswith("attrs"):
    sys.exit(f"bankcore needs {needed}, not attrs alone")
description = metadata("bankcore").get_payload()
if "# bankcore" not in description or re.search(r"\]\((?!https?://)", description):
    sys.exit("the description for a package index is missing, or has a link into the checkout")
if not (Path(bankcore.__file__).parent / "py.typed").exists():
    sys.exit("py.typed is not in the wheel")
with SQLiteStore("smoke.db") as store:
    bank = Bank(store)
    bank.open_account("alice", initial_balance=Money("100", "EUR"))
    bank.deposit("alice", Money("50", "EUR"), transaction_id="d-1")
    bank.deposit("alice", Money("50", "EUR"), transaction_id="d-1")
    bank.withdraw("alice", Money("30", "EUR"))
    try:
        bank.withdraw("alice", Money("1000", "EUR"))
    except InsufficientFundsError as error:
        print(error)
with SQLiteStore("smoke.db") as store:
    balance = Bank(store).account("alice").balance
    print(balance)
    if balance != Money("120", "EUR"):
        sys.exit("the balance is wrong")
