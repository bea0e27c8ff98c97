"""
How quick Money is, beside each other money library that is installed, in one process.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_money.py [rounds]

py-moneyed and stockholm are there; `pip install larzmoney moneytender` adds these two. Each row is
timed in turn for every library, round after round, so that a machine that slows down slows all of
them. It prints nanoseconds per operation, the best of all rounds, and how many times as long the
others take: those ratios are what holds from one machine to another. It ends with the rows where
bankcore is behind, and with status 1 if there are any; up to 3 % is noise.
"""

import sys
import timeit
from typing import Any

# What each library sets up: two moneys a and b, their currency eur, a list of a thousand.
SETUPS = {
    "bankcore": """
from bankcore import Currency, Money
eur, make, minor = Currency("EUR"), Money, Money.from_minor
""",
    "py-moneyed": """
from moneyed import Money, get_currency
from moneyed.l10n import format_money
eur, make = get_currency("EUR"), Money
""",
    "stockholm": """
from stockholm import Money
from stockholm.currency import EUR as eur
make, minor = Money, Money.from_sub_units
""",
    "larzmoney": """
from larzmoney import Money, currency, sum_money
eur, make, minor = currency("EUR"), Money.of, Money.from_minor
""",
    "moneytender": """
from moneytender import DEFAULT_REGISTRY, Money, from_dict, to_dict
eur, make, minor = DEFAULT_REGISTRY.get("EUR"), Money.from_major, Money.from_minor
""",
}
SHARED_SETUP = """
from copy import copy, deepcopy
from decimal import Decimal
from pickle import dumps, loads
number = Decimal("1234.56")
a, b = make("1234.56", "EUR"), make("0.99", "EUR")
many = [make(f"{number}.25", "EUR") for number in range(1_000)]
"""
# Each row: how it is written, and how those libraries write it that do it in another way; None
# where a library has no such thing.
ROWS: dict[str, tuple[str, dict[str, str | None]]] = {
    "from text": ("make('1234.56', 'EUR')", {}),
    "from text, currency": ("make('1234.56', eur)", {}),
    "from Decimal": ("make(number, 'EUR')", {}),
    "from Decimal, currency": ("make(number, eur)", {}),
    "from int": ("make(1234, 'EUR')", {}),
    "from minor": ("minor(123456, 'EUR')", {"py-moneyed": None}),
    ".amount": ("a.amount", {"moneytender": "a.major"}),
    "a + b": ("a + b", {}),
    "a - b": ("a - b", {}),
    "a * 3": ("a * 3", {}),
    "-a": ("-a", {}),
    "a == b": ("a == b", {}),
    "a < b": ("a < b", {}),
    "a >= b": ("a >= b", {}),
    "hash": ("hash(a)", {}),
    "str": ("str(a)", {}),
    "repr": ("repr(a)", {}),
    "format": (
        "f'{a:,}'",
        {
            "py-moneyed": "format_money(a)",
            "stockholm": "f'{a:,.2f}'",
            "larzmoney": "a.format()",
            "moneytender": "a.format()",
        },
    ),
    "copy": ("copy(a)", {}),
    "deepcopy": ("deepcopy(a)", {}),
    "pickle": ("loads(dumps(a))", {}),
    "to_dict": (
        "a.to_dict()",
        {"py-moneyed": None, "stockholm": "a.as_dict()", "moneytender": "to_dict(a)"},
    ),
    "from_dict": ("Money.from_dict(data)", {"py-moneyed": None, "moneytender": "from_dict(data)"}),
    "allocate": ("a.allocate([5, 3, 2])", {"py-moneyed": None, "stockholm": None}),
    "split": ("a.split(3)", {"py-moneyed": None, "stockholm": None}),
    "sum of 1,000": (
        "Money.sum(many)",
        {"py-moneyed": "sum(many)", "larzmoney": "sum_money(many)", "moneytender": None},
    ),
}


def timers(name: str) -> dict[str, timeit.Timer] | None:
    """Return the timers of the library *name* by row; None if it is not installed."""
    space: dict[str, Any] = {}
    try:
        exec(SETUPS[name] + SHARED_SETUP, space)  # our own text
    except ModuleNotFoundError:
        return None
    found = {row: others.get(name, shared) for row, (shared, others) in ROWS.items()}
    if found["to_dict"]:
        space["data"] = eval(found["to_dict"], space)  # our own text
    return {row: timeit.Timer(code, globals=space) for row, code in found.items() if code}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    libraries = {name: each for name in SETUPS if (each := timers(name))}
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for row in ROWS:
            times = 20 if row == "sum of 1,000" else 2_000
            for name, each in libraries.items():
                if row in each:
                    taken = each[row].timeit(times) / times
                    best[row, name] = min(taken, best.get((row, name), taken))
    print(f"{'':<24}" + "".join(f"{name:>22}" for name in libraries))
    behind = []
    for row in ROWS:
        ours = best[row, "bankcore"]
        line = f"{row:<24}{ours * 1e9:>19,.0f} ns"
        for name in list(libraries)[1:]:
            if (row, name) not in best:
                line += f"{'-':>22}"
                continue
            theirs = best[row, name]
            line += f"{theirs * 1e9:>11,.0f} ns {theirs / ours:>5.1f} x"
            if theirs < ours * 0.97:
                behind.append(f"{row}: {theirs / ours:.2f} x {name}")
        print(line)
    print("behind: " + "; ".join(behind) if behind else "ahead in every row")
    sys.exit(bool(behind))


if __name__ == "__main__":
    main()
