"""Promises of a store that keeps tokens."""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Final, cast

import attrs

from bankcore import AccountStore, Principal, TransactionId
from bankcore.access import Token, Tokens, TokenStore
from bankcore.access._errors import TokenNotFoundError
from bankcore.ledger._errors import InvalidLimitError, StoreMisuseError, TransactionNotFoundError
from bankcore.testing._conformance.elsewhere import in_processes
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    NOW,
    append,
    journal_of,
    let_others_run,
    refusal,
    retried,
)
from bankcore.testing._conformance.subject import Subject, check_of

_TICK: Final = timedelta(microseconds=1)

#: In the order of their ids: with everything that a token may have, with no more than it must.
TOKENS: Final = (
    Token(
        "a1",
        sha256(b"1").digest(),
        Principal('m"ary', ["owner", "teller"], ["accounts:read", "deposits:write"]),
        NOW,
        NOW + timedelta(days=1) - _TICK,
        NOW + _TICK,
        "Café",
    ),
    Token("b2", sha256(b"2").digest(), Principal("bert"), NOW),
    Token("c3", sha256(b"3").digest(), Principal("mary", ["auditor"]), NOW + _TICK),
)


def _tokens_in(subject: Subject) -> TokenStore:
    """Return the store, with the tokens added in the reverse order of their ids."""
    store = cast("TokenStore", subject.store)
    for token in TOKENS[::-1]:
        store.add_token(token)
    return store


@check_of("token_store")
def tokens_come_back(subject: Subject) -> None:
    """
    A token comes back whole and is not in the journal; if the contents outlast the store, so
    does the token.
    """
    store = _tokens_in(subject)

    require_equal(list(TOKENS), [store.token(token.id) for token in TOKENS])
    require_equal(0, len(journal_of(subject.store)))
    if subject.capabilities.opener is not None:
        again = cast("TokenStore", subject.opened_again())
        require_equal(list(TOKENS), list(again.tokens()))


@check_of("token_store")
def a_tokens_id_is_taken_once(subject: Subject) -> None:
    """A second token of the same id raises `StoreMisuseError`, and the first stays."""
    store = _tokens_in(subject)
    with raises(StoreMisuseError):
        store.add_token(attrs.evolve(TOKENS[1], principal=Principal("mallory")))

    require_equal(list(TOKENS), list(store.tokens()))


@check_of("token_store")
def a_token_of_nobody_is_an_error(subject: Subject) -> None:
    """Reading or revoking an unknown token raises `TokenNotFoundError`."""
    store = _tokens_in(subject)
    for token_id in ("a", "B2", "", "b2 "):
        with raises(TokenNotFoundError):
            store.token(token_id)
        with raises(TokenNotFoundError):
            store.revoke_token(token_id, NOW)


@check_of("token_store")
def a_token_is_revoked_once(subject: Subject) -> None:
    """
    A revoked token keeps its first time of revocation if it is revoked again; no other token
    changes.
    """
    store = _tokens_in(subject)
    for days in (1, 0, 2):
        store.revoke_token("b2", NOW + timedelta(days=days))
    revoked = attrs.evolve(TOKENS[1], revoked_at=NOW + timedelta(days=1))

    require_equal([TOKENS[0], revoked, TOKENS[2]], list(store.tokens()))


@check_of("token_store")
def a_dead_token_authenticates_nobody(subject: Subject) -> None:
    """
    A token that was good authenticates nobody once it is revoked or expired, in every process
    and in a store that is opened again.
    """
    tokens = _tokens_over(subject.store)
    issued = [tokens.issue(Principal("mary"), expires_at=NOW + _TICK) for _ in range(2)]
    texts = [each.text for each in issued]
    require_equal([True, True], _are_good(tokens, texts))
    if subject.capabilities.processes:
        answers = in_processes(subject, partial(_revoke_and_look, issued[0].id, texts))
        require_equal([["True True", "False True"]] * 2, answers)
    else:
        tokens.revoke(issued[0].id)
    require_equal([False, True], _are_good(tokens, texts))
    require_equal([False, False], _are_good(_tokens_over(subject.store, later=_TICK), texts))
    if subject.capabilities.opener is not None:
        again = subject.opened_again()
        require_equal([False, True], _are_good(_tokens_over(again), texts))
        require_equal([False, False], _are_good(_tokens_over(again, later=_TICK), texts))


def _tokens_over(store: AccountStore, *, later: timedelta = timedelta()) -> Tokens:
    return Tokens(store, clock=lambda: NOW + later)


def _are_good(tokens: Tokens, texts: list[str]) -> list[bool]:
    return [tokens.authenticate(text) is not None for text in texts]


def _revoke_and_look(
    token_id: str, texts: list[str], store: AccountStore, process: int
) -> list[str]:
    """Revoke the token when every process has found it good, and return how it was found."""
    tokens = _tokens_over(store)
    before = _are_good(tokens, texts)
    if process == 1:
        retried(append, store, [refusal("found")])
        _wait_for(store, "revoked")
    else:
        _wait_for(store, "found")
        retried(tokens.revoke, token_id)
        retried(append, store, [refusal("revoked")])
    return [f"{one} {other}" for one, other in (before, _are_good(tokens, texts))]


def _wait_for(store: AccountStore, transaction_id: str) -> None:
    # If it never comes, whoever waits for this process's answer ends it.
    while True:
        with suppress(TransactionNotFoundError):
            store.outcome(TransactionId(transaction_id))
            return
        let_others_run()


@check_of("token_store")
def tokens_come_in_pages(subject: Subject) -> None:
    """
    Tokens come in the order of their ids, after any text, *limit* at a time; a *limit* out of
    bounds raises `InvalidLimitError`.
    """
    store = _tokens_in(subject)
    for after, first in (("", 0), ("a1", 1), ("b", 1), ("b2", 2), ("c3", 3), ("z", 3)):
        for limit in (1, 2, 1000):
            expected = list(TOKENS[first : first + limit])

            require_equal(expected, list(store.tokens(after=after, limit=limit)))
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.tokens(limit=limit)
