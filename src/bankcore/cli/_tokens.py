"""The sub-commands of `token`: issue, list and revoke tokens."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from bankcore.access import SCOPES, Principal, Role, Token, Tokens
from bankcore.cli._parser import DESCRIPTION, STORE, Argument, add, argument, instant, when
from bankcore.cli._store import open_store
from bankcore.cli._terminal import or_dash, print_table, show
from bankcore.stores import MemoryStore
from bankcore.values._ids import to_principal_id


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    text = "Issue, list and revoke tokens."
    parser = commands.add_parser("token", help=text, description=text)
    tokens = parser.add_subparsers(required=True, metavar="WHAT")
    add(
        tokens,
        "create",
        _create,
        "Issue a token, and print it once.",
        argument("principal", "the id of whom it stands for"),
        _several("role", sorted(role.value for role in Role)),
        _several("scope", sorted(SCOPES)),
        when("--until", "when it ends", "expires_at"),
        DESCRIPTION,
        STORE,
    )
    add(tokens, "list", _list, "List the tokens, without their secrets.", STORE)
    token = argument("token", "the id of the token, which is not its text", "token_id")
    add(tokens, "revoke", _revoke, "Let a token be worth nothing.", token, STORE)


def _several(name: str, values: list[str]) -> Argument:
    return argument(
        f"--{name}",
        f"one of {', '.join(values)}; may be given several times",
        action="append",
        default=[],
        choices=values,
        metavar=name.upper(),
    )


def _create(parsed: argparse.Namespace) -> None:
    principal = Principal(to_principal_id(parsed.principal), parsed.role, parsed.scope)
    expires_at = instant("expires_at", parsed.expires_at)
    options = {"expires_at": expires_at, "description": parsed.description}
    # First where nothing is kept: a call that fails makes no file.
    Tokens(MemoryStore()).issue(principal, **options)
    with open_store(parsed.store, create=True) as store:
        issued = Tokens(store).issue(principal, **options)
    show(parsed, {"id": issued.id, "token": issued.text}, print, issued.text)
    print(f"Keep it: token {issued.id} is not shown again.", file=sys.stderr)


def _list(parsed: argparse.Namespace) -> None:
    with open_store(parsed.store) as store:
        tokens = list(Tokens(store).tokens())
    show(parsed, list(map(_document, tokens)), _print_tokens, tokens)


def _document(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "principal": token.principal.id,
        "roles": sorted(role.value for role in token.principal.roles),
        "scopes": sorted(token.principal.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "description": token.description,
    }


def _print_tokens(tokens: Sequence[Token]) -> None:
    rows = [
        (
            token.id,
            token.principal.id,
            ",".join(sorted(role.value for role in token.principal.roles)) or "-",
            ",".join(sorted(token.principal.scopes)) or "-",
            token.created_at.isoformat(),
            or_dash(token.expires_at),
            or_dash(token.revoked_at),
            token.description or "",
        )
        for token in tokens
    ]
    columns = ("token", "principal", "roles", "scopes", "created", "until", "revoked")
    print_table((*columns, "description"), rows)


def _revoke(parsed: argparse.Namespace) -> None:
    with open_store(parsed.store) as store:
        Tokens(store).revoke(parsed.token_id)
    show(parsed, {"id": parsed.token_id}, print, f"Token {parsed.token_id} is revoked.")
