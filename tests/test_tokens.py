"""
Tokens: shown once, kept as a digest, worth nothing once expired, revoked or wrong.
"""

import hmac
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Bank, Principal
from bankcore.access import SCOPES, TOKEN_LENGTH_MAX, Role, Tokens
from bankcore.access import _tokens as tokens
from bankcore.errors import (
    InvalidIdError,
    InvalidLimitError,
    InvalidPrincipalError,
    InvalidTextError,
    InvalidTimeError,
    StoreCorruptedError,
    StoreMisuseError,
    TokenNotFoundError,
)
from bankcore.stores import MemoryStore, SQLiteStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MARY = Principal("mary", ["owner", "service"], ["deposits:write"])
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Office:
    """
    Tokens with a clock to set, and secrets that count from one.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        numbers = count(1)
        self.now = NOON
        self.tokens = Tokens(
            store, clock=lambda: self.now, new_secret=lambda length: next(numbers).to_bytes(length)
        )


@pytest.fixture
def office(store: Any) -> Office:
    return Office(store)


def test_a_token_stands_for_its_principal(office: Office) -> None:
    """Whoever has the text is the principal, with its roles and scopes."""
    issued = office.tokens.issue(MARY, description="for the shop")

    assert MARY == office.tokens.authenticate(issued.text)
    assert re.fullmatch(r"bk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}", issued.text)
    assert issued.text.startswith(f"bk_{issued.id}_")
    assert "for the shop" == issued.token.description


def test_no_secret_is_kept_or_shown(office: Office, store: Any) -> None:
    """The store has the SHA-256 of the secret, and no repr has it."""
    issued = office.tokens.issue(MARY)
    secret = issued.text.split("_", 2)[2].rpartition("_")[0]
    kept = store.token(issued.id)

    assert sha256(secret.encode()).digest() == kept.digest
    assert secret not in repr(attrs.asdict(kept))
    for shown in (repr(issued), str(issued), repr(kept)):
        assert secret not in shown
        assert repr(kept.digest) not in shown


def test_the_secrets_of_the_system_differ() -> None:
    """By default secrets come from the operating system, and no two are alike."""
    many = Tokens(MemoryStore())
    texts = {many.issue(MARY).text for _ in range(100)}

    assert 100 == len(texts)
    assert all(many.authenticate(text) == MARY for text in texts)


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(0, True), (59, True), (60, False), (3600, False)]
)
def test_a_token_expires_at_an_instant(office: Office, seconds: int, is_good: bool) -> None:
    """From the very instant on it is worth nothing."""
    text = office.tokens.issue(MARY, expires_at=NOON + timedelta(minutes=1)).text
    assert MARY == office.tokens.authenticate(text)
    office.now = NOON + timedelta(seconds=seconds)

    assert is_good == (office.tokens.authenticate(text) is not None)


def test_a_revoked_token_is_worth_nothing(office: Office, store: Any) -> None:
    """Revoking again changes nothing; another token is not touched."""
    issued, other = office.tokens.issue(MARY), office.tokens.issue(MARY)
    assert MARY == office.tokens.authenticate(issued.text)
    Tokens(store, clock=lambda: NOON).revoke(issued.id)
    office.now = NOON + timedelta(hours=1)
    office.tokens.revoke(issued.id)

    assert office.tokens.authenticate(issued.text) is None
    assert MARY == office.tokens.authenticate(other.text)
    assert [NOON, None] == [each.revoked_at for each in office.tokens.tokens()]


@pytest.mark.parametrize("token_id", ["nope", "", "x" * 5000, "' OR 1=1", 5, None, b"nope", ["a"]])
def test_no_token_no_revoking(office: Office, token_id: Any) -> None:
    """An unknown id is an error, and never shown in full length."""
    with pytest.raises(TokenNotFoundError) as caught:
        office.tokens.revoke(token_id)
    assert len(str(caught.value)) < 110


# Neither is what no database, or not every one, takes for text.
NOT_TEXT: list[Any] = [5, None, b"nope", ["a"], {}, "\ud800", "\0", "tée"]


@pytest.mark.parametrize("token_id", NOT_TEXT)
def test_a_store_has_no_token_whose_id_is_no_text(office: Office, token_id: Any) -> None:
    """Whatever the store, a token of such an id is not found, and the error names the id."""
    store: Any = office.store
    for call in (
        lambda: store.token(token_id),
        lambda: store.revoke_token(token_id, NOON),
        lambda: office.tokens.revoke(token_id),
    ):
        with pytest.raises(
            TokenNotFoundError, match=r"^token_id must be the id of a token"
        ) as told:
            call()
        assert "token_id" == told.value.field


@pytest.mark.parametrize("after", NOT_TEXT)
def test_a_page_of_tokens_comes_after_a_text(office: Office, after: Any) -> None:
    """Whatever the store, an id that is no text is a typed error."""
    store: Any = office.store

    with pytest.raises(InvalidIdError, match=r"^after must be text in printable ASCII, got"):
        store.tokens(after=after)


@pytest.mark.parametrize("after", [5, None, b"tea"])
def test_a_bank_is_asked_for_tokens_after_a_text(after: Any) -> None:
    """It is said at once, not when the first is read."""
    with pytest.raises(InvalidIdError) as caught:
        Bank(MemoryStore()).tokens(after=after)

    assert caught.value.field == "after"


@pytest.mark.parametrize("at", [datetime(2026, 5, 1), "2026-05-01", None, 5])  # noqa: DTZ001  # an input under test
def test_a_token_is_revoked_at_an_instant(office: Office, at: Any) -> None:
    """Whatever the store, a time without its zone revokes nothing."""
    issued = office.tokens.issue(MARY)
    store: Any = office.store

    with pytest.raises(InvalidTimeError, match=r"^revoked_at must "):
        store.revoke_token(issued.id, at)
    assert MARY == office.tokens.authenticate(issued.text)


def with_checksum(body: str) -> str:
    return f"{body}_{crc32(body.encode()):08x}"


# What is made of a good token, by what is wrong with it.
def mistakes(text: str) -> dict[str, Any]:
    body, _, checksum = text.rpartition("_")
    token_id, secret = body[3:19], body[20:]
    other = "B" if secret[-2] != "B" else "C"
    return {
        "nothing": "",
        "none": None,
        "bytes": text.encode(),
        "a number": 7,
        "another secret": with_checksum(f"bk_{token_id}_{secret[:-2]}{other}{secret[-1]}"),
        "another id": with_checksum(f"bk_{'f' * 16}_{secret}"),
        "another checksum": f"{body}_{int(checksum, 16) ^ 1:08x}",
        "no checksum": body,
        "upper case": text.upper(),
        "a space": f" {text}",
        "a line break": f"{text}\n",
        "Bearer": f"Bearer {text}",
        "other digits": text.replace("0", "\N{FULLWIDTH DIGIT ZERO}"),
        "a NUL": f"{text}\0",
        "long": text.ljust(TOKEN_LENGTH_MAX + 1, "A"),
        "a surrogate": f"{text[:-1]}\ud800",
        "the digest": with_checksum(f"bk_{token_id}_{'A' * 43}"),
    }


@pytest.mark.parametrize("name", mistakes("bk_0123456789abcdef_" + "A" * 43 + "_00000000"))
def test_what_is_nearly_a_token_is_none(office: Office, name: str) -> None:
    """Whatever is not exactly a token that is good is nobody, without an error."""
    text = office.tokens.issue(MARY).text

    assert office.tokens.authenticate(mistakes(text)[name]) is None


@given(st.text() | st.text(ALPHABET, min_size=60, max_size=80).map("bk_{}".format))
def test_any_text_is_nobody(text: str) -> None:
    """No text stands for anybody that was not issued, and none raises."""
    assert Tokens(MemoryStore()).authenticate(text) is None


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """
    Return the list of what is hashed and compared from now on.
    """
    done: list[str] = []

    def hashed(data: bytes) -> Any:
        done.append("hash")
        return sha256(data)

    def compared(one: bytes, other: bytes) -> bool:
        done.append("compare")
        return hmac.compare_digest(one, other)

    class Hmac:
        compare_digest = staticmethod(compared)

    monkeypatch.setattr(tokens, "sha256", hashed)
    monkeypatch.setattr(tokens, "hmac", Hmac)
    return done


def test_an_unknown_token_takes_the_work_of_a_known_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hash and one comparison, in constant time, whether or not there is such a token."""
    text = office.tokens.issue(MARY).text
    done = counting(monkeypatch)
    for each in (text, mistakes(text)["another secret"], mistakes(text)["another id"]):
        done.clear()
        office.tokens.authenticate(each)

        assert ["hash", "compare"] == done


