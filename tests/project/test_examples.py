"""The requests of README.md and docs/carriers.md, made of a running edge in the order in which a reader makes them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.project.pages import ROOT, asked, commands


class Running(NamedTuple):
    host: str
    port: int
    key: str

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Running]:
    """An edge with the demonstration, in a process of its own."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    settings = {
        "TRUNKLINE_DATA_DIR": str(tmp_path / "data"),
        "TRUNKLINE_SIP__LISTENERS": "udp:127.0.0.1:0",
        "TRUNKLINE_API__PORT": "0",
    }
    command = [sys.executable, "-m", "trunkline", "serve", "--demo"]
    with subprocess.Popen(command, env=others | settings, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if match := re.match(r"  API +http://([\d.]+):(\d+)$", line):
                    key = (tmp_path / "data" / "demo.key").read_text("ascii").strip()
                    yield Running(match[1], int(match[2]), key)
                    break
            else:
                pytest.fail("the edge did not start")
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
            assert process.wait(20) == 0


def run(edge: Running, page: Path) -> dict[str, Any]:
    """Make the page's requests, each with the ids that those before it gave; the last answer of each path."""
    known: dict[str, str] = {}
    answers: dict[str, Any] = {}
    for words, into in commands(page):
        request = asked(words)
        if request is None or "curl" in words[0]:
            continue
        path = re.sub(r"\$(\w+)", lambda name: known[name[1]], request.path)
        body = None if request.body is None else re.sub(r"\$(\w+)", lambda name: known[name[1]], request.body)
        status, answer = edge.ask(request.method, f"{path}?{request.query}" if request.query else path, body)
        assert status in (200, 201), (path, answer)
        if into is not None:
            known[into] = answer["id"] if "id" in answer else answer["data"][0]["id"]
        answers[path] = answer
    return answers


def test_ten_lines_connect_a_carrier_with_an_agent(edge: Running) -> None:
    answers = run(edge, ROOT / "README.md")
    explained = answers["/v1/routes/explain"]
    assert explained["accepted"], explained["steps"]
    assert "sip:reception@bot.example.com" in explained["steps"][-2]["detail"]
    assert answers["/v1/calls"]["data"] == []


def test_every_example_of_carriers_is_taken(edge: Running) -> None:
    run(edge, ROOT / "docs" / "carriers.md")
    _, listed = edge.ask("GET", "/v1/phone-numbers?per_page=100")
    assert {number["status"] for number in listed["data"]} == {"active"}
    text = (ROOT / "docs" / "carriers.md").read_text("utf-8")
    reached = 0
    for number in listed["data"]:
        source = next(at for at in _SOURCES.values() if _explained(edge, at, number["number"])["accepted"])
        details = " ".join(step["detail"] for step in _explained(edge, source, number["number"])["steps"])
        for target in re.findall(r"sip:\S+;transport=\w+", details):
            assert f"`{target}`" in text, target
            reached += 1
    assert reached == 3


_SOURCES = {
    "Twilio": {"source": "54.172.60.1"},
    "Telnyx": {"source": "64.16.250.10"},
    "any carrier": {"source": "198.51.100.7"},
    "Asterisk": {"source": "192.0.2.20"},
    "a softphone": {"source": "203.0.113.9", "digest_user": "anna", "transport": "tls"},
    "this machine": {"source": "127.0.0.1"},
}


def _explained(edge: Running, at: dict[str, str], number: str) -> dict[str, Any]:
    _, answer = edge.ask("POST", "/v1/routes/explain", json.dumps({**at, "to": number}))
    return answer
