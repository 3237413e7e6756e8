"""Every secret that the tests set, looked for in all that comes out of the product in the same run.

A secret is what a test makes a `Secret` of, or sends to an API under a secret's name. What comes out: answers of the
API, webhooks, providers' errors, what commands print, log lines, and the files that edges leave: their logs, journals
and databases. Each test is searched when it ends, the files when the run does.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.secrets import NAMES, SHORTEST

_HERE = str(Path(__file__).parent) + os.sep
_FILES = ("*.out", "*.err", "*.log", "*.db", "*.db-wal", "*.journal", "trace*")
_ADDRESS = re.compile(r"[0-9.:]+")
"""Tried where a credential names a host: it is in every file all the same."""
_VARIETY = 5
"""Different letters: a word of fewer is found by chance."""


class Watch:
    def __init__(self) -> None:
        self._module = ""
        self._early: dict[str, set[str]] = {}
        self._told: set[str] = set()
        self._shown: list[tuple[str, str]] = []
        self.ever: set[str] = set()
        """All secrets of the run."""

    def tell(self, secret: str, by: str = "") -> None:
        """A test sets a secret; `by` is the file that does, for those that are set before any test."""
        for line in secret.splitlines():
            plain = line in NAMES or "-----" in line or _ADDRESS.fullmatch(line)
            if len(line) >= SHORTEST and len(set(line)) >= _VARIETY and not plain:
                (self._told if self._module else self._early.setdefault(by, set())).add(line)
                self.ever.add(line)

    def show(self, place: str, text: str) -> None:
        """The product shows something."""
        self._shown.append((place, text))

    def begin(self, module: str) -> None:
        """A test of the file `module` begins. Secrets are kept for all tests of a file: some set theirs once."""
        if module != self._module:
            self._module = module
            self._told = set(self._early.get(module, ()))
        self._shown.clear()

    def found(self, more: Iterable[tuple[str, str]]) -> list[str]:
        """Where secrets of this test came out; `more`: places beside those that were shown."""
        wanted = {form: secret for secret in self._told for form in forms(secret)}
        return [
            f"{secret!r} in {place}"
            for place, text in (*self._shown, *more)
            for form, secret in wanted.items()
            if form in text
        ]

    def found_in_files(self, folder: Path) -> list[str]:
        """Files below it that hold a secret of the run."""
        if not self.ever or not folder.exists():
            return []
        wanted = {form.encode("utf-8", "surrogateescape"): secret for secret in self.ever for form in forms(secret)}
        command = ["grep", "-rlaF", *(f"--include={name}" for name in _FILES), "-f", "-", str(folder)]
        done = subprocess.run(command, input=b"\n".join(wanted), capture_output=True, check=False)
        return [
            f"{secret!r} in {path}"
            for path in done.stdout.decode().splitlines()
            for content in (Path(path).read_bytes(),)
            for form, secret in wanted.items()
            if form in content
        ]


WATCH = Watch()


def forms(secret: str) -> Iterator[str]:
    """As it may be written: plain, in JSON, in a URL, and within a text that is in base64."""
    yield secret
    for form in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")):
        if form != secret:
            yield form
    raw = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        # What depends on the neighbours is cut off.
        text = base64.b64encode(bytes(before) + raw).decode()
        whole = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[(before + len(raw)) % 3]].rstrip("=")
        if len(whole) >= SHORTEST:
            yield whole


def pytest_configure() -> None:
    from trunkline.model.secret import Secret

    original = Secret.__init__

    @functools.wraps(original)
    def noted(self: Secret, value: str) -> None:
        original(self, value)
        by = sys._getframe(1).f_code.co_filename
        if by.startswith(_HERE):
            WATCH.tell(value, by)

    Secret.__init__ = noted  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """What is not imported by then is not used."""
    if "trunkline.api.app" in sys.modules:
        _watch_api()
    if "trunkline.providers.post" in sys.modules:
        _watch_webhooks()
    if "trunkline.providers.values" in sys.modules:
        _watch_errors()


def _watch_api() -> None:
    from aiohttp import web

    from trunkline.api.app import Door

    answer = Door.answer

    async def shown(self: Door, request: web.Request) -> web.StreamResponse:
        response = await answer(self, request)
        body = getattr(response, "body", b"")
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
        WATCH.show(f"the answer to {request.method} {request.path}", f"{dict(response.headers)}\n{text}")
        return response

    Door.answer = shown  # type: ignore[method-assign]


def _watch_webhooks() -> None:
    from trunkline.providers.post import Post

    send = Post.send

    async def shown(self: Post, url: str, body: bytes, headers: Any) -> Any:
        WATCH.show("a webhook", f"{url}\n{headers}\n{body.decode()}")
        return await send(self, url, body, headers)

    Post.send = shown  # type: ignore[method-assign]


def _watch_errors() -> None:
    from trunkline.providers.values import ProviderError

    make = ProviderError.__init__

    @functools.wraps(make)
    def shown(self: ProviderError, fault: Any, message: str, **more: Any) -> None:
        WATCH.show("a provider's error", message)
        make(self, fault, message, **more)

    ProviderError.__init__ = shown  # type: ignore[method-assign]


def pytest_runtest_setup(item: pytest.Item) -> None:
    WATCH.begin(str(item.path))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "teardown" and report.passed:
        found = WATCH.found((name.lower(), text) for name, text in report.sections)
        if found:
            report.outcome = "failed"
            report.longrepr = "\n".join(["a secret came out:", *found[:20]])
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    factory = getattr(session.config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    found = [] if base is None else WATCH.found_in_files(base)
    if found:
        session.config.stash[_FOUND] = found
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_FOUND = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash.get(_FOUND, [])
    if found:
        terminalreporter.section("secrets in files", red=True)
        for path in found:
            terminalreporter.line(path)
