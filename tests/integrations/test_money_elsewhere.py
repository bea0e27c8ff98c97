"""
Money in other libraries: what goes in comes out, and what is wrong is refused there too.
"""

import json
from typing import Any

import attrs
import pytest

from bankcore import Currency, Money
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


def test_sqlalchemy_composite() -> None:
    """Two columns and `composite` keep money, and queries compare it."""
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    orm = pytest.importorskip("sqlalchemy.orm")

    class Base(orm.DeclarativeBase):  # type: ignore[misc, name-defined]  # imported above
        pass

    class Order(Base):
        __tablename__ = "orders"
        id: orm.Mapped[int] = orm.mapped_column(primary_key=True)  # type: ignore[name-defined]
        price: orm.Mapped[Money] = orm.composite(  # type: ignore[name-defined]
            Money.from_minor,
            orm.mapped_column("price_minor", sqlalchemy.BigInteger),
            orm.mapped_column("price_currency", sqlalchemy.String(12)),
        )
        tip: orm.Mapped[Money | None] = orm.composite(  # type: ignore[name-defined]
            lambda minor, code: None if minor is None else Money.from_minor(minor, code),
            orm.mapped_column("tip_minor", sqlalchemy.BigInteger, nullable=True),
            orm.mapped_column("tip_currency", sqlalchemy.String(12), nullable=True),
        )

    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all([Order(id=1, price=EUR5), Order(id=2, price=Money("7", "JPY"))])
        session.commit()
        session.expire_all()

        found = session.scalars(sqlalchemy.select(Order).where(Order.price == EUR5)).one()
        assert (1, EUR5, None) == (found.id, found.price, found.tip)
        assert EUR5.currency is found.price.currency
        found.price += Money("1", "EUR")
        session.commit()
        row = session.execute(
            sqlalchemy.text("SELECT price_minor, price_currency FROM orders WHERE id = 1")
        ).one()
        assert (600, "EUR") == tuple(row)
    engine.dispose()


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
