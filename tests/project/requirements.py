"""Which requirement is shown by which test, over which routes, as the tests themselves say it.

A test names its requirements at the beginning of its own name: `test_s1_13_14_r18_…` shows S1-13, S1-14 and R18. Its
routes are those that it asks for. `python -m tests.project.requirements` writes the table of docs/api.md anew.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trunkline.api.surfaces import surfaces

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
_BLOCK = re.compile(r"<!-- requirements -->\n(.*?)<!-- end -->", re.DOTALL)
_NAME = re.compile(r"test_((?:(?:s[1-5](?:_\d\d)+|r\d{1,2})_)+)")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


class Shown(NamedTuple):
    """One test of some requirements."""

    file: str
    test: str
    requirements: tuple[str, ...]
    routes: tuple[str, ...]


def requirements(test: str) -> tuple[str, ...]:
    """Those that a test's name begins with."""
    match = _NAME.match(test)
    found: list[str] = []
    surface = ""
    for word in match[1].strip("_").split("_") if match else ():
        if word.startswith("s"):
            surface = word.upper()
        elif word.startswith("r"):
            found.append(word.upper())
        else:
            found.append(f"{surface}-{word}")
    return tuple(found)


def tests() -> Iterator[Shown]:
    """Every test of a requirement, by file and place."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        known = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
        for name, function in functions.items():
            if named := requirements(name):
                # What a test asks by a function beside it, it asks.
                parts = [function, *(functions[each] for each in _called(function) if each in functions)]
                routes = dict.fromkeys(route for part in parts for route in _routes(part, known))
                yield Shown(str(file.relative_to(ROOT)), name, named, tuple(routes))


def _called(test: ast.AST) -> list[str]:
    return [node.func.id for node in ast.walk(test) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def _routes(test: ast.AST, known: dict[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for call in ast.walk(test):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        if call.func.attr in _METHODS:
            route = _route(call.func.attr.upper(), _text(call.args[0], known).partition("?")[0])
            if route is not None:
                found[route] = None
    return list(found)


def _text(node: ast.expr, known: dict[str, str]) -> str:
    """A path as a test writes it; what only a run knows is an id."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name, "·")
        case ast.JoinedStr(values=parts):
            return "".join(_text(part.value if isinstance(part, ast.FormattedValue) else part, known) for part in parts)
        case ast.BinOp(left=left, right=right):
            return _text(left, known) + _text(right, known)
    return "·"


def _route(method: str, path: str) -> str | None:
    """The route that answers, literals before ids."""
    given = path.strip("/").split("/")
    best: tuple[int, str] | None = None
    for route in (route for surface in surfaces() for route in surface.routes):
        wanted = route.path.strip("/").split("/")
        if route.method != method or len(wanted) != len(given):
            continue
        if all(part == there or part.startswith("{") for part, there in zip(wanted, given, strict=True)):
            literal = sum(part == there for part, there in zip(wanted, given, strict=True))
            best = max(best or (0, ""), (literal, route.key))
    return None if best is None else best[1]


def table() -> str:
    """By requirement, each with its routes and the files of its tests."""
    routes: dict[str, dict[str, None]] = defaultdict(dict)
    files: dict[str, dict[str, None]] = defaultdict(dict)
    for shown in tests():
        for requirement in shown.requirements:
            routes[requirement].update(dict.fromkeys(shown.routes))
            files[requirement][shown.file] = None
    lines = ["| requirement | routes | tests |", "|---|---|---|"]
    for requirement in sorted(files, key=_order):
        paths = ", ".join(f"`{route}`" for route in sorted(routes[requirement])[:6])
        lines.append(f"| {requirement} | {paths} | {', '.join(f'`{file}`' for file in files[requirement])} |")
    return "\n".join(lines)


def _order(requirement: str) -> tuple[str, int]:
    head, _, tail = requirement.partition("-")
    return (head, int(tail)) if tail else ("T", int(requirement[1:]))


def written(page: str) -> str:
    return _BLOCK.sub(lambda _: f"<!-- requirements -->\n{table()}\n<!-- end -->", page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
