"""
The test cases of other money libraries, where they ask for something that Money offers.

The data is beside the checkout (see `shared_data`) and never part of the package; without
it these tests are skipped, and say so. An operation that Money does not offer is in
`NOT_OFFERED` with the reason; a single case that asks for another policy than ours is told
by `other_policy`. All other cases must agree, values and refusals alike.
"""

import copy
import json
import pickle
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from bankcore import Allocation, Currency, ExchangeRate, Money, MoneyBag, Rounding
from bankcore.errors import BankError
from shared_data import shared_path

FILES = {"brick_money": 260, "moneyphp": 230, "dinero_js": 175, "issue_regressions": 40}

NOT_OFFERED = {
    "round_number": "it rounds a bare number; mul and div have the same modes",
    "shift10": "it is arithmetic of bare numbers",
    "parse_number_strict": "it reads a bare number, in the other library's own grammar",
    "parse_symbol": "it guesses a currency's symbol and separators from a locale",
    "parse_locale_decimal": "it guesses separators from a locale; bankcore has none",
    "parse_pair": "a rate is not read from text of one's own; it is a value",
    "format_locale": "it is Babel's: the recipe is in the documentation",
    "format_locale_number": "the same",
    "format_symbol": "the same",
    "trim_scale": "the exponent belongs to the currency",
    "valid_step": "it asks which steps there can be at a scale; any amount above zero is ours",
    "convert_bag": "a bag is not converted at once: its amounts are, each rounded by itself",
    "same_value": "it compares across representations that Money does not have",
}

MODES = {
    "largest_remainder": Allocation.LARGEST_REMAINDER,
    "floor_to_first": Allocation.TO_FIRST,
    "to_first": Allocation.TO_FIRST,
    "floor_separate": Allocation.SEPARATE,
    "separate": Allocation.SEPARATE,
}


class OtherPolicy(Exception):  # noqa: N818  # not an error: a decision
    """
    The case asks for something that bankcore decides otherwise, for the reason given.
    """


# -- From the vectors to our values ------------------------------------------


def currency_of(data: Any, scale: int | None = None) -> Currency:
    if isinstance(data, dict):
        return Currency(data["code"], data["exponent"] if scale is None else scale)
    return Currency(data, scale)


def context_scale(context: Any) -> int | None:
    context = context or {"kind": "default"}
    if context["kind"] == "rational":
        raise OtherPolicy("money is no fraction")
    if int(context.get("step", 1)) != 1:
        raise OtherPolicy("money has no step of its own; rounded_to takes it")
    scale = context.get("scale")
    return None if scale is None else int(scale)


def money_of(data: Any) -> Money:
    scale = data.get("scale", context_scale(data.get("context")))
    currency = currency_of(data["currency"], None if scale is None else int(scale))
    if "minor" in data:
        return Money.from_minor(int(data["minor"]), currency)
    if "/" in data["amount"]:
        return Money(1, currency).times(Fraction(data["amount"]))
    return Money(fitting(canonical(data["amount"]), currency), currency)


def fitting(amount: str, currency: Currency) -> str:
    decimals = amount.partition(".")[2]
    if len(decimals) > currency.exponent:
        raise OtherPolicy("money has no more decimals than its currency")
    return amount


def rounding_of(case: Any) -> Rounding | None:
    name = case["in"].get("rounding", "unnecessary")
    return None if name == "unnecessary" else Rounding(name)


def number_of(data: Any) -> Any:
    if isinstance(data, dict):
        raise OtherPolicy("a float is no number here; what it means is for the caller to say")
    text = str(data)
    return Fraction(text) if "/" in text or "e" in text.lower() else text


def canonical(text: str) -> str:
    if re.fullmatch(r"|\+.*|-?0\d.*|-?\..*|.*\.", text) or re.fullmatch(r"-0(\.0*)?", text):
        raise OtherPolicy("a number is written in one way: no '+', '007', '.5', '5.', '-0' or ''")
    return text


def money_or_amount(data: Any, currency: Currency) -> Money:
    if not isinstance(data, dict):
        return Money(fitting(canonical(str(data)), currency), currency)
    if "float" in data:
        raise OtherPolicy("a float is no amount")
    return money_of(data)


