"""
A proxy before a PostgreSQL server, which understands what passes: it cuts connections, puts errors
in the place of answers, delays, and counts.

A *plan* is asked at each statement, before it goes to the server, what is to go wrong with it.
The server's transaction is then as the client believes it to be: a statement whose error is told
was not executed and its transaction is aborted, and a COMMIT whose error is told was rolled back.

Both forms of the protocol are understood, with pipelines and prepared statements. There is no TLS;
the server may be reached by TCP or by a socket in the file system. The proxy is threads of this
process, so a client here must not keep Python's lock while it waits: `cancel_safe`, not `cancel`.
"""

import itertools
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Final, Self

import attrs
import psycopg
from psycopg.conninfo import make_conninfo

# The codes that stand in the place of a version in a connection's first message.
_CANCEL: Final = 80877102
_ENCRYPTIONS: Final = (80877103, 80877104)  # TLS and GSSAPI

# What of the server's messages may come at any time: notices, settings, notifications.
_ASYNCHRONOUS: Final = (b"N", b"S", b"A")
# The ends of a statement: of COMMIT as of any other, an empty one, an error, and a portal that
# has more rows.
_ENDS: Final = (b"C", b"I", b"E", b"s")
# Which of the server's messages end the answer to which of the client's.
_ANSWERS: Final = {b"P": (b"1",), b"B": (b"2",), b"C": (b"3",), b"D": (b"T", b"n"), b"E": _ENDS}

_CHUNK: Final = 1 << 20


class Point(Enum):
    """When a connection is cut, seen from the statement."""

    #: The server never sees it.
    BEFORE = auto()
    #: It was sent to the server, which may be executing it.
    SENT = auto()
    #: It was executed, and half of the last message of its answer was sent to the client.
    MIDDLE = auto()
    #: It was executed, and the last message of its answer was not sent to the client.
    ANSWERED = auto()


@attrs.frozen
class Cut:
    """The connections to client and server both end."""

    point: Point


@attrs.frozen
class Error:
    """
    The client is told this error.

    With *is_fatal* both connections end after that. With *is_done* the statement was executed all
    the same, as COMMIT may be where a server cannot say what became of it.
    """

    sqlstate: str
    is_fatal: bool = False
    is_done: bool = False


@attrs.frozen
class Warn:
    """The statement is executed, and a warning precedes the last message of its answer."""

    sqlstate: str
    message: str


Fault = Cut | Error | Warn


@attrs.frozen
class Statement:
    """
    A statement that a client sends, or a connection that it begins, which has no text.

    Statements are counted from 1, over all connections.
    """

    number: int
    sql: str

    @property
    def is_commit(self) -> bool:
        return self.sql.upper().startswith(("COMMIT", "END"))


Plan = Callable[[Statement], Fault | None]


