"""
Ids, records and errors in the models of pydantic.
"""

import json
from typing import Any

import pydantic
import pytest

from bankcore import Account, Bank, BankError, Hold, Money, Statement, Transaction
from bankcore.accounts import Holder
from bankcore.http import Problem
from bankcore.ledger import Posting
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, PrincipalId, TransactionId

IDS = [(AccountId, "alice"), (TransactionId, "expiry:alice:7"), (PrincipalId, "mary@example.org")]
TOLD = [Account, Hold, Holder, Posting, Transaction, Statement, BankError, Problem]


@pytest.mark.parametrize(("kind", "text"), IDS)
def test_an_id_is_its_text(kind: Any, text: str) -> None:
    """
    An id is made of a text, stays what it is, and is written as its text.
    """
    adapter = pydantic.TypeAdapter(kind)

    for found in (
        adapter.validate_json(json.dumps(text)),
        adapter.validate_python(text),
        adapter.validate_python(kind(text), strict=True),
    ):
        assert kind(text) == found
    assert json.dumps(text).encode() == adapter.dump_json(kind(text))
    assert kind(text) == adapter.dump_python(kind(text))
    assert text == adapter.dump_python(kind(text), mode="json")


@pytest.mark.parametrize(("kind", "_text"), IDS)
@pytest.mark.parametrize("wrong", ["", "a b", 5, None, b"alice"])
def test_what_is_no_id_is_refused(kind: Any, _text: str, wrong: Any) -> None:
    """
    It is pydantic's own error, and one for each mistake.
    """
    adapter = pydantic.TypeAdapter(kind)
    with pytest.raises(pydantic.ValidationError) as caught:
        adapter.validate_python(wrong)

    assert 1 == caught.value.error_count()


@pytest.mark.parametrize(("kind", "text"), IDS)
def test_the_schema_of_an_id_is_its_form(kind: Any, text: str) -> None:
    """
    The JSON schema is the pattern that the class itself keeps.
    """
    adapter = pydantic.TypeAdapter(kind)

    assert adapter.json_schema()["pattern"].endswith("$")
    assert adapter.json_schema() == adapter.json_schema(mode="serialization")


def records() -> list[Any]:
    bank = Bank(MemoryStore())
    euros = Money("5", "EUR")
    receipt = bank.open_account("alice", initial_balance=euros, holder="mary")
    bank.place_hold("alice", euros)
    account = bank.account("alice")
    with pytest.raises(BankError) as caught:
        bank.withdraw("alice", euros)
    return [
        *(account, *account.holds, *account.holders, *receipt.postings, receipt),
        *(
            bank.statement("alice"),
            caught.value,
            Problem(404, "not_found", "There is no such resource."),
        ),
    ]


@pytest.mark.parametrize("kind", TOLD)
def test_a_record_is_written(kind: Any) -> None:
    """
    In a model a record is itself, and as JSON what `to_dict` returns.
    """
    (record,) = (each for each in records() if isinstance(each, kind))
    model = pydantic.create_model("Answer", record=(kind, ...), more=(list[kind], ...))
    answer = model(record=record, more=[record])

    assert record is answer.record  # type: ignore[attr-defined]  # the model is made above
    assert record is answer.model_dump()["record"]
    assert {"record": record.to_dict(), "more": [record.to_dict()]} == json.loads(
        answer.model_dump_json()
    )


@pytest.mark.parametrize("kind", TOLD)
def test_nothing_is_made_of_a_record(kind: Any) -> None:
    """
    What is written is the bank's, and no record is made of it: the error says so.
    """
    (record,) = (each for each in records() if isinstance(each, kind))
    adapter = pydantic.TypeAdapter(kind)
    sentence = f"an instance of {kind.__name__}: it is written as JSON, and never made of it"
    with pytest.raises(pydantic.ValidationError, match=sentence):
        adapter.validate_python(record.to_dict())
    with pytest.raises(pydantic.ValidationError, match=sentence):
        adapter.validate_json(json.dumps(record.to_dict()))


@pytest.mark.parametrize("kind", TOLD)
def test_the_schema_of_a_record_is_its_own(kind: Any) -> None:
    """
    It has a name among the definitions of a model, and is that of `json_schema`.
    """
    model = pydantic.create_model("Answer", record=(kind, ...), more=(list[kind], ...))

    for mode in ("validation", "serialization"):
        assert {kind.__name__: kind.json_schema()} == model.model_json_schema(mode=mode)["$defs"]
