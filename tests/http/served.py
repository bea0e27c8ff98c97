"""
The bank as a process manager is given it: ``gunicorn served:app``, on the file ``BANK``.

Every answer says which worker gave it, so that a test knows whom to kill.
"""

import os

from flask import Response

from bankcore.access import Tokens
from bankcore.bank import Bank
from bankcore.flask import TokenAuthenticator, create_app
from bankcore.stores import SQLiteStore

store = SQLiteStore(os.environ["BANK"], create=False)
app = create_app(Bank(store), authenticate=TokenAuthenticator(Tokens(store)))


@app.after_request
def name_the_worker(response: Response) -> Response:
    response.headers["X-Worker"] = str(os.getpid())
    return response