# -- What each operation is with us -------------------------------------------


def both(case: Any) -> tuple[Money, Money]:
    a = money_of(case["in"]["a"])
    b = money_or_amount(case["in"]["b"], a.currency)
    if a.currency.code == b.currency.code and a.currency != b.currency:
        raise OtherPolicy("one code with two scales is two currencies")
    result = case["in"].get("context")
    if result is not None and context_scale(result) not in {None, a.currency.exponent}:
        raise OtherPolicy("a sum has the currency of what is added")
    return a, b


def sum_or_difference(operate: Callable[[Money, Money], Money]) -> Callable[[Any], object]:
    return lambda case: operate(*both(case))


def times(case: Any) -> object:
    if int(case["expect"].get("scale", 2)) > 2:
        raise OtherPolicy("money has no more decimals than its currency")
    return money_of(case["in"]["a"]).times(number_of(case["in"]["by"]), rounding_of(case))


def divided(case: Any) -> object:
    return money_of(case["in"]["a"]).divided_by(number_of(case["in"]["by"]), rounding_of(case))


def div_round(case: Any) -> object:
    # A number divided and rounded is an amount of a currency without minor unit.
    data = case["in"]
    money = Money.from_minor(int(data["number"]), "JPY")
    return money.divided_by(number_of(data["by"]), rounding_of(case)).amount_minor


def of(case: Any) -> object:
    data = case["in"]
    currency = currency_of(data["currency"], context_scale(data.get("context")))
    if (data.get("context") or {}).get("kind") == "exact":
        raise OtherPolicy("money has no more decimals than its currency")
    if "/" in data["amount"]:
        return Money(1, currency).times(Fraction(data["amount"]), rounding_of(case))
    return Money(canonical(trimmed(data["amount"], currency)), currency, rounding_of(case))


def trimmed(amount: str, currency: Currency) -> str:
    decimals = amount.partition(".")[2]
    if len(decimals) > currency.exponent and not decimals[currency.exponent :].strip("0"):
        raise OtherPolicy("as text, zeros beyond the currency's decimals are too many decimals")
    return amount


def round_amount(case: Any) -> object:
    data = case["in"]
    context = data.get("context") or {}
    currency = currency_of(data["currency"])
    if context.get("kind") == "custom":
        currency = currency_of(data["currency"], int(context["scale"]))
    elif context.get("kind") in {"exact", "rational"}:
        raise OtherPolicy("money has no more decimals than its currency")
    step = int(context.get("step", 1))
    rounding = rounding_of(case)
    if step == 1:
        return Money(canonical(trimmed(data["amount"], currency)), currency, rounding)
    # Rounded once: at a scale that loses nothing, to the step.
    fine = Currency(currency.code, exponent=currency.exponent + 8)
    money = Money(canonical(data["amount"]), fine)
    unit = Money.from_minor(step * 10**8, fine)
    return money.rounded_to(unit, rounding)


def with_scale(case: Any) -> object:
    data = case["in"]
    scale = int(data["scale"])
    minor = money_of(data["a"]).to_minor(exponent=scale, rounding=rounding_of(case))
    return {"minor": minor, "scale": scale}


def round_to_pow10(case: Any) -> object:
    money = money_of(case["in"]["a"])
    unit = Money.from_minor(10 ** int(case["in"]["unit"]), money.currency)
    return money.rounded_to(unit, rounding_of(case))


def to_context(case: Any) -> object:
    data = case["in"]
    source = data["a"]
    if "/" in source["amount"]:
        raise OtherPolicy("money is no fraction")
    amount = Fraction(source["amount"])
    decimals = max(len(source["amount"].partition(".")[2]), 2)
    fine = Currency(source["currency"], exponent=decimals)
    context = data["context"]
    if context["kind"] == "cash":
        unit = Money.from_minor(int(context["step"]), source["currency"])
        step = Money(unit.amount, fine)
    elif context["kind"] in {"default", "custom"}:
        exponent = int(context.get("scale", Currency(source["currency"]).exponent))
        # A step of n units at that scale.
        step = Money(
            Money.from_minor(
                int(context.get("step", 1)), Currency(source["currency"], exponent)
            ).amount,
            Currency(source["currency"], max(decimals, exponent)),
        )
        fine = step.currency
    else:
        raise OtherPolicy("money has no more decimals than its currency")
    assert amount == Fraction(source["amount"])
    return Money(source["amount"], fine).rounded_to(step, rounding_of(case))


