"""
Tokens: opaque texts that stand for a principal, for applications that have no log-in.

Decided here: what a token looks like, that its secret is shown once and kept nowhere, and
when it is worth nothing. A token is ``bk_<id>_<secret>_<checksum>``: the beginning and the
checksum let scanners find one that leaked, and a mistyped one is refused without a look at
the store. The secret has 256 random bits, so that its plain SHA-256 can be kept: nothing
that is slow on purpose, which anybody could make the server compute.
"""

import hmac
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol, runtime_checkable
from zlib import crc32

import attrs

from bankcore.access._errors import InvalidPrincipalError, TokenNotFoundError
from bankcore.access._principals import Principal
from bankcore.ledger._errors import StoreMisuseError
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import to_instant
from bankcore.values._text import to_line_or_none

#: The longest text that is looked at, in characters; a token has 72.
TOKEN_LENGTH_MAX: Final = 200

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_match = re.compile(r"(bk_([0-9a-f]{16})_([A-Za-z0-9_-]{43}))_([0-9a-f]{8})").fullmatch
# What the secret of a token that there is not is compared with, so that it takes as long.
_NO_DIGEST: Final = bytes(32)
_PAGE: Final = 1000


@attrs.frozen
class Token:
    """
    What is kept of a token, and is no secret: the secret itself is nowhere.

    Attributes:
        id: What names it; part of its text.
        digest: The SHA-256 of its secret.
        principal: Whom it stands for.
        created_at: When it was issued, UTC.
        expires_at: From when on it is worth nothing; None for never.
        revoked_at: Since when it is worth nothing; None where it was not revoked.
        description: One line of text, for people.
    """

    id: str
    digest: bytes = attrs.field(repr=False)
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    description: str | None = None


@runtime_checkable
class TokenStore(Protocol):
    """
    Optional: a store that keeps tokens.
    """

    def add_token(self, token: Token) -> None:
        """
        Keep a new *token*.

        Raises:
            StoreMisuseError: If there is one of this id.
        """

    def token(self, token_id: str) -> Token:
        """
        The token of this id.

        Raises:
            TokenNotFoundError: If there is none.
        """

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        """
        The tokens whose ids come after *after*, in the order of their ids.
        """

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        """
        Let the token be worth nothing from now on; one that was revoked stays as it is.

        Raises:
            TokenNotFoundError: If there is none.
        """


@attrs.frozen
class IssuedToken:
    """
    A new token, the only time that its text is there.

    Attributes:
        id: What names it; it is no secret.
        text: The token itself: hand it over, and keep it nowhere.
        token: What is kept of it.
    """

    id: str
    text: str = attrs.field(repr=False)
    token: Token


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tokens:
    """
    The tokens in *store*.

        >>> from bankcore.stores import MemoryStore
        >>> tokens = Tokens(MemoryStore())
        >>> issued = tokens.issue(Principal("mary", roles=["owner"]))
        >>> tokens.authenticate(issued.text).id
        PrincipalId('mary')

    Args:
        store: One that keeps tokens, as those that ship do.
        clock: Gives the time, an aware ``datetime``.
        new_secret: Gives as many random bytes as it is asked for.

    Raises:
        StoreMisuseError: If *store* keeps no tokens.
    """

    def __init__(
        self,
        store: object,
        *,
        clock: Callable[[], datetime] = _utc_now,
        new_secret: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not isinstance(store, TokenStore):
            raise StoreMisuseError(f"{type(store).__name__} keeps no tokens")
        self._store = store
        self._clock = clock
        self._new_secret = new_secret

    def issue(
        self,
        principal: Principal,
        *,
        expires_at: datetime | None = None,
        description: str | None = None,
    ) -> IssuedToken:
        """
        A new token for *principal*, with the roles and scopes that it has there.

        Raises:
            InvalidPrincipalError: If it is no `Principal`.
            InvalidTimeError: If *expires_at* is not an instant ahead.
            InvalidTextError: If the description is not one line of text.
            StoreError: If the store fails. There is no token then that anybody knows.
        """
        if type(principal) is not Principal:
            raise InvalidPrincipalError(shown(principal), "expected a Principal")
        now = to_instant(self._clock())
        ends_at = None if expires_at is None else to_instant(expires_at)
        if ends_at is not None and ends_at <= now:
            raise InvalidTimeError(ends_at.isoformat(), f"the clock says {now.isoformat()}")
        token_id = self._new_secret(_ID_BYTES).hex()
        secret = urlsafe_b64encode(self._new_secret(_SECRET_BYTES)).decode().rstrip("=")
        token = Token(
            token_id,
            _digest(secret),
            principal,
            now,
            ends_at,
            description=to_line_or_none(description),
        )
        self._store.add_token(token)
        text = f"bk_{token_id}_{secret}"
        return IssuedToken(token_id, f"{text}_{_checksum(text)}", token)

    def authenticate(self, text: str) -> Principal | None:
        """
        For whom the token *text* stands; None for whatever is not a token that is good now.

        Raises:
            StoreError: If the store fails.
        """
        given: object = text
        if not isinstance(given, str) or len(given) > TOKEN_LENGTH_MAX:
            return None
        match = _match(given)
        if match is None or match[4] != _checksum(match[1]):
            return None
        try:
            token = self._store.token(match[2])
        except TokenNotFoundError:
            token = None
        digest = _NO_DIGEST if token is None else token.digest
        is_its_secret = hmac.compare_digest(_digest(match[3]), digest)
        if token is None or not is_its_secret or token.revoked_at is not None:
            return None
        if token.expires_at is not None and token.expires_at <= to_instant(self._clock()):
            return None
        return token.principal

    def revoke(self, token_id: str) -> None:
        """
        Let the token be worth nothing from now on; revoking it again changes nothing.

        Raises:
            TokenNotFoundError: If there is no token of this id.
        """
        self._store.revoke_token(token_id, to_instant(self._clock()))

    def tokens(self) -> Iterator[Token]:
        """
        Every token in the order of its id, those that are worth nothing too.
        """
        page = self._store.tokens(limit=_PAGE)
        while page:
            yield from page
            page = self._store.tokens(after=page[-1].id, limit=_PAGE)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("ascii")).digest()


def _checksum(text: str) -> str:
    return f"{crc32(text.encode('ascii')):08x}"
