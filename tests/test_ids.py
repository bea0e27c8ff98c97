"""
Ids: the alphabet, and how they compare.
"""

import copy
import pickle

import pytest

from bankcore import AccountId, TransactionId
from bankcore.errors import InvalidIdError
from bankcore.values import ID_LENGTH_MAX
from bankcore.values._ids import to_account_id, to_transaction_id


@pytest.mark.parametrize("text", ["a", "_", "0", "A.b-c_9", "x" * ID_LENGTH_MAX, "1e3", "a..b"])
def test_the_alphabet_is_taken(text: str) -> None:
    """Letters, digits, `_`, `-` and `.` make an id of up to 64 characters, kept as it is."""
    assert (text, text) == (AccountId(text).value, str(TransactionId(text)))


@pytest.mark.parametrize("text", ["", "x" * 65, ".a", "-a", "a/b", "a:b", "a b", "é", "a\n", " a"])
def test_anything_else_is_refused(text: str) -> None:
    """An id begins with a letter, a digit or `_`, and has nothing else in it."""
    with pytest.raises(InvalidIdError, match="account_id must be 1 to 64 characters"):
        AccountId(text)


def test_ids_are_compared_as_they_are() -> None:
    """Case counts, kinds do not mix, and equal ids are one key."""
    assert AccountId("a") == AccountId("a") != AccountId("A")
    assert AccountId("a") != TransactionId("a")
    assert AccountId("a") != "a"
    assert 1 == len({AccountId("a"), AccountId("a")})


def test_ids_sort_by_their_characters() -> None:
    """Ids sort by the codes of their characters, and not with another kind."""
    assert [AccountId("A"), AccountId("B"), AccountId("a")] == sorted(
        map(AccountId, ["a", "B", "A"])
    )
    with pytest.raises(TypeError):
        sorted([AccountId("a"), TransactionId("a")])


@pytest.mark.parametrize("id_", [AccountId("a"), TransactionId("b")])
def test_ids_survive_copies_and_cannot_change(id_: AccountId | TransactionId) -> None:
    """A copy or a pickled id is equal; none can be assigned to."""
    for other in (copy.copy(id_), copy.deepcopy(id_), pickle.loads(pickle.dumps(id_))):
        assert (id_, hash(id_), type(id_)) == (other, hash(other), type(other))
    with pytest.raises(AttributeError):
        id_.value = "c"  # type: ignore[misc]  # the very thing under test


def test_repr_reads() -> None:
    """An id's repr makes it again."""
    assert "AccountId('a')" == repr(AccountId("a"))


def test_an_id_passes_through() -> None:
    """What is an id already is not made again; text becomes one."""
    account_id, transaction_id = AccountId("a"), TransactionId("t")

    assert account_id is to_account_id(account_id)
    assert transaction_id is to_transaction_id(transaction_id)
    assert (account_id, transaction_id) == (to_account_id("a"), to_transaction_id("t"))
    with pytest.raises(InvalidIdError):
        to_account_id(transaction_id)  # type: ignore[arg-type]  # an id of the other kind


def test_a_text_that_is_more_than_text_becomes_plain() -> None:
    """A subclass of str gives a plain text, whatever it says of itself."""

    class Loud(str):
        __slots__ = ()

        def __str__(self) -> str:
            return self.upper()

    assert ("abc", str) == (AccountId(Loud("abc")).value, type(AccountId(Loud("abc")).value))
