"""
The proxy before PostgreSQL: what a client is told, what the server has done, and what is counted.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from postgres_proxy import Cut, Error, Fault, Plan, Point, Proxy, Statement, Warn

Connection = psycopg.Connection[Any]

#: Longer than anything takes here, in seconds.
_PATIENCE: Final = 30


@pytest.fixture
def proxy(postgres: str) -> Iterator[Proxy]:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE row (number int)")
    with Proxy(postgres) as made:
        yield made


def count(postgres: str) -> int:
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT count(*) FROM row").fetchone()
        assert row is not None
        counted: int = row[0]
        return counted


def failing_at(word: str, fault: Fault) -> Plan:
    return lambda statement: fault if statement.sql.startswith(word) else None


# -- A transaction of one row, in each form of the protocol ------------------


def in_statements(connection: Connection) -> None:
    connection.execute("INSERT INTO row VALUES (1)")
    connection.execute("COMMIT")


def in_a_pipeline(connection: Connection) -> None:
    # Raised where it occurs: on its way out, the pipeline would only log it.
    with connection.pipeline() as pipeline:
        connection.execute("INSERT INTO row VALUES (%s)", (1,))
        connection.execute("COMMIT")
        pipeline.sync()


def prepared(connection: Connection) -> None:
    with connection.pipeline() as pipeline:
        connection.execute("INSERT INTO row VALUES (%s)", (1,), prepare=True)
        connection.execute("COMMIT", prepare=True)
        pipeline.sync()


FORMS: Final = (in_statements, in_a_pipeline, prepared)


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def form(request: pytest.FixtureRequest) -> Callable[[Connection], None]:
    made: Callable[[Connection], None] = request.param
    return made


@pytest.mark.parametrize("word", ["INSERT", "COMMIT"])
def test_an_error_leaves_nothing_done(
    proxy: Proxy, postgres: str, form: Callable[[Connection], None], word: str
) -> None:
    """
    A client that is told an error finds its transaction as such an error leaves it: aborted by a
    statement, over after COMMIT. The connection is then as good as before.
    """
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        for _ in range(3):
            proxy.plan = failing_at(word, Error("40001"))
            connection.execute("BEGIN")
            with pytest.raises(psycopg.errors.SerializationFailure):
                form(connection)
            is_open = connection.info.transaction_status is TransactionStatus.INERROR
            assert is_open == (word == "INSERT")
            connection.execute("ROLLBACK")
            assert 0 == count(postgres)
        proxy.plan = None
        connection.execute("BEGIN")
        form(connection)

    assert 1 == count(postgres)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "40003", "55P03", "25006", "08006"])
def test_an_error_has_the_state_that_was_planned(proxy: Proxy, sqlstate: str) -> None:
    """
    Whichever code is planned is the one that the client sees.
    """
    proxy.plan = failing_at("INSERT", Error(sqlstate))
    with psycopg.connect(proxy.conninfo) as connection:
        with pytest.raises(psycopg.Error) as raised:
            in_statements(connection)

        assert sqlstate == raised.value.sqlstate


def test_an_error_of_a_commit_that_was_done(
    proxy: Proxy, postgres: str, form: Callable[[Connection], None]
) -> None:
    """
    A COMMIT may be done and an error told all the same; what follows it in a pipeline is skipped.
    """
    proxy.plan = failing_at("COMMIT", Error("40003", is_done=True))
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        for number in range(1, 4):
            connection.execute("BEGIN")
            with pytest.raises(psycopg.errors.StatementCompletionUnknown):
                form(connection)
            assert number == count(postgres)
            assert TransactionStatus.IDLE is connection.info.transaction_status
        with connection.pipeline() as pipeline:
            connection.execute("COMMIT")
            connection.execute("INSERT INTO row VALUES (1)")
            with pytest.raises(psycopg.errors.StatementCompletionUnknown):
                pipeline.sync()

    assert 3 == count(postgres)


@pytest.mark.parametrize("is_done", [False, True])
def test_a_fatal_error_ends_the_connection(
    proxy: Proxy, postgres: str, form: Callable[[Connection], None], is_done: bool
) -> None:
    """
    A fatal error is the last that is heard of the server, whether or not COMMIT was done.
    """
    proxy.plan = failing_at("COMMIT", Error("57P01", is_fatal=True, is_done=is_done))
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.OperationalError) as raised:
            form(connection)

        # In a pipeline, libpq has no words for it.
        assert raised.value.sqlstate in ("57P01", None)
        assert connection.closed
    assert is_done == count(postgres)


@pytest.mark.parametrize(
    ("word", "point", "done"),
    [
        ("INSERT", Point.BEFORE, {0}),
        ("INSERT", Point.SENT, {0}),
        # In a pipeline, COMMIT is under way by then.
        ("INSERT", Point.MIDDLE, {0, 1}),
        ("INSERT", Point.ANSWERED, {0, 1}),
        ("COMMIT", Point.BEFORE, {0}),
        ("COMMIT", Point.SENT, {0, 1}),
        ("COMMIT", Point.MIDDLE, {1}),
        ("COMMIT", Point.ANSWERED, {1}),
    ],
)
def test_a_connection_is_cut(
    proxy: Proxy,
    postgres: str,
    form: Callable[[Connection], None],
    word: str,
    point: Point,
    done: set[int],
) -> None:
    """
    The client never learns what became of it; what the server has done depends on the point.
    """
    proxy.plan = failing_at(word, Cut(point))
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.OperationalError) as raised:
            form(connection)

        assert raised.value.sqlstate is None
        assert connection.closed
    with psycopg.connect(postgres) as looking:
        # Until the server has noticed.
        looking.execute("LOCK TABLE row IN ACCESS EXCLUSIVE MODE")
    assert count(postgres) in done


def test_a_warning_comes_with_the_answer(
    proxy: Proxy, postgres: str, form: Callable[[Connection], None]
) -> None:
    """
    Nothing is wrong with the statement, and the client is warned before it knows.
    """
    proxy.plan = failing_at("COMMIT", Warn("01000", "canceling the wait for a standby"))
    warnings = []
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        connection.add_notice_handler(lambda told: warnings.append((told.severity, told.sqlstate)))
        connection.execute("BEGIN")
        form(connection)

    assert [("WARNING", "01000")] == warnings
    assert 1 == count(postgres)


def test_statements_are_counted(proxy: Proxy, form: Callable[[Connection], None]) -> None:
    """
    Each statement has a number and its text, in each form; a new connection is one without text.
    """
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        connection.execute("BEGIN")
        form(connection)
        connection.execute("BEGIN")
        form(connection)

    assert ["", *["BEGIN", "INSERT", "COMMIT"] * 2] == [
        each.sql.partition(" ")[0] for each in proxy.statements
    ]
    assert [*range(1, 8)] == [each.number for each in proxy.statements]
    assert [False, False, False, True] == [each.is_commit for each in proxy.statements[:4]]


# -- Turns -------------------------------------------------------------------


def statements_one_by_one(connection: Connection) -> None:
    for _ in range(3):
        connection.execute("SELECT 1")


def many_in_one_pipeline(connection: Connection) -> None:
    with connection.pipeline():
        for _ in range(100):
            connection.execute("SELECT generate_series(1, 1000)")


def a_pipeline_with_an_error(connection: Connection) -> None:
    def work() -> None:
        with connection.pipeline():
            for statement in ("SELECT 1", "SELECT 1 / 0", "SELECT 2"):
                connection.execute(statement)

    # Raised wherever it is when the answer comes.
    with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.PipelineAborted)):
        work()


def a_pipeline_that_waits_twice(connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("SELECT 1").fetchone()
        connection.execute("SELECT 2").fetchone()


def a_large_statement(connection: Connection) -> None:
    connection.execute("SELECT cardinality(%s)", ([*range(300_000)],))


def rows_that_are_copied(connection: Connection) -> None:
    with connection.cursor().copy("COPY row FROM STDIN") as copy:
        for number in range(10_000):
            copy.write_row((number,))


@pytest.mark.every_postgres
@pytest.mark.parametrize(
    ("work", "turns"),
    [
        (statements_one_by_one, 3),
        (many_in_one_pipeline, 1),
        (a_pipeline_with_an_error, 1),
        # And one to leave a pipeline in which something was waited for.
        (a_pipeline_that_waits_twice, 2 + 1),
        (a_large_statement, 1),
        (rows_that_are_copied, 2),
    ],
)
def test_turns_are_counted(proxy: Proxy, work: Callable[[Connection], None], turns: int) -> None:
    """
    A client that waits for an answer before it goes on has made a turn, however much it sends.
    """
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        before = proxy.turns
        work(connection)
        now = proxy.turns
        connection.execute("SELECT 1")

    assert (turns, 1) == (now - before, proxy.turns - now)


def test_each_turn_is_delayed(proxy: Proxy) -> None:
    """
    What is sent, and what is answered, comes as much later as it is told.
    """
    with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
        proxy.delay = 0.02
        began = time.monotonic()
        statements_one_by_one(connection)

    assert time.monotonic() - began > 3 * 2 * 0.02


# -- Connections -------------------------------------------------------------


def test_a_connection_may_be_refused(proxy: Proxy) -> None:
    """
    The beginning of a connection can fail as a statement can.
    """
    proxy.plan = lambda statement: Error("53300", is_fatal=True)
    with pytest.raises(psycopg.OperationalError, match="53300"):
        psycopg.connect(proxy.conninfo)
    proxy.plan = lambda statement: Cut(Point.BEFORE)
    with pytest.raises(psycopg.OperationalError, match="closed"):
        psycopg.connect(proxy.conninfo)
    proxy.plan = None
    psycopg.connect(proxy.conninfo).close()


def test_all_connections_can_be_cut(proxy: Proxy) -> None:
    """
    Those that were there end; those that come are taken.
    """
    with psycopg.connect(proxy.conninfo) as one, psycopg.connect(proxy.conninfo) as other:
        proxy.cut()
        for each in (one, other):
            with pytest.raises(psycopg.OperationalError):
                each.execute("SELECT 1")
    with psycopg.connect(proxy.conninfo) as another:
        another.execute("SELECT 1")


def test_a_request_to_cancel_passes(proxy: Proxy) -> None:
    """
    A statement can be cancelled through the proxy.
    """
    with psycopg.connect(proxy.conninfo) as connection:
        timer = threading.Timer(0.1, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(%s)", (_PATIENCE,))
        timer.join()


def test_many_threads_pass(proxy: Proxy, postgres: str) -> None:
    """
    Connections do not disturb each other, whichever of them fail.
    """
    plan_lock = threading.Lock()
    left = [20]

    def plan(statement: Statement) -> Fault | None:
        with plan_lock:
            if statement.is_commit and statement.number % 3 == 0 and left[0]:
                left[0] -= 1
                return Error("40001")
            return None

    proxy.plan = plan
    problems = []

    def work() -> None:
        try:
            for form in FORMS * 4:
                with psycopg.connect(proxy.conninfo, autocommit=True) as connection:
                    is_done = False
                    while not is_done:
                        connection.execute("BEGIN")
                        try:
                            form(connection)
                        except psycopg.errors.SerializationFailure:
                            continue
                        is_done = True
        except psycopg.Error as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == problems
    assert 4 * 4 * len(FORMS) == count(postgres)
    assert left[0] < 20