class Proxy:
    """
    A proxy for the server that *conninfo* is of; its own `conninfo` is what a client needs.

    With *delay*, all that is sent, in either direction, is sent so many seconds later.
    """

    def __init__(self, conninfo: str, *, plan: Plan | None = None, delay: float = 0.0) -> None:
        self.plan = plan
        self.delay = delay
        #: The statements that clients have sent.
        self.statements: list[Statement] = []
        #: How often a client has waited for an answer, the beginnings of connections apart. What
        #: a client sends after an answer that it asked for is a new turn.
        self.turns = 0
        with psycopg.connect(conninfo) as direct:
            self._server = (direct.info.host, direct.info.port)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.conninfo = make_conninfo(
            conninfo,
            host="127.0.0.1",
            port=self._listener.getsockname()[1],
            sslmode="disable",
            gssencmode="disable",
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection, and take no more."""
        # Closing alone would not wake the thread.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection that there is."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()
        for link in links:
            link.join()

    # -- What the connections call --

    def connect(self) -> socket.socket:
        """Return a new connection to the server."""
        host, port = self._server
        if os.path.isabs(host):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        server = socket.create_connection(self._server)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def ask(self, sql: str) -> Fault | None:
        """Note a statement, and return what is to go wrong with it."""
        with self._lock:
            statement = Statement(next(self._numbers), sql)
            self.statements.append(statement)
            return None if self.plan is None else self.plan(statement)

    def count_turn(self) -> None:
        with self._lock:
            self.turns += 1

    def forget(self, link: "_Link") -> None:
        with self._lock:
            self._links.discard(link)

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(self, client)
            with self._lock:
                self._links.add(link)
            link.start()


class _CutError(Exception):
    """Both connections of a client are to end."""


@attrs.define
class _Expected:
    """An answer that the server owes, by the kind of the client's message."""

    kind: bytes
    fault: Fault | None = None
    #: The client knows nothing of it.
    is_own: bool = False


class _Link(threading.Thread):
    """
    The connections of one client: this thread takes what the client sends, another one what the
    server answers.
    """

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._lock = threading.RLock()
        self._to_server = bytearray()
        self._to_client = bytearray()
        # The end of the start-up is the first that is owed.
        self._expected = deque([_Expected(b"S")])
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        #: After an error the server skips what it gets before the next Sync.
        self._is_skipping = False
        #: After an error that the server knows nothing of, the same is done here.
        self._is_dropping = False
        #: Nothing that the client has asked for is still to come.
        self._is_answered = False

    def run(self) -> None:
        answers = threading.Thread(target=self._pass_answers, daemon=True)
        try:
            with suppress(OSError, _CutError):
                if self._begin():
                    answers.start()
                    self._pass_requests()
        finally:
            self.cut()
            if answers.ident is not None:
                answers.join()
            self._client.close()
            if self._server is not None:
                self._server.close()
            self._proxy.forget(self)

    def cut(self) -> None:
        """End both connections."""
        for side in (self._client, self._server):
            with suppress(OSError):
                if side is not None:
                    side.shutdown(socket.SHUT_RDWR)

    # -- From the client --

    def _begin(self) -> bool:
        """Send the first message to the server; return False if there will be no others."""
        while True:
            size = _exactly(self._client, 4)
            first = _exactly(self._client, int.from_bytes(size) - 4)
            code = int.from_bytes(first[:4])
            if code not in _ENCRYPTIONS:
                break
            self._client.sendall(b"N")
        if code == _CANCEL:
            with self._proxy.connect() as server:
                server.sendall(size + first)
                server.recv(1)
            return False
        fault = self._proxy.ask("")
        if isinstance(fault, Error):
            self._client.sendall(_error(fault))
        if fault is not None:
            return False
        self._server = self._proxy.connect()
        self._server.sendall(size + first)
        return True

    def _pass_requests(self) -> None:
        for messages in _messages(self._client):
            if self._proxy.delay:
                time.sleep(self._proxy.delay)
            for message in messages:
                with self._lock:
                    self._request(message)
            self._flush()

    def _flush(self) -> None:
        assert self._server is not None
        with suppress(OSError):  # the other thread tells the client
            self._server.sendall(self._to_server)
        self._to_server.clear()

    def _request(self, message: bytes) -> None:
        kind = message[:1]
        # A Flush alone asks for nothing, and the end of a connection has no answer.
        if self._is_answered and kind not in {b"H", b"X"}:
            self._is_answered = False
            self._proxy.count_turn()
        if kind == b"S":
            self._is_dropping = self._is_skipping = False
        elif self._is_dropping:
            return
        elif self._is_skipping:
            self._to_server += message
            return
        if kind == b"P":
            name, sql = message[5:].split(b"\0")[:2]
            self._prepared[name] = sql.decode()
        elif kind == b"B":
            portal, name = message[5:].split(b"\0", 2)[:2]
            self._portals[portal] = self._prepared.get(name, "")
        elif kind in {b"E", b"Q"}:
            text = message[5:].split(b"\0")[0]
            self._execute(message, self._portals[text] if kind == b"E" else text.decode())
            return
        if kind in _ANSWERS or kind == b"S" or (kind == b"H" and self._expected):
            self._expected.append(_Expected(kind))
        self._to_server += message

    def _execute(self, message: bytes, sql: str) -> None:
        """Send a statement to the server, or what makes it err."""
        kind = message[:1]
        sql = sql.strip()
        fault = self._proxy.ask(sql)
        is_commit = Statement(0, sql).is_commit
        if isinstance(fault, Error) and not fault.is_done:
            if fault.is_fatal:
                self._tell(_error(fault))
                raise _CutError
            # What is rolled back without an error is told as one.
            told, fault = fault, fault if is_commit else None
            self._instead(kind, "ROLLBACK" if is_commit else _raising(told.sqlstate), fault)
        elif fault == Cut(Point.BEFORE):
            raise _CutError
        else:
            self._expected.append(_Expected(kind, fault))
            self._to_server += message
        if fault == Cut(Point.SENT):
            self._flush()
            raise _CutError
        self._is_dropping = kind == b"E" and isinstance(fault, Error)

    def _instead(self, kind: bytes, sql: str, fault: Fault | None) -> None:
        """Send another statement in the place of the client's, in the same form."""
        if kind == b"E":
            self._expected += (_Expected(b"P", is_own=True), _Expected(b"B", is_own=True))
            self._to_server += _message(b"P", b"\0", sql.encode(), b"\0\0\0")
            self._to_server += _message(b"B", bytes(8))
            self._to_server += _message(b"E", bytes(5))
        else:
            self._to_server += _message(b"Q", sql.encode(), b"\0")
        self._expected.append(_Expected(kind, fault))

    # -- From the server --

    def _pass_answers(self) -> None:
        assert self._server is not None
        with suppress(OSError):
            for messages in _messages(self._server):
                if self._proxy.delay:
                    time.sleep(self._proxy.delay)
                try:
                    for message in messages:
                        with self._lock:
                            self._answer(message)
                except _CutError:
                    break
                finally:
                    self._tell(self._to_client)
                    self._to_client.clear()
        self.cut()

    def _tell(self, message: bytes | bytearray) -> None:
        with self._lock:
            self._client.sendall(message)

    def _answer(self, message: bytes) -> None:
        kind = message[:1]
        if kind in _ASYNCHRONOUS or not self._expected:
            self._to_client += message
            return
        owed = self._expected[0]
        if kind == b"Z":
            self._expected.popleft()
            self._is_answered = True
        elif owed.kind in {b"Q", b"E"} and kind in _ENDS and owed.fault is not None:
            message = self._faulty(owed.fault, message)
        if kind == b"E" and owed.kind not in {b"Q", b"S"}:
            self._skip()
        elif kind in _ANSWERS.get(owed.kind, ()):
            self._expected.popleft()
        elif kind == b"G":
            # What the client has asked for by now is the permission to send rows. A Sync is not
            # answered before they are there.
            self._is_answered = True
            if owed.kind == b"E" and len(self._expected) > 1:
                del self._expected[1]
        if not owed.is_own:
            self._to_client += message
        while self._expected and self._expected[0].kind == b"H":
            self._expected.popleft()
            self._is_answered = True

    def _skip(self) -> None:
        """Expect no answer to what the server skips."""
        while self._expected and self._expected[0].kind != b"S":
            self._is_answered |= self._expected.popleft().kind == b"H"
        self._is_skipping = not self._expected

    def _faulty(self, fault: Fault, message: bytes) -> bytes:
        """Return what the client gets for the last message of a statement's answer."""
        if isinstance(fault, Warn):
            return _report(b"N", "WARNING", fault.sqlstate, fault.message) + message
        if isinstance(fault, Cut):
            if fault.point is Point.MIDDLE:
                self._to_client += message[: len(message) // 2]
            raise _CutError
        if fault.is_fatal:
            self._to_client += _error(fault)
            raise _CutError
        return _error(fault)


def _exactly(side: socket.socket, size: int) -> bytes:
    received = side.recv(size, socket.MSG_WAITALL)
    if len(received) < size:
        raise _CutError
    return received


def _messages(side: socket.socket) -> Iterator[list[bytes]]:
    """Yield the whole messages that arrive, as many as arrive together, until *side* ends."""
    buffer = bytearray()
    while chunk := side.recv(_CHUNK):
        buffer += chunk
        messages = []
        start = 0
        while len(buffer) >= start + 5:
            end = start + 1 + int.from_bytes(buffer[start + 1 : start + 5])
            if len(buffer) < end:
                break
            messages.append(bytes(buffer[start:end]))
            start = end
        del buffer[:start]
        if messages:
            yield messages


def _message(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind + struct.pack("!i", len(body) + 4) + body


def _report(kind: bytes, severity: str, sqlstate: str, text: str) -> bytes:
    fields = ("S" + severity, "V" + severity, "C" + sqlstate, "M" + text)
    return _message(kind, *(field.encode() + b"\0" for field in fields), b"\0")


def _error(error: Error) -> bytes:
    severity = "FATAL" if error.is_fatal else "ERROR"
    return _report(b"E", severity, error.sqlstate, f"{error.sqlstate}, as planned")


def _raising(sqlstate: str) -> str:
    return (
        f"DO $$ BEGIN RAISE EXCEPTION '{sqlstate}, as planned' USING ERRCODE = '{sqlstate}';"
        " END $$"
    )
