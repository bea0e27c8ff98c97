"""
Who asks: a bearer token in the ``Authorization`` header (RFC 6750), and nowhere else.

Decided here: which header is a token at all. What a token is worth, `bankcore.access` knows.
"""

from collections.abc import Callable

from flask import Request
from werkzeug.exceptions import BadRequest

from bankcore.access import Principal, Tokens

#: Says who sends a request; None for nobody that is known.
Authenticate = Callable[[Request], Principal | None]


class TokenAuthenticator:
    """
    Knows who asks by the tokens in *tokens*.

    A token in the query, the body or a cookie is no token. Two ``Authorization`` headers are
    a bad request.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, request: Request) -> Principal | None:
        given = request.headers.get("Authorization", "")
        if "," in given:
            raise BadRequest("There is one Authorization header, with one token.")
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._tokens.authenticate(token.strip(" "))