@pytest.mark.parametrize("name", ["long", "another checksum", "upper case"])
def test_what_is_no_token_costs_no_hash(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A text that is too long or mistyped is refused before anything is hashed."""
    text = mistakes(office.tokens.issue(MARY).text)[name]
    done = counting(monkeypatch)
    office.tokens.authenticate(text)

    assert [] == done


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"expires_at": NOON}, InvalidTimeError),
        ({"expires_at": NOON - timedelta(seconds=1)}, InvalidTimeError),
        ({"expires_at": datetime(2030, 1, 1)}, InvalidTimeError),  # noqa: DTZ001  # on purpose
        ({"expires_at": "tomorrow"}, InvalidTimeError),
        ({"description": "two\nlines"}, InvalidTextError),
    ],
)
def test_a_token_that_cannot_be_is_not_issued(
    office: Office, arguments: dict[str, Any], error: type[Exception]
) -> None:
    """A wrong argument is an error, and leaves no token."""
    with pytest.raises(error):
        office.tokens.issue(MARY, **arguments)
    assert [] == list(office.tokens.tokens())


@pytest.mark.parametrize("principal", ["mary", None, 7])
def test_only_principals_have_tokens(office: Office, principal: Any) -> None:
    """What is no `Principal` is refused."""
    with pytest.raises(InvalidPrincipalError, match="principal must be a Principal"):
        office.tokens.issue(principal)


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        (object(), "a value of type object"),
        ("bank.db", "'bank.db'"),
        (MemoryStore, "the class MemoryStore"),
    ],
)
def test_a_store_that_keeps_no_tokens_says_so(store: object, shown: str) -> None:
    """`Tokens` needs a store with that protocol."""
    with pytest.raises(StoreMisuseError, match=f"{shown} cannot store tokens"):
        Tokens(store)


# -- What a store keeps ------------------------------------------------------


def test_a_store_gives_tokens_back_as_they_were(office: Office, store: Any) -> None:
    """All fields come back, page by page, in the order of the ids."""
    issued = [
        office.tokens.issue(Principal("p|1", list(Role), SCOPES), description="é '\""),
        office.tokens.issue(Principal("nobody"), expires_at=NOON + timedelta(days=1)),
        office.tokens.issue(MARY),
    ]
    kept = [each.token for each in issued]

    assert kept == list(office.tokens.tokens())
    assert kept[0] == store.token(issued[0].id)
    assert tuple(kept[1:2]) == tuple(store.tokens(after=kept[0].id, limit=1))
    with pytest.raises(InvalidLimitError):
        store.tokens(limit=0)


def test_one_id_has_one_token(office: Office, store: Any) -> None:
    """A second token of the same id is refused, and the first one stays."""
    token = office.tokens.issue(MARY).token
    with pytest.raises(StoreMisuseError):
        store.add_token(attrs.evolve(token, principal=Principal("bert")))

    assert token == store.token(token.id)


def test_tokens_survive_the_end_of_the_process(tmp_path: Path) -> None:
    """A file keeps them, and the secret is nowhere in it."""
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        text = Tokens(store).issue(MARY).text
    with SQLiteStore(path) as store:
        assert MARY == Tokens(store).authenticate(text)

    assert text[20:63].encode() not in path.read_bytes()


def test_a_token_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """A role or scope that there is not lets nobody in."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        issued = Tokens(store).issue(MARY)
        connection = store._connections._open_writer()
        connection.execute("UPDATE bankcore_token SET roles = '[\"root\"]'")
        with pytest.raises(StoreCorruptedError, match=f"token {issued.id} cannot be read"):
            Tokens(store).authenticate(issued.text)


def test_a_digest_is_whole(tmp_path: Path) -> None:
    """The database refuses a digest of another length."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        Tokens(store).issue(MARY)
        with pytest.raises(sqlite3.IntegrityError):
            store._connections._open_writer().execute("UPDATE bankcore_token SET digest = x'00'")
