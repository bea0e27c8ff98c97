"""
The store on engines that speak PostgreSQL's protocol: CockroachDB and YugabyteDB.

None of them is installed by anything, so an injector stands in their place: a PostgreSQL that
fails as they do, at every statement and at COMMIT, with a store that takes it for one of them.
Where ``BANKCORE_TEST_COCKROACH`` or ``BANKCORE_TEST_YUGABYTE`` has the DSN of a real one, whose
user may create schemas, the kit runs there as well.
"""

import itertools
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import pytest
from under_test import SQL_CLAIMS

from bankcore.errors import OutcomeUnknownError
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import PostgresStore
from bankcore.stores._postgres import _store
from bankcore.stores._postgres._connections import Engine
from bankcore.testing import checks
from bankcore.testing._conformance import CHECKS
from postgres_proxy import Cut, Error, Fault, Plan, Point, Proxy, Statement

#: As each engine names itself.
VERSIONS: Final = {
    "CockroachDB": "CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu)",
    "YugabyteDB": "PostgreSQL 15.12-YB-2025.2.0.0-b0 on x86_64-pc-linux-gnu",
}
DSNS: Final = {"CockroachDB": "BANKCORE_TEST_COCKROACH", "YugabyteDB": "BANKCORE_TEST_YUGABYTE"}

#: What they do at any statement, COMMIT too. None of it is done; of the last four, a store that
#: is told so at COMMIT cannot know that.
FAULTS: Final[Sequence[Fault]] = (
    Error("40001"),
    Error("40P01"),
    Error("40003"),
    Error("57P01", is_fatal=True),
    Error("08006", is_fatal=True),
    Cut(Point.BEFORE),
)
# Every so many-th statement fails. A unit has about eight, so that each of them has its turn, and
# no unit fails as often as a store tries.
_EVERY: Final = 23

# Another process would not take the server for the engine.
# These engines do not tell which transactions were visible at a moment, and `describe` says so.
_NOT_KEPT: Final = "a_follower_of_the_journal_misses_nothing"
KIT: Final = tuple(check for check in checks(SQL_CLAIMS) if check.name != _NOT_KEPT)


class SettlingStore(PostgresStore):
    """
    Runs again what is in doubt, as a bank does. Here, what is in doubt was never done.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        raised: list[BaseException] = []

        def decide_and_tell(snapshot: Snapshot) -> WriteSet:
            try:
                return decide(snapshot)
            except BaseException as error:
                raised.append(error)
                raise

        while True:
            try:
                return super().transact(reads, decide_and_tell)
            except OutcomeUnknownError as error:
                if error in raised:
                    raise

    def _write_apart(self, *statements: tuple[str, Sequence[object]]) -> int:
        while True:
            with suppress(OutcomeUnknownError):
                return super()._write_apart(*statements)


def failing_now_and_then() -> Plan:
    faults, numbers = itertools.cycle(FAULTS), itertools.count(1)

    def plan(statement: Statement) -> Fault | None:
        # To make the tables takes many statements: each attempt would fail. Nor does a store try
        # twice to connect.
        is_of_unit = statement.sql and not statement.sql.startswith(("CREATE", "ALTER"))
        return next(faults) if is_of_unit and next(numbers) % _EVERY == 0 else None

    return plan


@pytest.fixture(params=VERSIONS)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """
    The name of an engine that every store takes the server for.
    """
    name: str = request.param
    found = Engine.named(VERSIONS[name])
    monkeypatch.setattr(Engine, "named", classmethod(lambda cls, version: found))
    return name


def test_it_keeps_every_promise_of_a_store(postgres: str, engine: str) -> None:
    """
    The kit, on an engine that fails now and then at any statement and at COMMIT; on a change, half
    of it on each engine.
    """
    numbers = itertools.count()
    failed: list[Statement] = []
    plan = failing_now_and_then()

    def plan_and_count(statement: Statement) -> Fault | None:
        fault = plan(statement)
        if fault is not None:
            failed.append(statement)
        return fault

    applying = KIT
    if os.environ.get("HYPOTHESIS_PROFILE") != "thorough":
        applying = applying[[*VERSIONS].index(engine) :: len(VERSIONS)]
    with Proxy(postgres, plan=plan_and_count) as proxy:
        for check in applying:
            check(lambda: SettlingStore(proxy.conninfo, schema=f"kit_{next(numbers)}"), SQL_CLAIMS)

    assert any(each.is_commit for each in failed)
    assert {"BEGIN", "SELECT", "WITH", "COMMIT"} <= {each.sql.partition(" ")[0] for each in failed}


def test_a_store_that_does_not_try_again_is_found_out(
    postgres: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The same faults find a store for which a conflict is the end.
    """
    monkeypatch.setattr(_store, "AGAIN", frozenset[str]())
    check = CHECKS["nothing_acknowledged_is_lost_under_faults"]
    with Proxy(postgres) as proxy, SettlingStore(proxy.conninfo) as store:
        proxy.plan = lambda each: Error("40001") if each.number % _EVERY == 0 else None
        with pytest.raises(Exception, match="others were in the way"):
            check(lambda: store, SQL_CLAIMS)


@pytest.mark.parametrize("name", DSNS)
def test_a_real_engine(name: str) -> None:
    """
    The whole kit on the engine itself.
    """
    conninfo = os.environ.get(DSNS[name])
    if conninfo is None:
        pytest.skip(f"{name}: {DSNS[name]} has no DSN of one")
    prefix = f"bankcore_test_{secrets.token_hex(4)}"
    numbers = itertools.count()
    for check in KIT:
        check(lambda: PostgresStore(conninfo, schema=f"{prefix}_{next(numbers)}"), SQL_CLAIMS)


def test_what_such_an_engine_does_not_keep_is_said(postgres: str, engine: str) -> None:
    """
    The store names the engine, and what its journal cannot promise there.
    """
    with PostgresStore(postgres) as store:
        described = store.describe()

    assert described.engine.startswith(engine)
    (warning,) = described.warnings
    assert "the journal may skip a record that is committed late" in warning
