"""
A client of the bank: threads that move money and one that looks, until it is told to end.

``python load.py NAME CONNINFO FILE`` appends to FILE whatever becomes of it. Each transfer has an
id of its own, sent once; the bank sends it again by itself where the outcome is unknown. With one
more argument, reads are not confirmed.
"""

import random
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Final

import attrs
from history import Fate, Log, Sent, now

from bankcore import Bank, Money
from bankcore.errors import DeclinedError, OutcomeUnknownError, StoreError, StoreUnavailableError
from bankcore.ledger import AccountStore
from bankcore.stores import PostgresStore

ACCOUNTS: Final = tuple(f"account-{number}" for number in range(6))
# So little that some transfers are refused.
_INITIAL_MINOR: Final = 1_000
_AMOUNT_MAX: Final = 300

_WRITERS: Final = 4
# In seconds. All of this shares a machine with three servers.
_PAUSE: Final = 0.03
_PAUSE_AFTER_ERROR: Final = 0.1
_TIMEOUT: Final = 10
_DEADLINE: Final = timedelta(seconds=_TIMEOUT)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def open_accounts(store: AccountStore) -> None:
    """Open all accounts, each under its own name."""
    for each in ACCOUNTS:
        Bank(store).open_account(each, initial_balance=eur(_INITIAL_MINOR), transaction_id=each)


@attrs.frozen
class Client:
    """What one process does to *store*, as *name*, and writes to *log*."""

    store: AccountStore
    name: str
    log: Log
    pause: float = _PAUSE
    is_over: Event = attrs.field(factory=Event)

    def run(self) -> None:
        """Work in several threads until it is over."""
        writers = [Thread(target=self.write, args=(number,)) for number in range(_WRITERS)]
        threads = [*writers, Thread(target=self.look)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def write(self, writer: int, most: int = sys.maxsize) -> None:
        """Make transfers, at *most* so many."""
        dice = random.Random(f"{self.name}-{writer}")
        for number in range(most):
            source, destination = dice.sample(ACCOUNTS, 2)
            amount = dice.randint(1, _AMOUNT_MAX)
            sent = Sent(f"{self.name}-{writer}-{number}", source, destination, amount, now())
            self.log.add(id=sent.id, **sent.what, start=sent.start)
            is_well = send(Bank(self.store, deadline=_DEADLINE), self.log, sent)
            if self.is_over.wait(self.pause if is_well else _PAUSE_AFTER_ERROR):
                break

    def look(self, most: int = sys.maxsize) -> None:
        """Read all accounts in one moment, at *most* so often."""
        for _ in range(most):
            start, pause = now(), self.pause
            try:
                accounts = {
                    account.id.value: (account.version, account.balance.amount_minor)
                    for account in self.store.accounts()
                }
            except StoreError:
                pause = _PAUSE_AFTER_ERROR
            except Exception:  # noqa: BLE001  # whatever it is, no store should raise it
                self.log.add(trouble=traceback.format_exc())
            else:
                self.log.add(start=start, end=now(), accounts=accounts)
            if self.is_over.wait(pause):
                break


def send(bank: Bank, log: Log, sent: Sent) -> bool:
    """Make the transfer and log its fate; return whether the bank said yes or no."""
    fact: dict[str, object] = {}
    try:
        made = bank.transfer(
            sent.source, sent.destination, eur(sent.amount), transaction_id=sent.id
        )
    except DeclinedError:
        fact["fate"] = Fate.REFUSED
    except StoreUnavailableError as error:
        fact |= {"fate": Fate.NOT_DONE, "error": str(error)}
    except OutcomeUnknownError as error:
        fact |= {"fate": Fate.UNKNOWN, "error": str(error)}
    except Exception:  # noqa: BLE001  # whatever it is, no store should raise it
        log.add(trouble=traceback.format_exc())
        fact |= {"fate": Fate.UNKNOWN, "error": "not a store's error"}
    else:
        fact["fate"] = Fate.ACKNOWLEDGED
        fact["versions"] = {each.account_id.value: each.version for each in made.postings}
    log.add(id=sent.id, **fact, end=now())
    return fact["fate"] in {Fate.ACKNOWLEDGED, Fate.REFUSED}


def main(name: str, conninfo: str, file: str, *unconfirmed: str) -> None:
    store = PostgresStore(conninfo, timeout=_TIMEOUT, confirm_reads=not unconfirmed)
    client = Client(store, name, Log(Path(file)))
    signal.signal(signal.SIGTERM, lambda *_: client.is_over.set())
    client.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
