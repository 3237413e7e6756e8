"""What the documents name exists: files, names in them, settings, commands, requests of the API, links and anchors."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.project import tables
from tests.project.pages import PAGES, ROOT, asked, commands, name, prose, spans, text
from trunkline.api import decode
from trunkline.api.route import Route
from trunkline.api.surfaces import surfaces
from trunkline.cli import parser
from trunkline.model import ids
from trunkline.settings import Settings
from trunkline.settings.read import flat
from trunkline.settings.tree import Listener

SOURCE = ROOT / "src" / "trunkline"
WITH_COMMANDS = tuple(page for page in PAGES if "```sh" in text(page))

_FILE = re.compile(r"((?:[\w.-]+/)*[\w.-]+\.(?:py|toml|md|lock|service|json))(?::([A-Za-z_][\w.]*))?")
_FOLDER = re.compile(r"(?:[a-z_]+/)+")
_SETTING = re.compile(r"((?:sip|media|api|store|secrets|log|trace|providers|webhooks)\.[a-z0-9_.]+)(?: = .*)?")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ROUTE = re.compile(r"(GET|POST|PATCH|DELETE) (/[\w/{}.-]*)")
_AN_ID = ids.mint(0.0, bytes(10))
_KEPT_WHERE = ("journal/", "trunkline-data/")
"""Folders of the data directory, which no checkout has."""


def _found(file: str, page: Path) -> Path | None:
    """A path as documents write it: from the root, from the package, or from the page's own folder."""
    for folder in (ROOT, SOURCE, page.parent):
        if (folder / file).exists():
            return folder / file
    return None


@cache
def _names(path: Path) -> frozenset[str]:
    """What a module defines, methods and constants as `Class.method` too."""
    found: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    walk(ast.parse(path.read_text("utf-8")).body, "")
    return frozenset(found)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_and_every_name_in_it_exists(page: Path) -> None:
    wrong = []
    for span in spans(page):
        match = _FILE.fullmatch(span)
        if match is None:
            if _FOLDER.fullmatch(span) and span not in _KEPT_WHERE and _found(span, page) is None:
                wrong.append(span)
            continue
        path = _found(match[1], page)
        if path is None or (match[2] and match[2] not in _names(path)):
            wrong.append(span)
    assert not wrong


def test_the_way_of_an_invite_names_functions() -> None:
    named = [span for span in spans(ROOT / "docs" / "architecture.md") if re.fullmatch(r"[\w/]+\.py:[\w.]+", span)]
    assert len(set(named)) > 30


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_exists(page: Path) -> None:
    settings = {each for each, _ in flat(Settings())}
    settings |= {f"sip.listeners.{field}" for field in Listener.__struct_fields__}
    sections = {each[: each.rfind(".")] for each in settings if "." in each}
    said = [match[1] for match in map(_SETTING.fullmatch, spans(page)) if match and not _FILE.fullmatch(match[0])]
    assert [each for each in said if each not in settings and each.rstrip(".") not in sections] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in _LINK.findall(prose(page)):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            wrong.append(link)
    assert not wrong


def test_every_room_has_its_row() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    rooms = [path.parent.name for path in SOURCE.glob("*/__init__.py")]
    assert [room for room in rooms if f"| `{room}/` |" not in page] == []


def test_readme_leads_to_every_page() -> None:
    readme = text(ROOT / "README.md")
    assert [page.name for page in PAGES[1:] if f"({name(page)})" not in readme] == []


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_commands_are_understood(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):.*## ", text(ROOT / "Makefile"), re.MULTILINE))
    for words, _ in commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= targets, words
        elif words[0] == "trunkline":
            parser().parse_args(words[1:])


def test_make_run_and_test_are_the_beginning() -> None:
    made = [words for words, _ in commands(ROOT / "README.md") if words[0] == "make"]
    assert made == [["make", "run"], ["make", "test"]]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_the_text_are_understood(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):.*## ", text(ROOT / "Makefile"), re.MULTILINE))
    known = set(next(iter(parser()._subparsers._group_actions)).choices or ())  # type: ignore[union-attr]
    for span in spans(page):
        words = span.split()
        if words[0] == "make" and len(words) > 1:
            assert words[1] in targets, span
        elif words[0] == "trunkline" and len(words) > 1:
            assert words[1] in known | {"COMMAND", "--help", "--version"}, span


# ── the API ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _route(method: str, path: str) -> Route | None:
    for route in (route for surface in surfaces() for route in surface.routes):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path))
        if route.method == method and re.fullmatch(pattern, path):
            return route
    return None


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_requests_are_ones_that_the_api_takes(page: Path) -> None:
    for words, _ in commands(page):
        request = asked(words)
        if request is None:
            continue
        method, path, query, body = request
        route = _route(method, re.sub(r"\$\w+", _AN_ID, path))
        assert route is not None, f"{method} {path}"
        if query:
            assert route.query is not None
            decode.query(dict(pair.split("=", 1) for pair in query.split("&")), route.query)
        assert (body is None) == (route.request is None), words
        if body is not None and route.request is not None:
            decode.body(re.sub(r"\$\w+", _AN_ID, body).encode(), route.request)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_of_the_api_exists(page: Path) -> None:
    named = [match for match in map(_ROUTE.match, spans(page)) if match and match[2].startswith(("/v1/s", "/v1/c"))]
    named += [match for match in map(_ROUTE.fullmatch, spans(page)) if match]
    ours = [match for match in named if not match[2].startswith(("/v1/realtime", "/v1/live"))]
    assert [match[0] for match in ours if _route(match[1], match[2].partition("?")[0]) is None] == []


# ── what comes from the code ──────────────────────────────────────────────────────────────────────────────────────────


def test_generated_tables_are_current() -> None:
    page = text(tables.PAGE)
    for table in tables.TABLES:
        assert f"<!-- generated: {table} -->" in page
    assert page == tables.written(page), "run `python -m tests.project.tables`"
