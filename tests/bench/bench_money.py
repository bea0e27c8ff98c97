"""
How quick Money is, beside py-moneyed, stockholm and plain Decimal in one process.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_money.py [rounds]

Each operation is timed in turn for every library, round after round, so that a machine
that slows down slows all of them. It prints nanoseconds per operation, the best of all
rounds, and how many times as long the others take: those ratios are what holds from one
machine to another. It ends with status 1 where a ratio that the project promises is missed.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from moneyed import Money as Moneyed
from stockholm import Money as Stockholm

from bankcore import Money

Operation = Callable[[Any, Any], object]

# What is timed: the operation on two values of each library.
OPERATIONS: dict[str, Operation] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * 3": lambda a, b: a * 3,
    "-a": lambda a, b: -a,
    "a == b": lambda a, b: a == b,
    "a < b": lambda a, b: a < b,
    "hash(a)": lambda a, b: hash(a),
    "str(a)": lambda a, b: str(a),
}
LIBRARIES = ("bankcore", "py-moneyed", "stockholm", "Decimal")
MAKERS: dict[str, Callable[[str], Any]] = {
    "bankcore": lambda text: Money(text, "EUR"),
    "py-moneyed": lambda text: Moneyed(text, "EUR"),
    "stockholm": lambda text: Stockholm(text, "EUR"),
    "Decimal": Decimal,
}
SUMS: dict[str, Callable[[Any], object]] = {
    "bankcore": Money.sum,
    "py-moneyed": sum,
    "stockholm": Stockholm.sum,
    "Decimal": sum,
}
# operation, library, how many times as long it takes at least
PROMISES = [
    ("a + b", "py-moneyed", 2.4),
    ("a + b", "stockholm", 15.0),
    ("a == b", "py-moneyed", 1.0),
    ("a < b", "py-moneyed", 1.0),
    ("hash(a)", "py-moneyed", 1.0),
    ("sum of 1,000", "py-moneyed", 15.0),
    ("str(a)", "stockholm", 5.0),
    ("from text", "py-moneyed", 1.0),
]
TIMES = 2_000


def seconds(act: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - started) / times


def operations() -> Iterable[tuple[str, str, Callable[[], object], int]]:
    values = {name: (make("1234.56"), make("0.99")) for name, make in MAKERS.items()}
    for name, make in MAKERS.items():
        yield "from text", name, lambda make=make: make("1234.56"), TIMES  # type: ignore[misc]
    for operation, run in OPERATIONS.items():
        for name, (a, b) in values.items():
            yield operation, name, lambda run=run, a=a, b=b: run(a, b), TIMES  # type: ignore[misc]
    for name, add in SUMS.items():
        many = [MAKERS[name](f"{number}.25") for number in range(1_000)]
        yield "sum of 1,000", name, lambda add=add, many=many: add(many), TIMES // 200  # type: ignore[misc]
    minor = {"bankcore": Money.from_minor, "stockholm": Stockholm.from_sub_units}
    for name, from_minor in minor.items():
        yield "from minor", name, lambda make=from_minor: make(123456, "EUR"), TIMES  # type: ignore[misc]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for operation, name, act, times in operations():
            taken = seconds(act, times)
            best[operation, name] = min(taken, best.get((operation, name), taken))
    # What the loop and the call cost by themselves is no library's doing.
    empty = min(seconds(lambda: None, TIMES) for _ in range(rounds))
    net = {key: max(taken - empty, 1e-9) for key, taken in best.items()}
    print(f"{'operation':<14}{'bankcore':>12}" + "".join(f"{n:>22}" for n in LIBRARIES[1:]))
    for operation in dict.fromkeys(operation for operation, _ in net):
        ours = net[operation, "bankcore"]
        row = f"{operation:<14}{ours * 1e9:>9,.0f} ns"
        for name in LIBRARIES[1:]:
            with contextlib.suppress(KeyError):
                theirs = net[operation, name]
                row += f"{theirs * 1e9:>10,.0f} ns {theirs / ours:>6.1f} x"
        print(row)
    missed = [
        f"{operation}: {net[operation, name] / net[operation, 'bankcore']:.2f} x {name},"
        f" and {least} x was promised"
        for operation, name, least in PROMISES
        if net[operation, name] < least * net[operation, "bankcore"]
    ]
    print("\n".join(missed) or "every promise is kept")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
