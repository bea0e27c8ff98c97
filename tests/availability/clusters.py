"""
PostgreSQL on several hosts: one that is looked after by hand, and one by Patroni.

Both start, lose their primary, and are made whole again by the same three calls, so that a fault
does not know what it is done to. All servers are asked over the network, as any client would.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import attrs
import psycopg
from network import Host, eventually

#: Debian's, as its Patroni knows no later one.
_PROGRAMS: Final = Path("/usr/lib/postgresql/15/bin")

_PORT: Final = "5432"
_USER: Final = "postgres"

# Small, as all is in memory; and quick to see that a host does not answer.
_PARAMETERS: Final = {
    "listen_addresses": "*",
    "log_min_messages": "fatal",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "wal_log_hints": "on",
    "wal_keep_size": "128MB",
    "wal_sender_timeout": "3s",
    "wal_receiver_timeout": "3s",
    "wal_retrieve_retry_interval": "200ms",
}


def missing(*, with_patroni: bool) -> list[str]:
    """Return the packages of Debian that have to be installed first."""
    needs = {"postgresql-15": str(_PROGRAMS / "pg_basebackup")}
    if with_patroni:
        needs |= {"patroni": "patroni", "etcd-server": "etcd"}
    return [package for package, program in needs.items() if shutil.which(program) is None]


@attrs.define(kw_only=True)
class Cluster:
    """
    What both have in common.

    Attributes:
        hosts: Where the servers run.
        is_synchronous: Whether the primary is to have a synchronous standby.
        parameters: Settings of the servers beyond the usual ones.
    """

    hosts: Sequence[Host]
    is_synchronous: bool = False
    parameters: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def conninfo(self) -> str:
        """
        The connection string of an application: all hosts, and to be done with one that is silent.
        """
        return (
            f"host={','.join(host.address for host in self.hosts)} port={_PORT} user={_USER}"
            " dbname=postgres target_session_attrs=read-write connect_timeout=2"
            " tcp_user_timeout=3000 keepalives_idle=1 keepalives_interval=1 keepalives_count=3"
        )

    def start(self) -> None:
        """Make the cluster, and wait until it is whole."""
        raise NotImplementedError

    def replace(self, old: Host) -> Host:
        """Return the new primary in place of the *old* one, which is dead or cut off."""
        raise NotImplementedError

    def restore(self, old: Host) -> None:
        """Bring the *old* primary back, behind the new one, and wait until all is whole."""
        raise NotImplementedError

    def primary(self) -> Host:
        """Return the one host that takes writes."""
        (found,) = self.primaries()
        return found

    def primaries(self) -> list[Host]:
        return [each for each in self.hosts if _asked(each, "SELECT NOT pg_is_in_recovery()")]

    def is_whole(self) -> bool:
        """Return whether one host takes writes, and all others follow it."""
        primaries = self.primaries()
        if len(primaries) != 1:
            return False
        followers = _asked(
            primaries[0],
            "SELECT (count(*), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) > 0)::text"
            " FROM pg_stat_replication WHERE state = 'streaming'",
        )
        has_synchronous = "t" if self.is_synchronous else "f"
        return followers == f"({len(self.hosts) - 1},{has_synchronous})"

    def wait_until_whole(self) -> None:
        try:
            eventually(self.is_whole, "one primary that all others follow", seconds=120)
        except TimeoutError as error:
            for host in self.hosts:
                error.add_note(f"\n--- {host.name}:\n{host.log()}")
            raise


def _asked(host: Host, query: str) -> object:
    """Return what the server of *host* answers, or None if it does not."""
    try:
        with psycopg.connect(
            host=host.address, port=_PORT, user=_USER, dbname="postgres", connect_timeout=2
        ) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.OperationalError:
        return None
    return row and row[0]


@attrs.define(kw_only=True)
class ByHand(Cluster):
    """
    A primary and its standbys, with an operator who promotes one where the primary is gone.

    The operator takes the standby that received most, which has all that any of them confirmed.
    """

    def start(self) -> None:
        first, *others = self.hosts
        settings = {**_PARAMETERS, **self.parameters}
        first.run(_program("initdb"), *_where(first), *_INITDB, user=_USER)
        with (first.directory / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        (first.directory / "data" / "pg_hba.conf").write_text(_HBA)
        self._serve(first)
        for host in others:
            self._follow(host, first)
        self.wait_until_whole()

    def replace(self, old: Host) -> Host:
        standbys = [host for host in self.hosts if host is not old]
        if not standbys:
            self._serve(old)
            return old
        new = max(standbys, key=_received)
        new.run(_program("pg_ctl"), "promote", *_where(new), user=_USER)
        return new

    def restore(self, old: Host) -> None:
        (new,) = (host for host in self.primaries() if host is not old or len(self.hosts) == 1)
        for host in self.hosts:
            if host is not new:
                host.kill()
                host.run("rm", "-rf", str(host.directory / "data"))
                self._follow(host, new)
        self.wait_until_whole()

    def _serve(self, host: Host) -> None:
        sockets = ("-c", f"unix_socket_directories={host.directory}")
        host.start(_program("postgres"), *_where(host), *sockets, user=_USER)
        eventually(lambda: _asked(host, "SELECT true"), f"{host.name} answers")

    def _follow(self, host: Host, primary: Host) -> None:
        source = f"host={primary.address} user={_USER} application_name={host.name}"
        options = ("-d", source, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        host.run(_program("pg_basebackup"), *_where(host), *options, user=_USER)
        self._serve(host)


def _program(name: str) -> str:
    return str(_PROGRAMS / name)


def _where(host: Host) -> tuple[str, str]:
    return ("-D", str(host.directory / "data"))


def _received(host: Host) -> int:
    found = _asked(host, "SELECT (pg_last_wal_receive_lsn() - '0/0')::bigint")
    return found if isinstance(found, int) else -1


_INITDB: Final = ("--no-sync", "--data-checksums", f"--username={_USER}")
_HBA: Final = (
    "local all all trust\nhost all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n"
)


@attrs.define(kw_only=True)
class Patroni(Cluster):
    """
    Patroni and etcd on each host, which promote without being asked.

    Attributes:
        dynamic: Patroni's settings beyond its own, such as ``synchronous_mode``.
    """

    dynamic: Mapping[str, object] = attrs.field(factory=dict)

    def start(self) -> None:
        for host in self.hosts:
            (host.directory / "patroni.json").write_text(json.dumps(self._settings(host)))
            self._serve(host)
        self.wait_until_whole()

    def replace(self, old: Host) -> Host:
        def others() -> list[Host]:
            return [host for host in self.primaries() if host is not old]

        eventually(others, "another primary")
        return others()[0]

    def restore(self, old: Host) -> None:
        if not old.is_alive():
            self._serve(old)
        try:
            eventually(self.is_whole, "whole by itself", seconds=30)
        except TimeoutError:
            # As an operator does with a standby that fell too far behind.
            self._renew_lagging()
        self.wait_until_whole()

    def is_whole(self) -> bool:
        # Patroni promotes nobody but the standby that it has written down as the synchronous one,
        # which is a little later than the primary waits for it.
        return super().is_whole() and (not self.is_synchronous or "sync_standby" in self._roles())

    def _roles(self) -> list[str]:
        try:
            with urlopen(f"http://{self.primary().address}:8008/cluster", timeout=5) as answer:
                return [member["role"] for member in json.load(answer)["members"]]
        except OSError:
            return []

    def _renew_lagging(self) -> None:
        primary = self.primary()
        for host in self.hosts:
            query = f"SELECT 1 FROM pg_stat_replication WHERE application_name = '{host.name}'"
            if host is not primary and not _asked(primary, query):
                with suppress(OSError):  # it may have to be asked again, or be about to recover
                    urlopen(f"http://{host.address}:8008/reinitialize", b'{"force": true}', 5)

    def _serve(self, host: Host) -> None:
        peers = ",".join(f"{each.name}=http://{each.address}:2380" for each in self.hosts)
        client, peer = f"http://{host.address}:2379", f"http://{host.address}:2380"
        host.start(
            *("etcd", "--name", host.name, "--data-dir", str(host.directory / "etcd")),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", peers, "--heartbeat-interval=300", "--election-timeout=3000"),
            *("--enable-v2", "--logger=zap", "--log-level=error"),
            user=_USER,
        )
        # As systemd does: it ends where etcd does not answer in time. Debian's Python must not
        # look for packages where that of the tests does.
        until = f"unset PYTHONPATH; until patroni {host.directory}/patroni.json; do sleep 1; done"
        host.start("sh", "-c", until, user=_USER)

    def _settings(self, host: Host) -> dict[str, object]:
        dynamic = {
            # Sooner than by default (30, 10, 10), and as safe: ttl >= loop_wait + 2 retry_timeout.
            "ttl": 18,
            "loop_wait": 2,
            "retry_timeout": 8,
            # A primary that died is replaced, and not started again where it was.
            "master_start_timeout": 0,
            "postgresql": {
                "use_pg_rewind": True,
                "parameters": {**_PARAMETERS, **self.parameters},
            },
        }
        return {
            "scope": "bank",
            "name": host.name,
            "restapi": {
                "listen": f"{host.address}:8008",
                "connect_address": f"{host.address}:8008",
            },
            # Not "etcd3": this version may then overwrite the key of the new primary when the old
            # one is heard again, and all that was acknowledged between is lost (Patroni's pull
            # request 2689).
            "etcd": {"hosts": [f"{each.address}:2379" for each in self.hosts]},
            "bootstrap": {
                "dcs": {**dynamic, **self.dynamic},
                "initdb": ["no-sync", "data-checksums"],
            },
            "postgresql": {
                "listen": f"{host.address}:{_PORT}",
                "connect_address": f"{host.address}:{_PORT}",
                "data_dir": str(host.directory / "data"),
                "bin_dir": str(_PROGRAMS),
                "parameters": {"unix_socket_directories": str(host.directory)},
                "pg_hba": _HBA.splitlines(),
                "authentication": {
                    "superuser": {"username": _USER},
                    "replication": {"username": _USER},
                    "rewind": {"username": _USER},
                },
            },
        }
