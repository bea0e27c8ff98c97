"""
The back-end over HTTP: a blueprint for any Flask application, and an application of its own.

Decided here: the public names. `create_blueprint` needs a function that says who asks;
`create_app` makes an application that is nothing but the bank; `TokenAuthenticator` knows
who asks by the tokens of `bankcore.access.Tokens`. Everything that the blueprint does for somebody goes
through `Bank.acting_as`, so that the bank's policy decides it; ``/health`` alone looks at the
store for nobody, and tells nothing of what it finds.
"""

from importlib.util import find_spec

if find_spec("flask") is None:
    raise ImportError("bankcore.flask needs Flask: pip install 'bankcore[flask]'")

from bankcore.flask._authentication import Authenticate, TokenAuthenticator
from bankcore.flask._blueprint import Throttle, create_app, create_blueprint

__all__ = ["Authenticate", "Throttle", "TokenAuthenticator", "create_app", "create_blueprint"]
