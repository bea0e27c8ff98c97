"""The sub-command `serve`: a server to try the bank with over HTTP."""

import argparse
import logging
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from typing import Any, Final

from bankcore.access import StandardPolicy, Tokens
from bankcore.bank import Bank
from bankcore.cli._parser import CLOCK_SKEW, STORE, add, argument, failed, whole_number
from bankcore.cli._store import open_store, without_password
from bankcore.money import Money
from bankcore.values._errors import naming

_PORT_MAX: Final = 65_535


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    add(
        commands,
        "serve",
        _serve,
        "Serve the bank over HTTP, to try it; for production see the docs.",
        STORE,
        argument("--host", "default: 127.0.0.1, this machine", default="127.0.0.1"),
        argument(
            "--port", "default: 8000; 0 for any that is free", type=whole_number, default=8000
        ),
        argument(
            "--teller-limit",
            "what tellers move at most each time, such as 'EUR 1000'; one for each currency"
            " (default: nothing)",
            action="append",
            default=[],
            metavar="MONEY",
        ),
        CLOCK_SKEW,
    )


def _serve(parsed: argparse.Namespace) -> int:
    try:
        from bankcore.flask import TokenAuthenticator, create_app
    except ImportError:
        return failed("serving needs Flask: pip install 'bankcore[flask]'.")
    from werkzeug.serving import make_server

    if not 0 <= parsed.port <= _PORT_MAX:
        return failed(f"a port is a number from 0 to {_PORT_MAX:,}.")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # Werkzeug logs whole URLs, with a token if there is one in the query.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    limits = [naming("teller_limit", Money.parse, text) for text in parsed.teller_limit]
    policy = StandardPolicy(teller_limit=limits)
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server((parsed.host, parsed.port)))
        except OSError as error:
            return failed(f"cannot listen at {parsed.host}:{parsed.port}: {error}.")
        # Last, as it makes the file if there is none.
        store = stack.enter_context(open_store(parsed.store, create=True))
        bank = Bank(store, policy=policy, max_clock_skew=parsed.max_clock_skew)
        app = create_app(bank, authenticate=TokenAuthenticator(Tokens(store)))
        server = make_server(parsed.host, 0, app, threaded=True, fd=listener.fileno())
        name = without_password(parsed.store)
        print(f"Serving {name} at http://{parsed.host}:{server.port}/v1/docs", flush=True)
        token = f"bankcore token create mary --role owner --store {name}"
        print(f"A token: {token}", flush=True)
        # SIGTERM ends it as Ctrl-C does, so that all connections are closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0
