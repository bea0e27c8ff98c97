"""
Money in other libraries: what goes in comes out, and what is wrong is refused there too.
"""

import itertools
import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Currency, ExchangeRate, Money, MoneyBag
from bankcore.errors import InvalidCurrencyError

EUR5 = Money("5.00", "EUR")
BTC = Money("0.5", Currency("BTC", exponent=8))
WRONG = [
    {"amount": 5.0, "currency": "EUR"},
    {"amount": 5, "currency": "EUR"},
    {"amount": "5.001", "currency": "EUR"},
    {"amount": "1e3", "currency": "EUR"},
    {"amount": "5", "currency": "eur"},
    {"amount": "5", "currency": "ZZZ"},
    {"amount": "5", "currency": "EUR", "exponent": "2"},
    {"amount": "5", "currency": "EUR", "more": 1},
    {"amount": "5"},
    {},
    "EUR 5.00",
    500,
    None,
    [],
]


class TestPydantic:
    """
    A field of type Money is an object in JSON, is checked, and has a schema.
    """

    pydantic = pytest.importorskip("pydantic", reason="pydantic is not installed")

    def model(self) -> Any:
        return self.pydantic.create_model("Order", price=(Money, ...), tip=(Money | None, None))

    @pytest.mark.parametrize("money", [EUR5, BTC, -EUR5, Money("9" * 64, "JPY")])
    def test_there_and_back(self, money: Money) -> None:
        """Money survives JSON and Python data, with its currency's identity."""
        model = self.model()
        order = model(price=money)
        text = order.model_dump_json()

        assert money.to_dict() == json.loads(text)["price"]
        again = model.model_validate_json(text)
        assert money == again.price
        assert money.currency is again.price.currency
        assert {"price": money, "tip": None} == order.model_dump()
        assert money.to_dict() == order.model_dump(mode="json")["price"]
        assert order == model(price=money.to_dict())

    @pytest.mark.parametrize("wrong", WRONG)
    def test_what_is_wrong_is_a_validation_error(self, wrong: Any) -> None:
        """What `from_dict` refuses is pydantic's own error, from JSON and from Python."""
        with pytest.raises(self.pydantic.ValidationError):
            self.model().model_validate_json(json.dumps({"price": wrong}))
        with pytest.raises(self.pydantic.ValidationError):
            self.model()(price=wrong)

    @pytest.mark.parametrize("name", ["amount", "currency"])
    def test_bytes_are_no_text(self, name: str) -> None:
        """Nothing is decoded on the way in: what pydantic would coerce is refused too."""
        data = {**EUR5.to_dict(), name: EUR5.to_dict()[name].encode()}
        with pytest.raises(self.pydantic.ValidationError, match="valid string"):
            self.model()(price=data)

    @pytest.mark.parametrize(
        "value",
        [
            Currency("EUR"),
            BTC.currency,
            MoneyBag(),
            MoneyBag([EUR5, BTC, Money("7", "JPY")]),
            ExchangeRate("EUR", "USD", "1.0825"),
            ExchangeRate(BTC.currency, "USD", Fraction(25, 27)),
            ExchangeRate("EUR", "USD", "9" * 64),
            ExchangeRate("EUR", "USD", Fraction(10**64 - 1, 10**64 - 2)),
            ExchangeRate("EUR", "USD", "0." + "0" * 62 + "1"),
        ],
    )
    def test_other_values_go_there_and_back(self, value: Any) -> None:
        """Currencies, bags and rates are the objects of their `to_dict`, in JSON and Python."""
        adapter = self.pydantic.TypeAdapter(type(value))
        text = adapter.dump_json(value)

        assert value.to_dict() == json.loads(text) == adapter.dump_python(value, mode="json")
        assert value == adapter.validate_json(text) == adapter.validate_json(text, strict=True)
        for given in (value, value.to_dict()):
            assert value == adapter.validate_python(given)
        assert value is adapter.dump_python(value)

    @pytest.mark.parametrize(
        ("kind", "wrong"),
        [
            (Currency, "EUR"),
            (Currency, {}),
            (Currency, {"code": "eur"}),
            (Currency, {"code": "ZZZ"}),
            (Currency, {"code": "BTC", "exponent": 19}),
            (Currency, {"code": "BTC", "exponent": "8"}),
            (Currency, {"code": "EUR", "more": 1}),
            (MoneyBag, []),
            (MoneyBag, {}),
            (MoneyBag, {"moneys": EUR5.to_dict()}),
            (MoneyBag, {"moneys": [{"amount": 5, "currency": "EUR"}]}),
            (MoneyBag, {"moneys": [{"amount": "5.001", "currency": "EUR"}]}),
            (ExchangeRate, {"base": "EUR", "quote": "USD"}),
            (ExchangeRate, {"base": "EUR", "quote": "USD", "rate": 1.5}),
            (ExchangeRate, {"base": "EUR", "quote": "USD", "rate": "0"}),
            (ExchangeRate, {"base": "EUR", "quote": "USD", "rate": "1/0"}),
            (ExchangeRate, {"base": "EUR", "quote": "USD", "rate": "1e3"}),
            (ExchangeRate, {"base": "EUR", "quote": "EUR", "rate": "2"}),
            (ExchangeRate, {"base": "EUR", "quote": "ZZZ", "rate": "2"}),
        ],
    )
    def test_other_values_that_are_wrong(self, kind: Any, wrong: Any) -> None:
        """What `from_dict` refuses is pydantic's own error."""
        adapter = self.pydantic.TypeAdapter(kind)
        with pytest.raises(self.pydantic.ValidationError):
            adapter.validate_json(json.dumps(wrong))
        with pytest.raises(self.pydantic.ValidationError):
            adapter.validate_python(wrong)

    @pytest.mark.parametrize(
        ("kind", "required", "optional"),
        [
            (Currency, {"code"}, {"exponent"}),
            (MoneyBag, {"moneys"}, set()),
            (ExchangeRate, {"base", "quote", "rate"}, {"base_exponent", "quote_exponent"}),
        ],
    )
    def test_other_values_have_schemas(
        self, kind: Any, required: set[str], optional: set[str]
    ) -> None:
        """The JSON schema has the keys of `to_dict`, and no others."""
        for mode in ("validation", "serialization"):
            schema = self.pydantic.TypeAdapter(kind).json_schema(mode=mode)

            assert "object" == schema["type"]
            assert required == set(schema["required"])
            assert required | optional == set(schema["properties"])
            assert schema["additionalProperties"] is False

    def test_its_schema_says_what_is_taken(self) -> None:
        """The JSON schema is that of `to_dict`, both ways."""
        for mode in ("validation", "serialization"):
            schema = self.pydantic.TypeAdapter(Money).json_schema(mode=mode)
            assert "object" == schema["type"]
            assert ["amount", "currency"] == schema["required"]
            assert {"amount", "currency", "exponent"} == set(schema["properties"])
            amount, currency, exponent = (
                schema["properties"][name] for name in ("amount", "currency", "exponent")
            )
            assert ("string", 66) == (amount["type"], amount["maxLength"])
            assert r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$" == amount["pattern"]
            assert ("string", r"^[A-Z][A-Z0-9]{1,11}$") == (currency["type"], currency["pattern"])
            assert ("integer", 0, 18) == (
                exponent["type"],
                exponent["minimum"],
                exponent["maximum"],
            )
            assert schema["additionalProperties"] is False

    def test_it_is_strict_when_asked(self) -> None:
        """A strict model takes money, and JSON."""
        adapter = self.pydantic.TypeAdapter(Money)

        assert EUR5 == adapter.validate_python(EUR5, strict=True)
        assert EUR5 == adapter.validate_json(json.dumps(EUR5.to_dict()), strict=True)


