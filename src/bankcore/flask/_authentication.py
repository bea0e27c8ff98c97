"""
Authentication by a bearer token in the ``Authorization`` header (RFC 6750), and nowhere else.
"""

from collections.abc import Callable

from flask import Request
from werkzeug.exceptions import BadRequest

from bankcore.access import Principal, Tokens

#: Returns the principal that sends a request, or None if it is not known.
Authenticate = Callable[[Request], Principal | None]


class TokenAuthenticator:
    """
    Returns the principal of a request's token, by the tokens in *tokens*.

    A token in the query, the body or a cookie is not looked at. Two ``Authorization`` headers are
    a bad request.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, request: Request) -> Principal | None:
        given = request.headers.get("Authorization", "")
        if "," in given:
            raise BadRequest("Send one Authorization header, with one token.")
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._tokens.authenticate(token.strip(" "))
