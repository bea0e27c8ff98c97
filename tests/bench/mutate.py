"""
Small changes to a module, one at a time: does a test fail for each?

Run it by hand, from the top of the checkout, in the environment of the tests:

    python tests/bench/mutate.py src/bankcore/money/_bag.py tests/test_bag.py [more tests]

It changes comparisons, operators, numbers, texts and conditions of a copy of the package,
runs the tests against each changed copy, two at a time, and lists the changes that no test
saw. Docstrings, annotations and what only type checkers read are left alone.
"""

import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.Div: ast.Mult,
}  # fmt: skip


# A change that makes an endless loop is seen by whoever waits for it.
SECONDS_MAX = 60


def skipped(tree: ast.AST) -> set[int]:
    """
    The ids of the nodes that are not code: docstrings, annotations, overloads.
    """
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
            if any(
                isinstance(each, ast.Name) and each.id == "overload"
                for each in node.decorator_list
            ):
                parts.append(node)
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        found |= {id(each) for part in parts if part is not None for each in ast.walk(part)}
    return found


def changes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """
    Each change as the place of its node in the walk, and its kind.
    """
    ignored = skipped(tree)
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in ignored:
            continue
        match node:
            case ast.Compare(ops=ops):
                yield from ((place, f"comparison {index}") for index in range(len(ops)))
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                yield place, "operator"
            case ast.BoolOp():
                yield place, "and/or"
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
                yield place, "sign"
            case ast.Constant(value=bool() | int() | str()):
                yield place, "constant"
            case ast.If() | ast.IfExp():
                yield place, "condition"
            case ast.Return(value=value) if value is not None:
                yield place, "result"


def changed(tree: ast.Module, place: int, kind: str) -> str:  # noqa: C901  # one case each
    """
    The source with that one change.
    """
    made = copy.deepcopy(tree)
    node = next(each for index, each in enumerate(ast.walk(made)) if index == place)
    match node:
        case ast.Compare(ops=ops):
            index = int(kind.split()[1])
            ops[index] = COMPARISONS[type(ops[index])]()
        case ast.BinOp(op=op):
            node.op = OPERATORS[type(op)]()
        case ast.BoolOp(op=op):
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
            if isinstance(node.op, ast.Not):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value)):
            node.value = value + 1
        case ast.Constant(value=str(value)):
            node.value = f"XX{value}XX"
        case ast.If(test=test) | ast.IfExp(test=test):
            node.test = ast.UnaryOp(ast.Not(), test)
        case ast.Return():
            node.value = ast.Constant(None)
    return ast.unparse(ast.fix_missing_locations(made))


def survives(source: Path, text: str, tests: list[str]) -> bool:
    """
    Return whether the tests pass although *source* is changed to *text*.
    """
    with tempfile.TemporaryDirectory() as directory, suppress(subprocess.TimeoutExpired):
        shutil.copytree("src", f"{directory}/src")
        Path(directory, source).write_text(text, "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            env={
                **os.environ,
                "PYTHONPATH": f"{directory}/src",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS_MAX,
            check=False,
        )
        return done.returncode == 0
    return False


def main() -> None:
    source, *tests = Path(sys.argv[1]), *sys.argv[2:]
    tree = ast.parse(source.read_text("utf-8"))
    if not survives(source, ast.unparse(tree), tests):
        sys.exit("the tests fail without any change")
    found = list(changes(tree))
    nodes = list(ast.walk(tree))
    alive = 0
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda each: survives(source, changed(tree, *each), tests), found)
        for (place, kind), is_alive in zip(found, results, strict=True):
            if is_alive:
                alive += 1
                node = nodes[place]
                line = getattr(node, "lineno", "?")
                print(f"{source}:{line}: {kind}: {ast.unparse(node)[:90]!r}", flush=True)
    killed = len(found) - alive
    print(f"{killed} of {len(found)} killed, {100 * killed / len(found):.1f} %")


if __name__ == "__main__":
    main()
