"""
HTTP without a framework: statuses, problems, and what headers stand for.
"""

from typing import ClassVar

import attrs
import pytest

from bankcore.errors import (
    AccountNotFoundError,
    DeclinedError,
    InsufficientFundsError,
    InvalidIdError,
    StaleVersionError,
    StoreCorruptedError,
)
from bankcore.http import (
    STATUSES,
    Problem,
    expected_version_of,
    problem_of,
    status_of,
    transaction_id_of,
)
from bankcore.values import AccountId, PrincipalId


def test_the_status_of_an_error_and_of_its_class() -> None:
    """
    They are one, and the map has it under the code.
    """
    error = AccountNotFoundError(AccountId("alice"))

    assert (404, 404, 404) == (
        status_of(error),
        status_of(AccountNotFoundError),
        STATUSES["account_not_found"],
    )


def test_an_error_of_ones_own_has_the_status_of_its_branch() -> None:
    """
    A rule that an application adds is declined like those of the bank.
    """

    @attrs.define
    class TooLateError(DeclinedError):
        code: ClassVar[str] = "too_late"
        sentence: ClassVar[str] = "The shop is closed."

    assert 409 == status_of(TooLateError)
    assert {
        "type": "urn:bankcore:too_late",
        "title": "Conflict",
        "status": 409,
        "code": "too_late",
        "detail": "The shop is closed.",
    } == problem_of(TooLateError()).to_dict()


@pytest.mark.parametrize("error", [StoreCorruptedError("secret"), ZeroDivisionError("secret")])
def test_a_failure_inside_tells_nothing(error: Exception) -> None:
    """
    It is a 500, and names only the request.
    """
    members = problem_of(error, request_id="r-1").to_dict()

    assert (500, "internal_error", "r-1") == tuple(
        members[name] for name in ("status", "code", "request_id")
    )
    assert "secret" not in str(members)
    assert members["detail"].endswith("finds it by the request_id.")
    assert "Something went wrong inside." == problem_of(error).detail


def test_a_problem_is_its_own_problem() -> None:
    """
    What an application raises as a problem is told as it is.
    """
    problem = Problem(401, "unauthenticated", "Log in.", headers={"WWW-Authenticate": "Bearer"})

    assert problem is problem_of(problem)
    assert "request_id" not in problem.to_dict()
    assert {**problem.to_dict(), "request_id": "r"} == problem_of(
        problem, request_id="r"
    ).to_dict()


def test_a_problem_has_the_field_and_the_facts() -> None:
    """
    Of an error that has any.
    """
    problem = problem_of(InvalidIdError("'a b'", "must be one").about("account_id"))

    assert ("account_id", {"value": "'a b'", "reason": "must be one"}) == (
        problem.field,
        problem.facts,
    )
    assert 412 == status_of(StaleVersionError)
    assert 409 == status_of(InsufficientFundsError)


def test_a_key_stands_for_the_same_id_in_every_version() -> None:
    """
    A request that is sent again after an upgrade is known still.
    """
    expected = "a044788584f26d1687df8e5847fa21d3"

    for who in ("mary", PrincipalId("mary")):
        assert str(transaction_id_of(who, "rent-5")).startswith(expected)
    assert transaction_id_of("mary", '"a b"'.replace(" ", ",")) != transaction_id_of("mary", "ab")


def test_keys_are_each_principals_own() -> None:
    """
    Wherever the name ends and the key begins.
    """
    assert transaction_id_of("mary", "1x") != transaction_id_of("mary1", "x")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "missing_idempotency_key"),
        *((key, "invalid_idempotency_key") for key in ("", "a b", "k" * 129, '"a')),
    ],
)
def test_a_key_that_is_none(key: str | None, code: str) -> None:
    """
    It is a bad request.
    """
    with pytest.raises(Problem) as caught:
        transaction_id_of("mary", key)

    assert (400, code) == (caught.value.status, caught.value.code)


def test_a_principal_that_is_none() -> None:
    """
    Its error names it.
    """
    with pytest.raises(InvalidIdError, match=r"^principal must be"):
        transaction_id_of("a b", "key")


@pytest.mark.parametrize(("tag", "version"), [(None, None), ("*", None), ('"0"', 0), ('"7"', 7)])
def test_an_etag_is_a_version(tag: str | None, version: int | None) -> None:
    """
    None and any are no version.
    """
    assert version == expected_version_of(tag)


@pytest.mark.parametrize("tag", ["7", 'W/"7"', '"07"', '"7", "8"', ""])
def test_an_etag_that_is_none(tag: str) -> None:
    """
    It is a bad request.
    """
    with pytest.raises(Problem) as caught:
        expected_version_of(tag)

    assert (400, "invalid_if_match") == (caught.value.status, caught.value.code)
