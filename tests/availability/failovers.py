"""
Primaries that are killed or cut off, under load: ``python tests/availability/failovers.py``.

Clients move money and look while the primary's server is killed, its machine is switched off, or
the network parts it from the others, with some clients on its side. After each fault whatever any
client was told, ever, is compared with the journal of the new primary: see `checker`.

Needs root, Debian's packages postgresql-15, patroni and etcd-server, and about half a minute for
each fault. ``--asynchronous`` is the control, which must lose something; ``--setting`` tries
others of `SETTINGS`, which the guide "Survive the loss of a machine" compares.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import attrs
import checker
import clusters
import load
from history import Fate, History, Log
from network import FILES, Host, Network, entered, isolated
from network import missing as missing_for_hosts

from bankcore import Bank
from bankcore.ledger import AccountStore, Refusal, Transaction, verify
from bankcore.stores import PostgresStore

#: How many transfers are to be acknowledged before a fault, and after it.
_ENOUGH: Final = 40
#: The exit code where a cluster did not do its part in time: nothing is said of what it keeps.
NOT_WHOLE: Final = 3
#: How many new problems of one round are printed.
_SHOWN: Final = 5


@attrs.frozen
class Setting:
    """
    How servers keep what is written.

    Attributes:
        hosts: How many.
        is_synchronous: Whether the primary waits for a standby.
        parameters: The servers' own settings.
        patroni: Patroni's settings; without them there is no Patroni.
    """

    hosts: int
    is_synchronous: bool
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    patroni: Mapping[str, object] | None = None


_ONE: Final = {"synchronous_standby_names": "FIRST 1 (n1, n2)"}

SETTINGS: Final = {
    "alone": Setting(1, False),
    "asynchronous": Setting(2, False),
    "synchronous": Setting(2, True, _ONE),
    # What the store does not take over: it waits for the standby all the same.
    "commit-off": Setting(2, True, _ONE | {"synchronous_commit": "off"}),
    "commit-local": Setting(2, True, _ONE | {"synchronous_commit": "local"}),
    "remote-apply": Setting(2, True, _ONE | {"synchronous_commit": "remote_apply"}),
    "quorum": Setting(3, True, {"synchronous_standby_names": "ANY 1 (n1, n2, n3)"}),
    "patroni-asynchronous": Setting(3, False, patroni={}),
    "patroni-synchronous": Setting(3, True, patroni={"synchronous_mode": True}),
    "patroni-strict": Setting(
        3, True, patroni={"synchronous_mode": True, "synchronous_mode_strict": True}
    ),
}


def missing(name: str) -> list[str]:
    """Return what has to be there before the setting of that *name* can be tried, and is not."""
    has_patroni = SETTINGS[name].patroni is not None
    return [*missing_for_hosts(), *clusters.missing(with_patroni=has_patroni)]


@attrs.define
class Found:
    """What came of all faults in one setting."""

    rounds: int = 0
    acknowledged: int = 0
    settled: int = 0
    reads: int = 0
    pauses: list[float] = attrs.Factory(list)
    problems: dict[str, None] = attrs.Factory(dict)

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in checker.kinds(list(self.problems)).items())
        return (
            f"{self.rounds} faults, {self.acknowledged} acknowledged, {self.settled} in doubt and"
            f" settled, {self.reads} reads, at most {max(self.pauses, default=0):.1f} s without an"
            f" acknowledgement: {kinds or 'no problems'}"
        )


@attrs.define
class Rig:
    """
    A cluster, and the hosts of its clients.

    Attributes:
        east: A client's host, on the side of most.
        west: A client's host, on the side of a primary that is cut off.
    """

    network: Network
    cluster: clusters.Cluster
    east: Host
    west: Host
    are_reads_confirmed: bool = True
    found: Found = attrs.Factory(Found)

    @classmethod
    def of(cls, setting: Setting) -> "Rig":
        network = Network()
        hosts = [network.add(f"n{number}") for number in range(1, setting.hosts + 1)]
        cluster: clusters.Cluster
        if setting.patroni is None:
            cluster = clusters.ByHand(hosts=hosts)
        else:
            cluster = clusters.Patroni(hosts=hosts, dynamic=setting.patroni)
        cluster.is_synchronous = setting.is_synchronous
        cluster.parameters = setting.parameters
        cluster.start()
        with PostgresStore(cluster.conninfo) as store:
            load.open_accounts(store)
        return cls(network, cluster, network.add("east"), network.add("west"))

    # -- The faults: each returns the host that was the primary before --

    def kill(self, number: int) -> Host:
        """
        Kill -9 the primary's server, and by turns all else on its host, which then is silent; and
        have it out of touch with its standbys before, or not.
        """
        old = self.cluster.primary()
        if number % 4 < 2:
            self.network.cut([old], self._others(old))
            # What is acknowledged meanwhile is on no other host.
            self.work(10, seconds=0.5)
        if number % 2:
            self.network.cut([old], [self.east, self.west])
            old.kill()
        else:
            old.kill("bin/postgres")
        self.cluster.replace(old)
        return old

    def part(self, _: int) -> Host:
        """Cut the primary from all other hosts but one, on which clients go on."""
        old = self.cluster.primary()
        self.network.cut([old, self.west], [*self._others(old), self.east])
        self.cluster.replace(old)
        # Time for whoever still believes in the old one.
        self.work(seconds=3)
        return old

    def _others(self, host: Host) -> list[Host]:
        return [each for each in self.cluster.hosts if each is not host]

    # -- A round: work, a fault, work, a look at everything --

    def run(self, fault: Callable[[], Host]) -> None:
        self.found.rounds += 1
        with self._clients():
            self.work(_ENOUGH)
            old = fault()
            self.network.heal()
            self.cluster.restore(old)
            self.work(_ENOUGH)
        self.found.pauses.append(self._pause())
        self._settle()
        self._look()

    def work(self, acknowledgements: int = sys.maxsize, *, seconds: float = 60) -> None:
        """Return when so many more transfers were acknowledged, or when that takes too long."""
        before, ends = self._acknowledged(), time.monotonic() + seconds
        while self._acknowledged() - before < acknowledgements and time.monotonic() < ends:
            time.sleep(0.05)

    @contextmanager
    def _clients(self) -> Iterator[None]:
        processes = [
            host.start(
                *(sys.executable, load.__file__, f"{host.name}-{self.found.rounds}"),
                *(self.cluster.conninfo, str(self._file(host.name))),
                *(() if self.are_reads_confirmed else ("unconfirmed",)),
            )
            for host in (self.east, self.west)
        ]
        yield
        for process in processes:
            process.terminate()
        if any(codes := [process.wait(120) for process in processes]):
            raise ChildProcessError(f"clients ended with {codes}:\n{self.east.log()}")

    def _file(self, name: str) -> Path:
        return FILES / name / f"history-{self.found.rounds:03}"

    def _files(self) -> list[Path]:
        return sorted(FILES.glob("*/history-*"), key=lambda file: file.name)

    def _acknowledged(self) -> int:
        files = [self._file(host.name) for host in (self.east, self.west)]
        return sum(file.read_text("ascii").count('"versions"') for file in files if file.exists())

    def _settle(self) -> None:
        """Send again, as a client would, whatever nobody was told the fate of."""
        in_doubt = History.read(self._files()).of(Fate.UNKNOWN)
        self.found.settled += len(in_doubt)
        # Its name comes after those of the clients' files.
        log = Log(self._file(self.east.name).with_suffix(".settled"))
        with PostgresStore(self.cluster.conninfo) as store:
            for each in in_doubt:
                load.send(Bank(store), log, each)

    def _look(self) -> None:
        """Compare all that was ever told with what the new primary has."""
        history = History.read(self._files())
        with PostgresStore(self.cluster.conninfo) as store:
            balances = {each.id.value: each.balance.amount_minor for each in store.accounts()}
            problems = checker.problems(history, list(_journal(store)), balances)
            problems += (f"audit: {each}" for each in verify(store).disagreements)
        self.found.acknowledged = len(history.of(Fate.ACKNOWLEDGED))
        self.found.reads = len(history.seen)
        self.found.problems |= dict.fromkeys(problems)

    def _pause(self) -> float:
        """Return the longest time in this round in which nothing was acknowledged, in seconds."""
        history = History.read(self._file(host.name) for host in (self.east, self.west))
        ends = sorted(sent.end for sent in history.of(Fate.ACKNOWLEDGED))
        return max((later - end for end, later in pairwise(ends)), default=0) / 1e9


def _journal(store: AccountStore) -> Iterator[Transaction | Refusal]:
    page = store.journal()
    while page.records:
        yield from page.records
        page = store.journal(after=page.next)


def run(setting: Setting, failovers: int, partitions: int, seed: int, unconfirmed: int) -> Found:
    """Do that to a new cluster, in an order that follows from *seed*; return what was found."""
    rig = Rig.of(setting)
    rig.are_reads_confirmed = not unconfirmed
    faults = [
        *(partial(rig.kill, number) for number in range(failovers)),
        *(partial(rig.part, number) for number in range(partitions)),
    ]
    random.Random(seed).shuffle(faults)
    for fault in faults:
        known = set(rig.found.problems)
        rig.run(fault)
        print(f"  {fault.func.__name__} {fault.args[0]}: {rig.found}", flush=True)
        for problem in [each for each in rig.found.problems if each not in known][:_SHOWN]:
            print(f"    {problem}", flush=True)
    return rig.found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failovers", type=int, default=10)
    parser.add_argument("--partitions", type=int, default=10, help="of clusters with Patroni")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="may come twice")
    parser.add_argument(
        "--asynchronous", action="store_true", help="with standbys that may be behind"
    )
    parser.add_argument("--unconfirmed", action="store_true", help="with plain reads")
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    names = options.setting or (
        ["asynchronous", "patroni-asynchronous"]
        if options.asynchronous
        else ["synchronous", "patroni-strict"]
    )
    for name in names:
        if lacking := missing(name):
            print(f"{name}: missing {', '.join(lacking)}", file=sys.stderr)
            return 2
    code = 0
    for name in names:
        partitions = options.partitions if options.setting or SETTINGS[name].patroni else 0
        print(f"{name}: {options.failovers} failovers, {partitions} partitions", flush=True)
        numbers = map(str, (options.failovers, partitions, options.seed, +options.unconfirmed))
        # With namespaces of its own for each, in which this file goes on below.
        ended = subprocess.run(isolated(__file__, name, *numbers), check=False)
        code |= ended.returncode
    return code


if __name__ == "__main__":
    if entered(sys.argv):
        name, *numbers = sys.argv[1:]
        try:
            found = run(SETTINGS[name], *map(int, numbers))
        except TimeoutError as error:
            print("\n".join([*getattr(error, "__notes__", []), str(error)]), file=sys.stderr)
            sys.exit(NOT_WHOLE)
        # What an asynchronous standby loses is what was to be shown.
        sys.exit(bool(found.problems) and "asynchronous" not in name)
    sys.exit(main())