def allocate(case: Any) -> object:
    data = case["in"]
    mode = data["mode"]
    if mode not in MODES:
        raise OtherPolicy(f"there is no mode {mode}: few modes, well named")
    if "currency" not in data["a"]:
        data = {**data, "a": {**data["a"], "currency": "EUR"}}
    weights = [number_of(each) for each in data["ratios"]]
    return money_of(data["a"]).allocate(weights, MODES[mode])


def split(case: Any) -> object:
    return money_of(case["in"]["a"]).split(int(case["in"]["parts"]), MODES[case["in"]["mode"]])


def items(case: Any) -> list[Money]:
    found = [money_of(each) for each in case["in"]["items"]]
    if len({each.currency for each in found}) > len({each.currency.code for each in found}):
        raise OtherPolicy("one code with two scales is two currencies")
    return found


def average(case: Any) -> object:
    found = items(case)
    if not found:
        return Money.sum(found)
    return Money.sum(found).divided_by(len(found), rounding_of(case) or Rounding.HALF_UP)


def quotient_and_rest(case: Any) -> object:
    a, by = money_of(case["in"]["a"]), int(case["in"]["by"])
    if a.amount_minor < 0 or by < 0:
        raise OtherPolicy("divmod rounds down, as Python does; theirs rounds to zero")
    return dict(zip(("quotient", "remainder"), divmod(a, by), strict=True))


def remainder(case: Any) -> object:
    a, by = both({"in": {"a": case["in"]["a"], "b": case["in"]["by"]}})
    if a.amount_minor < 0 or by.amount_minor < 0:
        raise OtherPolicy("% has the sign of the divisor, as Python's; theirs the dividend's")
    return a % by


def convert(case: Any) -> object:
    data = case["in"]
    target = currency_of(data["to"], context_scale(data.get("context")))
    money = money_of(data["a"])
    if (data.get("context") or {}).get("kind") == "exact":
        scale = case["expect"].get("scale")
        if scale is None:
            raise OtherPolicy("money has no more decimals than its currency")
        target = currency_of(data["to"], int(scale))
    if isinstance(data["rate"], dict):
        raise OtherPolicy("a float is no rate")
    return ExchangeRate(money.currency, target, number_of(data["rate"])).convert(
        money, rounding_of(case)
    )


def convert_with_table(case: Any) -> object:
    data = case["in"]
    for base, quote, rate in data["rates"]:
        if (base, quote) == (data["a"]["currency"], data["to"]):
            return convert({**case, "in": {**data, "rate": rate}})
    raise OtherPolicy("there are no tables of rates: a rate is a value")


def eq_bags(case: Any) -> object:
    a, b = (MoneyBag(map(money_of, case["in"][name])) for name in ("a", "b"))
    return a == b


def formatted(case: Any) -> object:
    return f"{money_of(case['in']['a']):n}"


def formatted_with_symbol(case: Any) -> object:
    data = case["in"]
    money = money_of(data["a"])
    digits = int(data["fraction_digits"])
    if money.currency.symbol != data["symbol"]:
        # Ours has no symbol of its own for it: the number is what is compared.
        shorter = Currency(money.currency.code, exponent=digits)
        rounded = Money(f"{money:n}", shorter, rounding_of(case) or Rounding.HALF_UP)
        sign = "-" if rounded.amount_minor < 0 else ""
        return f"{sign}{data['symbol']}{abs(rounded):n}"
    raise OtherPolicy("no case has a symbol that is ours")


def parse_decimal(case: Any) -> object:
    data = case["in"]
    currency = currency_of(data["currency"])
    text = data["text"]
    if "error" not in case["expect"]:
        text = canonical(trimmed(text, currency))
    return Money(text, currency, rounding_of(case))


def parse_text(case: Any) -> object:
    return Money.parse(case["in"]["text"])


