"""The documents as tests read them: what stands in backticks, the commands in their blocks, the requests among them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_SPAN = re.compile(r"`([^`\n]+)`")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_ASSIGNED = re.compile(r"([A-Z]+)=\$\((.*)\)", re.DOTALL)


class Command(NamedTuple):
    words: list[str]
    into: str | None = None
    """The variable that its output goes to."""


class Asked(NamedTuple):
    """A request of the API."""

    method: str
    path: str
    """From `/v1` on."""
    query: str
    body: str | None


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text(page: Path) -> str:
    return page.read_text("utf-8")


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", text(page))


def spans(page: Path) -> Iterator[str]:
    """What stands in backticks in its prose."""
    yield from _SPAN.findall(prose(page).replace("\n", " "))


def commands(page: Path) -> Iterator[Command]:
    """The commands of its `sh` blocks, in order."""
    for kind, body in _FENCE.findall(text(page)):
        if kind != "sh":
            continue
        for line in _whole(body):
            match = _ASSIGNED.fullmatch(line)
            words = shlex.split(match[2] if match else line, comments=True)
            if words:
                yield Command(words, match[1] if match else None)


def _whole(script: str) -> Iterator[str]:
    """Lines, joined while a quote or a parenthesis is open."""
    line = ""
    for part in script.splitlines():
        line = f"{line}\n{part}" if line else part.strip()
        try:
            shlex.split(line, comments=True)
        except ValueError:
            continue
        if line.count("$(") <= line.count(")"):
            yield line
            line = ""
    assert not line, f"unfinished: {line}"


def asked(words: list[str]) -> Asked | None:
    """The request that a command makes of the API; None when it makes none."""
    url = next((word for word in words[1:] if "/v1/" in word), None)
    if words[0] not in ("api", "new", "curl") or url is None:
        return None
    path, _, query = url[url.index("/v1/") :].partition("?")
    body = words[words.index("-d") + 1] if "-d" in words else None
    method = words[words.index("-X") + 1] if "-X" in words else "GET" if body is None else "POST"
    return Asked(method, path, query, body)
