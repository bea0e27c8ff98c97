"""
The back-end over HTTP: a blueprint for any Flask application, and an application of its own.

Decided here: the public names. Both need a function that says who sends a request, such as
`TokenAuthenticator`. Each request goes through `Bank.acting_as`, so the bank's policy decides it.
"""

from importlib.util import find_spec

if find_spec("flask") is None:
    raise ImportError("bankcore.flask needs Flask: pip install 'bankcore[flask]'")

from bankcore.flask._blueprint import (
    Authenticate,
    Throttle,
    TokenAuthenticator,
    create_app,
    create_blueprint,
)
from bankcore.flask._observing import Observation, Observe

__all__ = [
    "Authenticate",
    "Observation",
    "Observe",
    "Throttle",
    "TokenAuthenticator",
    "create_app",
    "create_blueprint",
]
