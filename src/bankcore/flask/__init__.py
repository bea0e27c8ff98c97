"""
The back-end over HTTP: a blueprint for any Flask application, and an application of its own.

Decided here: the public names. `create_blueprint` needs a function that says who sends a request;
`create_app` makes an application that is nothing but the bank; `TokenAuthenticator` is such a
function, by the tokens of `bankcore.access.Tokens`. All requests of principals go through
`Bank.acting_as`, so that the bank's policy decides them.
"""

from importlib.util import find_spec

if find_spec("flask") is None:
    raise ImportError("bankcore.flask needs Flask: pip install 'bankcore[flask]'")

from bankcore.flask._authentication import Authenticate, TokenAuthenticator
from bankcore.flask._blueprint import Throttle, create_app, create_blueprint

__all__ = ["Authenticate", "Throttle", "TokenAuthenticator", "create_app", "create_blueprint"]
