"""Promises of a store that says what it is made of."""

from collections.abc import Mapping
from typing import cast

from bankcore.ledger import Describing
from bankcore.testing._conformance.failing import require, require_equal
from bankcore.testing._conformance.helpers import fill, journal_of
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("describing")
def a_store_says_what_it_is_made_of(subject: Subject) -> None:
    """
    `describe` gives the engine, location, schema version, durability, settings and warnings as
    text to read; it gives the same every time and changes nothing.
    """
    fill(subject.store)
    store = cast("Describing", subject.store)
    before = journal_of(subject.store), tuple(subject.store.accounts())
    told = store.describe()
    texts = (told.engine, told.location, told.durability, *told.settings, *told.warnings)

    require(all(type(each) is str and bool(each) for each in texts), "every text says something")
    require(type(told.schema_version) is int, "the schema version is a number")
    require(isinstance(told.settings, Mapping), "settings are told by their names")
    require_equal(told, store.describe())
    require_equal(before, (journal_of(subject.store), tuple(subject.store.accounts())))