def parse_locale(case: Any) -> object:
    # What the locale stands for, said by the caller.
    marks = {"fr_FR": (",", " "), "de_DE": (",", "."), "en_US": (".", ","), "root": (".", ",")}
    point, group = marks[case["in"]["locale"]]
    return Money.parse(
        case["in"]["text"],
        case["in"].get("default_currency"),
        decimal_mark=point,
        group_mark=group,
    )


def currency(case: Any) -> object:
    found = Currency(case["in"]["code"])
    return {
        "code": found.code,
        "numeric": int(found.numeric or 0),
        "exponent": found.exponent,
        "historic": found.is_historic,
    }


def sign(case: Any) -> object:
    minor = money_of(case["in"]["a"]).amount_minor
    return (minor > 0) - (minor < 0)


def compare(case: Any) -> object:
    a, b = both(case)
    return (a > b) - (a < b)


def pickled(case: Any) -> object:
    money = money_of(case["in"]["a"])
    other = pickle.loads(pickle.dumps(copy.deepcopy(money)))
    return money == other and money.currency is other.currency


def hash_eq(case: Any) -> object:
    a, b = both(case)
    return a == b and hash(a) == hash(b)


def sub_chain(case: Any) -> object:
    first, *others = items(case)
    return first - Money.sum(others)


def provider_minor(case: Any) -> object:
    money = money_of(case["in"]["a"])
    return {"minor": money.to_minor(exponent=int(case["in"]["provider_exponent"]))}


def of_minor(case: Any) -> object:
    minor = case["in"]["minor"]
    given = int(minor) if re.fullmatch(r"-?\d+", minor) else minor
    context = case["in"].get("context")
    if context is not None and context.get("kind") != "default":
        raise OtherPolicy("minor units are those of the currency")
    return Money.from_minor(given, currency_of(case["in"]["currency"]))


def of_float(case: Any) -> object:
    # A float is refused; its shortest text is what the caller may write instead.
    with pytest.raises(BankError):
        Money(float(case["in"]["float"]), case["in"]["currency"])  # type: ignore[arg-type]  # the very thing
    return Money(case["in"]["float"], case["in"]["currency"])


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "of": of,
    "of_minor": of_minor,
    "of_float": of_float,
    "zero": lambda case: Money.zero(
        currency_of(case["in"]["currency"], context_scale(case["in"].get("context")))
    ),
    "add": sum_or_difference(lambda a, b: a + b),
    "add_exact": sum_or_difference(lambda a, b: a + b),
    "sub": sum_or_difference(lambda a, b: a - b),
    "sub_chain": sub_chain,
    "mul": times,
    "div": divided,
    "div_round": div_round,
    "neg": lambda case: -money_of(case["in"]["a"]),
    "abs": lambda case: abs(money_of(case["in"]["a"])),
    "divmod": quotient_and_rest,
    "mod": remainder,
    "compare": compare,
    "eq": lambda case: both(case)[0] == both(case)[1],
    "gt": lambda case: both(case)[0] > both(case)[1],
    "ge": lambda case: both(case)[0] >= both(case)[1],
    "lt": lambda case: both(case)[0] < both(case)[1],
    "le": lambda case: both(case)[0] <= both(case)[1],
    "sign": sign,
    "is_zero": lambda case: sign(case) == 0,
    "is_positive": lambda case: sign(case) > 0,  # type: ignore[operator]  # an int
    "is_negative": lambda case: sign(case) < 0,  # type: ignore[operator]  # an int
    "has_sub_units": lambda case: bool(
        money_of(case["in"]["a"]) % Money(1, money_of(case["in"]["a"]).currency)
    ),
    "same_amount": lambda case: len({each.amount for each in items(case)}) == 1,
    "same_currency": lambda case: len({each.currency for each in items(case)}) == 1,
    "sum": lambda case: Money.sum(items(case)),
    "min": lambda case: min(items(case)),
    "max": lambda case: max(items(case)),
    "avg": average,
    "ratio_of": lambda case: both(case)[0] / both(case)[1],
    "round_amount": round_amount,
    "round_to_pow10": round_to_pow10,
    "with_scale": with_scale,
    "to_context": to_context,
    "to_minor": lambda case: {"minor": money_of(case["in"]["a"]).to_minor()},
    "to_units": lambda case: {
        "units": [
            money_of(case["in"]["a"]) // Money(1, money_of(case["in"]["a"]).currency),
            (
                money_of(case["in"]["a"]) % Money(1, money_of(case["in"]["a"]).currency)
            ).amount_minor,
        ]
    },
    "provider_minor": provider_minor,
    "allocate": allocate,
    "split": split,
    "convert": convert,
    "convert_with_table": convert_with_table,
    "bag_eq": eq_bags,
    "format_decimal": formatted,
    "format_symbol_prefix": formatted_with_symbol,
    "parse_decimal": parse_decimal,
    "parse_text": parse_text,
    "parse_locale": parse_locale,
    "to_json": lambda case: money_of(case["in"]["a"]).to_dict(),
    "currency": currency,
    "currency_of_country": lambda case: {
        "code": Currency.from_country(case["in"]["country"]).code
    },
    "currency_of_numeric": lambda case: {
        "code": Currency.from_numeric(case["in"]["numeric"]).code
    },
    "pickle_eq": pickled,
    "hash_eq": hash_eq,
}