@attrs.frozen
class Line:
    name: str
    price: Money


def test_cattrs_by_two_hooks() -> None:
    """With `to_dict` and `from_dict` as hooks, cattrs structures money anywhere."""
    cattrs = pytest.importorskip("cattrs", reason="cattrs is not installed")
    converter = cattrs.Converter()
    converter.register_unstructure_hook(Money, Money.to_dict)
    converter.register_structure_hook(Money, lambda data, _: Money.from_dict(data))
    for money in (EUR5, BTC):
        line = Line("tea", money)
        data = converter.unstructure(line)
        assert {"name": "tea", "price": money.to_dict()} == data
        assert line == converter.structure(json.loads(json.dumps(data)), Line)
    for wrong in WRONG:
        with pytest.raises((cattrs.BaseValidationError, ValueError)):
            converter.structure({"name": "tea", "price": wrong}, Line)


class TestMsgspec:
    """
    msgspec takes attrs classes as they are: minor units, code and exponent.
    """

    msgspec = pytest.importorskip("msgspec", reason="msgspec is not installed")

    @pytest.mark.parametrize("money", [EUR5, BTC, -EUR5])
    def test_there_and_back(self, money: Money) -> None:
        """Money survives JSON and MessagePack, with its currency's identity."""
        for code in (self.msgspec.json, self.msgspec.msgpack):
            other = code.decode(code.encode(Line("tea", money)), type=Line).price
            assert (money, hash(money)) == (other, hash(other))
            assert money.currency is other.currency
        assert {
            "amount_minor": money.amount_minor,
            "currency": {"code": money.currency.code, "exponent": money.currency.exponent},
        } == json.loads(self.msgspec.json.encode(money))

    @pytest.mark.parametrize(
        ("minor", "code", "exponent"),
        [
            (1.5, "EUR", 2),
            ("5", "EUR", 2),
            (10**64, "EUR", 2),
            (5, "eur", 2),
            (5, "", 2),
            (5, "EUR", -1),
            (5, "EUR", 19),
            (5, "EUR", "2"),
        ],
    )
    def test_what_cannot_be_is_refused(self, minor: Any, code: str, exponent: Any) -> None:
        """What decodes to no money is msgspec's own error: there is no way round the checks."""
        data = {"amount_minor": minor, "currency": {"code": code, "exponent": exponent}}
        with pytest.raises(self.msgspec.ValidationError):
            self.msgspec.json.decode(json.dumps(data), type=Money)
        with pytest.raises(self.msgspec.ValidationError):
            self.msgspec.convert(data, Money)


COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "use-money-in-other-libraries.md"


def as_in_sql(compare: Callable[[Any, Any], bool], one: Money | None, other: Money) -> bool:
    """
    Return what a query finds, by the sentence of the guide.
    """
    if one is None:
        return False
    if one.currency != other.currency:
        return compare is operator.ne
    return compare(one.amount_minor, other.amount_minor)


MONEYS = (
    *(Money.from_minor(minor, "EUR") for minor in (-300, -1, 0, 1, 299, 300, 301, 10**12)),
    *(Money.from_minor(minor, "JPY") for minor in (-300, 0, 3, 300)),
    *(Money.from_minor(minor, "AED") for minor in (0, 300, 10**12)),
)


@pytest.fixture(scope="module")
def order() -> Any:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    orm = pytest.importorskip("sqlalchemy.orm", reason="SQLAlchemy is not installed")
    (comparator,) = re.findall(
        r"^class MoneyComparator.*?(?=^```)", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    space = {
        "CompositeProperty": orm.CompositeProperty,
        "Money": Money,
        "and_": sqlalchemy.and_,
        "not_": sqlalchemy.not_,
        "operator": operator,
    }
    exec(comparator, space)  # the guide's own

    def composite(name: str) -> Any:
        return orm.composite(
            lambda minor, code: None if minor is None else Money.from_minor(minor, code),
            orm.mapped_column(f"{name}_minor", sqlalchemy.BigInteger, nullable=True),
            orm.mapped_column(f"{name}_currency", sqlalchemy.String(12), nullable=True),
            comparator_factory=space["MoneyComparator"],
        )

    columns = {
        "__tablename__": "orders",
        "__annotations__": {
            "id": orm.Mapped[int],
            "price": orm.Mapped[Money],
            "tip": orm.Mapped[Money | None],
        },
        "id": orm.mapped_column(primary_key=True),
        "price": composite("price"),
        "tip": composite("tip"),
    }
    base = type("Base", (orm.DeclarativeBase,), {})
    return type("Order", (base,), columns)


@pytest.fixture(scope="module")
def session(order: Any) -> Iterator[Any]:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    orm = pytest.importorskip("sqlalchemy.orm", reason="SQLAlchemy is not installed")
    engine = sqlalchemy.create_engine("sqlite://")
    order.metadata.create_all(engine)
    with orm.Session(engine) as session:
        tips = (None, *MONEYS)
        pairs = list(itertools.product(MONEYS, tips))
        session.add_all(order(price=price, tip=tip) for price, tip in pairs)
        session.commit()
        yield session
    engine.dispose()


class TestSQLAlchemy:
    """
    "Across currencies `!=` is true and the other five are false, for each row."
    """

    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    orm = pytest.importorskip("sqlalchemy.orm", reason="SQLAlchemy is not installed")

    def found(self, session: Any, entity: Any, condition: Any) -> Counter[Any]:
        rows = session.scalars(self.sqlalchemy.select(entity).where(condition))
        return Counter((row.price, row.tip) for row in rows)

    def expected(self, session: Any, order: Any, holds: Any) -> Counter[Any]:
        rows = session.scalars(self.sqlalchemy.select(order))
        return Counter((row.price, row.tip) for row in rows if holds(row.price, row.tip))

    @pytest.mark.parametrize("compare", COMPARISONS)
    def test_a_column_compares_with_money(self, session: Any, order: Any, compare: Any) -> None:
        """Each operator, both ways round, finds the rows that Python would."""
        aliased = self.orm.aliased(order)
        mirrored = {
            operator.lt: operator.gt,
            operator.gt: operator.lt,
            operator.le: operator.ge,
            operator.ge: operator.le,
        }
        for other in (*MONEYS, Money("5", "CHF")):
            for column, at in (("price", 0), ("tip", 1)):

                def holds(*row: Any, at: int = at, other: Money = other) -> bool:
                    return as_in_sql(compare, row[at], other)

                expected = self.expected(session, order, holds)
                for entity in (order, aliased):
                    field = getattr(entity, column)
                    reversed_ = mirrored.get(compare, compare)(other, field)
                    assert expected == self.found(session, entity, compare(field, other))
                    assert expected == self.found(session, entity, reversed_)

    @pytest.mark.parametrize("compare", COMPARISONS)
    def test_two_columns_compare(self, session: Any, order: Any, compare: Any) -> None:
        """A column of money compares with another as with money."""
        expected = self.expected(
            session, order, lambda price, tip: tip is not None and as_in_sql(compare, price, tip)
        )

        assert expected == self.found(session, order, compare(order.price, order.tip))

    def test_what_is_absent_is_found_as_such(self, session: Any, order: Any) -> None:
        """`== None` and `!= None` tell rows without money from those with some."""
        none, some = order.tip == None, order.tip != None  # noqa: E711  # SQLAlchemy's way

        assert self.expected(session, order, lambda _, tip: tip is None) == self.found(
            session, order, none
        )
        assert self.expected(session, order, lambda _, tip: tip is not None) == self.found(
            session, order, some
        )

    def test_money_of_ones_own_is_not_compared(self, order: Any) -> None:
        """The columns keep no exponent, so that no row could be the right one."""
        for compare in COMPARISONS:
            with pytest.raises(InvalidCurrencyError, match="currency must be of ISO 4217"):
                compare(order.price, BTC)

    def test_money_is_kept_and_changed(self, order: Any) -> None:
        """What is stored comes back with its currency's identity, and can be replaced."""
        engine = self.sqlalchemy.create_engine("sqlite://")
        order.metadata.create_all(engine)
        with self.orm.Session(engine) as session:
            session.add(order(id=1, price=EUR5))
            session.commit()
            found = session.scalars(self.sqlalchemy.select(order)).one()
            assert (EUR5, None) == (found.price, found.tip)
            assert EUR5.currency is found.price.currency
            found.price += Money("1", "EUR")
            session.commit()
            text = self.sqlalchemy.text("SELECT price_minor, price_currency FROM orders")
            assert (600, "EUR") == tuple(session.execute(text).one())
        engine.dispose()


@pytest.mark.parametrize(
    "value",
    [EUR5, -EUR5, BTC, Money("7", "JPY"), Money("9" * 64, "JPY"), EUR5.currency, BTC.currency],
)
def test_a_migration_of_django_writes_it(value: Money | Currency) -> None:
    """What the migration writer writes makes the same value again."""
    pytest.importorskip("django", reason="Django is not installed")
    writer = pytest.importorskip("django.db.migrations.writer", reason="Django is not installed")
    text, imports = writer.MigrationWriter.serialize(value)
    space: dict[str, Any] = {}
    exec("\n".join(imports), space)

    assert value == eval(text, space)


def test_a_column_of_codes_keeps_listed_currencies_alone() -> None:
    """Money whose exponent two columns would lose is refused, and not kept wrongly."""
    assert (500, "EUR") == EUR5.__composite_values__()
    for money in (BTC, Money("5", Currency("EUR", exponent=3))):
        with pytest.raises(InvalidCurrencyError, match="currency must be of ISO 4217"):
            money.__composite_values__()


def test_babel_by_one_line() -> None:
    """What a locale wants is Babel's: an amount and a code are all it needs."""
    numbers = pytest.importorskip("babel.numbers", reason="Babel is not installed")
    money = Money("1234567.5", "EUR")
    german = numbers.format_currency(money.amount, money.currency.code, locale="de_DE")
    english = numbers.format_currency(Money(1235, "JPY").amount, "JPY", locale="en_US")

    # Where the sign stands, and after which space, is CLDR's: tests/third_party_data.json has it.
    assert "1.234.567,50" in german
    assert "€" in german
    assert "1,235" in english
    assert "¥" in english
