"""
What the tests share: Hypothesis profiles, the number of workers, options, a place in memory, the
stores that ship, and PostgreSQL.

`dev` is quick and different each time. `ci` is the same each time, so that a failure is
the change's and not chance's. `thorough` is for a long look by hand:
``HYPOTHESIS_PROFILE=thorough pytest tests/stateful``.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import every_store
import servers
from every_store import POSTGRES, MakePlace, MakeStore

# Machines here are small and noisy: a deadline would test the machine. Tests in classes run on
# several stores, each time on a new instance, which has nothing of its own.
_shared = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors]
)

settings.register_profile("dev", _shared, max_examples=60)
settings.register_profile("ci", _shared, max_examples=100, derandomize=True)
settings.register_profile("thorough", _shared, max_examples=5_000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--newest",
        action="store_true",
        help="compare the recorded data of other packages with what is installed, whatever its"
        " version",
    )
    parser.addoption(
        "--postgres",
        choices=[*servers.VERSIONS, "all"],
        help="the PostgreSQL on which every test of it runs; without it they run on 18, the most"
        " important of them on 15 too where that is installed, and of the properties only those",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Run each test that asks for every store on each of them, and each that asks for PostgreSQL on
    each version that is to be tested.
    """
    is_key = metafunc.definition.get_closest_marker("every_postgres") is not None
    versions = _postgres_versions(metafunc.config.getoption("--postgres"), is_key=is_key)
    # A property makes a hundred stores, and one on PostgreSQL takes as long as ten others. The
    # most important are tried there on each change, the others where it is asked for.
    is_property = "properties" in metafunc.definition.path.parts
    is_asked = metafunc.config.getoption("--postgres") or servers.DSN in os.environ
    with_postgres = is_key or is_asked or not is_property
    kinds = ["sqlite", *(f"{POSTGRES}{version}" for version in versions if with_postgres)]
    for name, values in (
        ("store_kind", ["memory", *kinds]),
        ("place_kind", kinds),
        ("postgres_version", versions),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, scope="session")


def _postgres_versions(asked: str | None, *, is_key: bool) -> list[str]:
    if servers.DSN in os.environ:
        return [servers.GIVEN]
    if asked is not None:
        return list(servers.VERSIONS) if asked == "all" else [asked]
    if is_key and (_is_ci() or servers.is_installed("15")):
        return list(servers.VERSIONS)
    return ["18"]


def _is_ci() -> bool:
    return bool(os.environ.get("CI"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Return one worker a core for folders, and none for files: one file is sooner done without.
    """
    if all(Path(each.partition("::")[0]).is_file() for each in config.args):
        return 0
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """
    A directory in memory where there is such a place, for rigs to which the disk is no matter.
    """
    memory = Path("/dev/shm")
    if memory.is_dir():
        with TemporaryDirectory(dir=memory) as made:
            yield Path(made)
    else:
        yield tmp_path


@pytest.fixture(scope="session")
def make_store(store_kind: str) -> MakeStore:
    """
    Makes an empty store of each kind that ships, for as long as a context lasts.
    """
    _require(store_kind)
    return partial(every_store.store_of, store_kind)


@pytest.fixture
def store(make_store: MakeStore) -> Iterator[Any]:
    """
    Each store that ships, empty.
    """
    with make_store() as made:
        yield made


@pytest.fixture(scope="session")
def make_place(place_kind: str) -> MakePlace:
    """
    Makes a place for a store that several processes can open, for as long as a context lasts.
    """
    _require(place_kind)
    return partial(every_store.place_of, place_kind)


@pytest.fixture
def place(make_place: MakePlace) -> Iterator[str]:
    """
    A place in which there is no store yet, of each kind that several processes can open.
    """
    with make_place() as made:
        yield made


def _require(kind: str) -> None:
    if kind.startswith(POSTGRES):
        with _failing_in_ci():
            servers.running(kind.removeprefix(POSTGRES))


@pytest.fixture(scope="session")
def postgres_server(postgres_version: str) -> str:
    """
    How to reach a PostgreSQL server as its superuser: one server for each process of tests.
    """
    with _failing_in_ci():
        return servers.running(postgres_version)


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """
    The URL of an empty database of PostgreSQL.
    """
    with servers.database(postgres_server) as conninfo:
        yield conninfo


@pytest.fixture
def shop(
    postgres_version: str, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """
    The empty database ``shop`` of the guides, which a program reaches by that name alone.
    """
    if postgres_version == servers.DSN:
        pytest.skip(f"it makes a database of a common name, and {servers.DSN} is set")
    for word in postgres_server.split():
        key, _, value = word.partition("=")
        if key != "dbname":
            monkeypatch.setenv(f"PG{key.upper()}", value)
    with servers.database(postgres_server, "shop"):
        yield


@pytest.fixture
def make_server(postgres_version: str) -> Iterator[Callable[..., servers.Server]]:
    """
    Starts servers of the test's own, which it may stop, kill and promote, with settings of its
    own: takes what `servers.Server` takes, but for the version.
    """
    if postgres_version == servers.GIVEN:
        pytest.skip(f"it needs a server of its own, and {servers.DSN} is set")
    with _failing_in_ci():
        servers.Server(postgres_version)
    with ExitStack() as stack:

        def make(*arguments: Any, **options: Any) -> servers.Server:
            return stack.enter_context(servers.Server(postgres_version, *arguments, **options))

        yield make


@contextmanager
def _failing_in_ci() -> Iterator[None]:
    """
    Skip the test where there is no such server; but fail it where changes are checked.
    """
    try:
        yield
    except servers.NoServerError as error:
        if _is_ci():
            raise
        pytest.skip(str(error))
