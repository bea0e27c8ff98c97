"""
Tokens: opaque texts that authenticate a principal, for applications without a log-in.

Decided here: what a token looks like, and when it is invalid. A token is
``bk_<id>_<secret>_<checksum>``: scanners find leaked tokens, and a mistyped one is refused without
reading the store. The secret has 256 random bits, so a plain SHA-256 of it is stored: a slow hash
would add no safety, and anybody could make the server compute it.
"""

import hmac
import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final, Protocol, TypeGuard, runtime_checkable
from zlib import crc32

import attrs

from bankcore.access._errors import InvalidPrincipalError, TokenNotFoundError
from bankcore.access._principals import PRINCIPAL_MEMBERS, Principal
from bankcore.ledger._errors import StoreMisuseError
from bankcore.ledger._pages import read_all
from bankcore.values._errors import InvalidIdError, InvalidTimeError, require_callable, shown
from bankcore.values._instants import to_instant
from bankcore.values._json import (
    INSTANT,
    INSTANT_OR_NULL,
    TEXT_OR_NULL,
    Json,
    Told,
    instant_text,
    object_schema,
)
from bankcore.values._text import to_line_or_none

#: The longest text that may be a token, in characters; a token has 72.
TOKEN_LENGTH_MAX: Final = 200

TOKEN_ID_SCHEMA: Final[Json] = {"type": "string", "pattern": "^[0-9a-f]{16}$"}

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_match = re.compile(r"(bk_([0-9a-f]{16})_([A-Za-z0-9_-]{43}))_([0-9a-f]{8})").fullmatch
# Compared with a secret whose token does not exist, so that the time does not tell.
_NO_DIGEST: Final = bytes(32)


@attrs.frozen
class Token(Told):
    """
    The stored part of a token, without its secret.

    Attributes:
        id: The token's id, which is part of its text and no secret.
        digest: The SHA-256 of its secret.
        principal: The principal that it authenticates.
        created_at: When it was issued, UTC.
        expires_at: When it expires, UTC; None for never.
        revoked_at: When it was revoked, UTC; None if it was not.
        description: One line of text, for people.
    """

    id: str
    digest: bytes = attrs.field(repr=False)
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    description: str | None = None

    _json_schema = object_schema(
        {
            "id": TOKEN_ID_SCHEMA,
            **PRINCIPAL_MEMBERS,
            "created_at": INSTANT,
            "expires_at": INSTANT_OR_NULL,
            "revoked_at": INSTANT_OR_NULL,
            "description": TEXT_OR_NULL,
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the token for JSON, without its digest."""
        return {
            "id": self.id,
            **self.principal.to_dict(),
            "created_at": instant_text(self.created_at),
            "expires_at": instant_text(self.expires_at),
            "revoked_at": instant_text(self.revoked_at),
            "description": self.description,
        }


@runtime_checkable
class TokenStore(Protocol):
    """Optional: a store that keeps tokens."""

    def add_token(self, token: Token) -> None:
        """Store a new *token*, or raise `StoreMisuseError` if there is one with its id."""

    def token(self, token_id: str) -> Token:
        """Return the token with this id, or raise `TokenNotFoundError`."""

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        """Return the tokens whose ids come after *after*, in the order of their ids."""

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        """Revoke the token, or raise `TokenNotFoundError`; one revoked before keeps its time."""


@attrs.frozen
class IssuedToken:
    """
    A new token, with its text, which is not to be had again.

    Attributes:
        id: The token's id, which is no secret.
        text: The token itself: hand it over, and store it nowhere.
        token: What is stored of it.
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
        store: A `TokenStore`, as all stores of bankcore are.
        clock: Returns the time, an aware ``datetime``.
        new_secret: Returns as many random bytes as it is asked for.

    Raises:
        StoreMisuseError: If *store* cannot store tokens.
        InvalidArgumentError: If *clock* or *new_secret* is no function.
    """

    def __init__(
        self,
        store: object,
        *,
        clock: Callable[[], datetime] = _utc_now,
        new_secret: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if isinstance(store, type) or not isinstance(store, TokenStore):
            raise StoreMisuseError(f"{shown(store)} cannot store tokens")
        require_callable(clock, "clock", "the time as an aware datetime")
        require_callable(new_secret, "new_secret", "as many random bytes as it is asked for")
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
        Return a new token for *principal* with its present roles and scopes.

        Raises:
            InvalidPrincipalError: If it is not a `Principal`.
            InvalidTimeError: If *expires_at* is not an instant in the future.
            InvalidTextError: If the description is not one line of text.
            StoreError: If the store fails. Nobody then has a token.
        """
        if type(principal) is not Principal:
            raise InvalidPrincipalError(shown(principal), "must be a Principal").about("principal")
        now = to_instant(self._clock(), "clock")
        if expires_at is not None:
            expires_at = to_instant(expires_at, "expires_at")
            if expires_at <= now:
                reason = f"must be in the future (the clock says {now.isoformat()})"
                raise InvalidTimeError(expires_at.isoformat(), reason).about("expires_at")
        token_id = self._new_secret(_ID_BYTES).hex()
        secret = urlsafe_b64encode(self._new_secret(_SECRET_BYTES)).decode().rstrip("=")
        line = to_line_or_none(description)
        token = Token(token_id, _digest(secret), principal, now, expires_at, description=line)
        self._store.add_token(token)
        text = f"bk_{token_id}_{secret}"
        return IssuedToken(token_id, f"{text}_{_checksum(text)}", token)

    def authenticate(self, text: str) -> Principal | None:
        """
        Return the token's principal, or None if it is invalid, expired or revoked.

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
        if token.expires_at is not None and token.expires_at <= to_instant(self._clock(), "clock"):
            return None
        return token.principal

    def token(self, token_id: str) -> Token:
        """
        Return the token with this id, without its secret.

        Raises:
            TokenNotFoundError: If there is none.
        """
        return self._store.token(require_token_id(token_id))

    def revoke(self, token_id: str) -> None:
        """
        Revoke the token from now on; revoking it again changes nothing.

        Raises:
            TokenNotFoundError: If there is no token with this id.
        """
        now = to_instant(self._clock(), "clock")
        self._store.revoke_token(require_token_id(token_id), now)

    def tokens(self, *, after: str = "") -> Iterator[Token]:
        """
        Yield the tokens whose ids come after *after*, in the order of their ids, expired and
        revoked ones too.
        """
        return read_all(self._store.tokens, after, attrgetter("id"))


def require_token_id(token_id: object) -> str:
    """Return *token_id*, or raise `TokenNotFoundError` if it cannot be one."""
    if _is_plain(token_id):
        return token_id
    raise token_not_found(token_id)


def token_not_found(token_id: object) -> TokenNotFoundError:
    """Return the error of a token that is not there."""
    return TokenNotFoundError(shown(token_id)).about("token_id")


def require_token_after(after: object) -> str:
    """Return *after*, the text that the ids of a page of tokens come after."""
    if _is_plain(after):
        return after
    raise InvalidIdError(shown(after), "must be text in printable ASCII").about("after")


def _is_plain(text: object) -> TypeGuard[str]:
    # Some databases take no NUL, and no encoding a surrogate.
    return isinstance(text, str) and text.isascii() and text.isprintable()


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("ascii")).digest()


def _checksum(text: str) -> str:
    return f"{crc32(text.encode('ascii')):08x}"