# -- Whether both agree --------------------------------------------------------


def agrees(result: Any, expect: Any) -> bool:  # noqa: PLR0911  # one for each kind of result
    match expect:
        case {"parts": parts}:
            return len(result) == len(parts) and all(map(agrees, result, parts))
        case {"quotient": quotient, "remainder": rest}:
            return agrees(result["quotient"], quotient) and agrees(result["remainder"], rest)
        case {"value": value}:
            return bool(result == value)
        case {"number": number}:
            return Fraction(result) == Fraction(number)
        case {"text": text}:
            return bool(result == text)
        case {"json": data}:
            return agrees(result["currency"], {"value": data["currency"]})
        case {"units": units}:
            return bool([str(each) for each in result["units"]] == units)
        case {"amount": _} | {"minor": _} if isinstance(result, Money):
            code = expect.get("currency", result.currency.code)
            code = code["code"] if isinstance(code, dict) else code
            return code == result.currency.code and Fraction(result.amount) == exact(
                expect, result
            )
        case _:
            return all(str(result[key]) == str(value) for key, value in expect.items())


def exact(expect: Any, result: Money) -> Fraction:
    if "amount" in expect:
        return Fraction(expect["amount"])
    scale = int(expect.get("scale", result.currency.exponent))
    return Fraction(int(expect["minor"]), 10**scale)


def disagreement(case: Any) -> str | None:
    expected = case["expect"]
    if expected.get("error") == "unsupported_context":
        raise OtherPolicy("there is one context: the currency")
    try:
        result = OPERATIONS[case["op"]](case)
    except (BankError, TypeError) as error:
        return None if "error" in expected else f"{case['id']}: {error!r}, not {expected}"
    if "error" in expected or not agrees(result, expected):
        return f"{case['id']}: {case['op']} {case['in']} gives {result!r}, not {expected}"
    return None


@pytest.mark.parametrize("name", FILES)
def test_cases_agree(name: str) -> None:
    """Every case of another library whose operation Money offers has the same result."""
    wrong, asked, otherwise = [], 0, Counter[str]()
    for case in json.loads(shared_path(f"vectors/money_{name}.json").read_text())["cases"]:
        if case["op"] in NOT_OFFERED or case.get("disputed"):
            continue
        try:
            found = disagreement(case)
        except OtherPolicy as policy:
            otherwise[f"{case['op']}: {policy}"] += 1
            continue
        asked += 1
        if found:
            wrong.append(found)
    print(f"{name}: {asked} cases asked; decided otherwise:")
    for reason, count in otherwise.items():
        print(f"  {count} x {reason}")

    assert [] == wrong
    # So that no reason swallows what it should not.
    assert asked >= FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_every_operation_is_offered_or_told(name: str) -> None:
    """An operation is one of ours, or is listed with the reason why it is not."""
    cases = json.loads(shared_path(f"vectors/money_{name}.json").read_text())["cases"]

    assert set() == {case["op"] for case in cases} - set(OPERATIONS) - set(NOT_OFFERED)
