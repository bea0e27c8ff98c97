"""
Several hosts on one machine, and partitions between them.

All of it is in namespaces of the kernel that belong to one process and die with it, however it
dies: the network, the processes, the shared memory, and a file system in memory for the files. So
nothing is ever left behind, and any number of rigs can run at once, at the same addresses.

The process stands outside of all partitions, in the router between the hosts: it reaches each.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

#: Where everything is written that the hosts write: in memory, and gone with the namespaces.
FILES: Final = Path("/dev/shm/hosts")

# Of Debian's packages coreutils, iproute2, mount and util-linux.
_PROGRAMS: Final = ("ip", "mount", "nice", "nsenter", "setpriv", "unshare")

# It dies with the process that starts it, and all that it started dies with it.
_NAMESPACES: Final = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--ipc", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child"),
)
_INSIDE: Final = "--inside"


def missing() -> list[str]:
    """Return what has to be there before hosts can be made, and is not."""
    if sys.platform != "linux":
        return ["Linux"]
    lacking = [each for each in _PROGRAMS if shutil.which(each) is None]
    if not lacking:
        tried = subprocess.run([*_NAMESPACES, "true"], capture_output=True, check=False)
        if tried.returncode:
            lacking.append("the right to make namespaces, as root has it")
    return lacking


def isolated(script: str, *arguments: str) -> list[str]:
    """
    Return the command that runs a Python *script* in namespaces of its own, between its hosts.

    The shell in between is the first process there, which has to bury all orphans.
    """
    return [
        *_NAMESPACES,
        *("sh", "-c", '"$@"; exit $?', "sh"),
        *(sys.executable, script, _INSIDE, *arguments),
    ]


def entered(arguments: list[str]) -> bool:
    """Return whether this process is the isolated one, after making it a router."""
    if _INSIDE not in arguments:
        return False
    arguments.remove(_INSIDE)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=True)
    os.chmod("/dev/shm", 0o1777)
    FILES.mkdir(mode=0o777)
    FILES.chmod(0o777)
    _ip("link", "set", "lo", "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    return True


def eventually(
    is_so: Callable[[], object], what: str, *, seconds: float = 60, pause: float = 0.1
) -> None:
    """Return as soon as *is_so* says so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s, still not so: {what}")
        time.sleep(pause)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@attrs.frozen(eq=False)
class Host:
    """
    A machine of the network: an address, and the processes that run there.

    Attributes:
        name: A short name, which is its directory's as well.
        address: Where all other hosts reach it.
        holder: The process that keeps its network when no other is left.
    """

    name: str
    address: str
    holder: "subprocess.Popen[bytes]"

    @property
    def directory(self) -> Path:
        return FILES / self.name

    def start(self, *command: str, user: str | None = None) -> "subprocess.Popen[bytes]":
        """Start a program, as another *user* if need be; its output is added to ``log``."""
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [*self._entry(user), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # What root runs is ours, and may look for its modules from here.
                cwd=self.directory if user else None,
                env=os.environ | {"HOME": str(self.directory)},
                # Not told of the terminal's Ctrl-C.
                start_new_session=True,
            )

    def run(self, *command: str, user: str | None = None) -> None:
        """Run a program to its good end."""
        if code := self.start(*command, user=user).wait():
            raise ChildProcessError(f"{self.name}: {command} ended with {code}:\n{self.log()}")

    def log(self, lines: int = 20) -> str:
        """Return the last *lines* that the programs wrote."""
        return "\n".join(
            (self.directory / "log").read_text("utf-8", "replace").splitlines()[-lines:]
        )

    def kill(self, programs: str = "") -> None:
        """Kill -9 whatever runs there, or what has *programs* in its name."""
        while doomed := [pid for pid in self._processes() if programs in _name_of(pid)]:
            for pid in doomed:
                _signal(pid, signal.SIGKILL)
            time.sleep(0.01)

    def is_alive(self) -> bool:
        """Return whether anything runs there."""
        return bool(self._processes())

    def _entry(self, user: str | None) -> list[str]:
        there = ["nsenter", "-t", str(self.holder.pid), "-n"]
        if user is None:
            return there
        # Before others: on a machine that is busy, a server in a hurry must not seem to be dead.
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return ["nice", "-n", "-10", *there, *become]

    def _processes(self) -> list[int]:
        own = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
        return [
            pid
            for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
            if pid != self.holder.pid and _network_of(pid) == own
        ]


def _network_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:  # it has ended
        return None


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:  # the same
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@attrs.define
class Network:
    """The router, and the hosts around it."""

    hosts: list[Host] = attrs.Factory(list)
    _cuts: list[tuple[str, ...]] = attrs.Factory(list)

    def add(self, name: str) -> Host:
        """Return a new host, which reaches all others."""
        subnet = f"10.77.{len(self.hosts) + 1}"
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.stat("/proc/self/ns/net").st_ino
        eventually(lambda: _network_of(holder.pid) != own, "a network of its own", pause=0.01)
        host = Host(name, f"{subnet}.2", holder)
        host.directory.mkdir()
        host.directory.chmod(0o777)
        there = ("peer", "name", "eth0", "netns", str(holder.pid))
        _ip("link", "add", f"to-{name}", "type", "veth", *there)
        _ip("address", "add", f"{subnet}.1/24", "dev", f"to-{name}")
        _ip("link", "set", f"to-{name}", "up")
        host.run("ip", "link", "set", "lo", "up")
        host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "via", f"{subnet}.1")
        self.hosts.append(host)
        return host

    def cut(self, some: Sequence[Host], others: Sequence[Host]) -> None:
        """Lose every packet between *some* hosts and the *others*, in silence, both ways."""
        for one in some:
            for other in others:
                self._lose("from", one.address, "to", other.address)
                self._lose("from", other.address, "to", one.address)

    def heal(self) -> None:
        """End all partitions."""
        while self._cuts:
            _ip("rule", "delete", *self._cuts.pop())

    def _lose(self, *packets: str) -> None:
        rule = (*packets, "priority", "100", "blackhole")
        _ip("rule", "add", *rule)
        self._cuts.append(rule)
