"""SIPVicious against a running edge: it finds that somebody is there, and nothing more."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.edges import trunkline
from loadtest.process import end, udp_bound, wait_until
from trunkline.sip.digest import answer
from trunkline.sip.message import Response, parse

pytestmark = pytest.mark.foreign

HOST, API, SCANNER = "127.0.0.41", ("127.0.0.41", 8041), "127.0.0.42"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An edge to which loopback is as strange as any network, with a PBX that proves who it is by a password."""
    found = tmp_path_factory.mktemp("scanned")
    routing: dict[str, Any] = trunkline.seed()
    pbx = {"id": "trunk_pbx", "organization_id": trunkline.ORGANIZATION, "name": "pbx", "challenge": True}
    routing["trunks"].append({**pbx, "username": "1001", "password": PASSWORD})
    sections: trunkline.Sections = {
        "api": {"host": API[0], "port": API[1]},
        "sip.abuse": {"never": [], "answers_per_second": 100.0},
    }
    trunkline.write(found, [{"transport": "udp", "host": HOST, "port": 5060}], routing, sections)
    process = trunkline.serve(found)
    try:
        wait_until(lambda: udp_bound(HOST, 5060), 20, f"the edge (see {found}/trunkline.out)", process)
        yield found
    finally:
        end(process)


def scan(tool: str, *arguments: str) -> str:
    """What a scanner says of the edge."""
    beside = Path(sys.executable).with_name(f"sipvicious_{tool}")
    program = str(beside) if beside.exists() else shutil.which(f"sipvicious_{tool}")
    if program is None:
        pytest.skip("tool: SIPVicious is not installed (PyPI: sipvicious)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def asked(folder: Path, path: str) -> Any:
    key = (folder / "data" / "operator.key").read_text().strip()
    request = urllib.request.Request(f"http://{API[0]}:{API[1]}{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=5) as reply:
        body = reply.read()
    return json.loads(body) if path != "/metrics" else body.decode()


def test_it_is_found(folder: Path) -> None:
    assert f"{HOST}:5060" in scan("svmap", HOST)


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_no_user_is_found(folder: Path, method: str) -> None:
    """1001 is there, the others are not."""
    said = scan("svwar", "-m", method, "-e", "1000-1010", "--force", HOST)
    assert "found nothing" in said, said
    assert not re.search(r"\|\s*1001\s*\|", said), said


@pytest.mark.parametrize("user", ["1001", "1002"])
@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
def test_no_password_is_found(folder: Path, method: str, user: str, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("\n".join([f"guess{number}" for number in range(200)]))
    said = scan("svcrack", "-m", method, "-u", user, "-d", str(words), HOST)
    assert "found nothing" in said, said


class Guesser:
    """One who tries passwords, and reads the answers."""

    def __init__(self, host: str = SCANNER) -> None:
        self.host = host
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.settimeout(1.0)
        self.count = 0

    def ask(self, user: str, authorization: str = "", method: str = "INVITE") -> Response | None:
        self.count += 1
        port = self.socket.getsockname()[1]
        self.socket.sendto(
            (
                f"{method} sip:+12125551234@{HOST} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {self.host}:{port};branch=z9hG4bK{self.count};rport\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{user}@{HOST}>;tag={self.count}\r\nTo: <sip:{user}@{HOST}>\r\n"
                f"Call-ID: {self.count}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{self.host}:{port}>\r\n"
                f"{authorization}Content-Length: 0\r\n\r\n"
            ).encode(),
            (HOST, 5060),
        )
        try:
            found = parse(self.socket.recv(65_535))
        except TimeoutError:
            return None
        assert isinstance(found, Response)
        return found

    def guess(self, user: str, password: str, method: str = "INVITE") -> Response | None:
        challenged = self.ask(user, "", method)
        if challenged is None:
            return None
        values = challenged.headers("WWW-Authenticate")
        value = answer(values, method, f"sip:+12125551234@{HOST}", user, password, "c")
        return self.ask(user, f"Authorization: {value}\r\n", method)


def shape(answered: Response | None, *own: str) -> list[tuple[str, str]]:
    """An answer, without what differs from request to request."""
    assert answered is not None
    found = [("", f"{answered.status} {answered.phrase}")]
    for name, value in answered.lines():
        text = re.sub(r'(nonce="|tag=|branch=)[^";]*', r"\1", value)
        for each in own:
            text = text.replace(each, "…")
        found.append((name, re.sub(r"\d+", "0", text)))
    return found


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE"])
def test_who_is_there_is_answered_as_who_is_not(folder: Path, method: str) -> None:
    told = []
    for host, user in (("127.0.0.43", "1001"), ("127.0.0.44", "4711")):
        guesser = Guesser(host)
        with guesser.socket:
            seen = [shape(guesser.ask(user, "", method), host, user)]
            if method in ("REGISTER", "INVITE"):
                seen.append(shape(guesser.guess(user, "wrong", method), host, user))
            told.append(seen)
    assert told[0] == told[1]


def test_who_guesses_is_banned_and_costs_no_parse(folder: Path) -> None:
    guesser = Guesser()
    with guesser.socket:
        statuses = []
        for number in range(20):
            found = guesser.guess("1001" if number % 2 else "nobody", f"guess{number}")
            if found is None:
                break
            statuses.append(found.status)
        assert statuses == [403] * len(statuses)
        assert 4 <= len(statuses) < 12
        bans = [ban for ban in asked(folder, "/v1/bans")["data"] if ban["source"] == SCANNER]
        assert [(ban["transports"], ban["by"]) for ban in bans] == [("all", "edge")]
        assert guesser.guess("1001", PASSWORD) is None, "not even the right one is heard now"
        time.sleep(0.2)
        counted = re.search(r'trunkline_count_total\{what="udp_banned"\} (\S+)', asked(folder, "/metrics"))
        assert counted is not None
        assert float(counted[1]) >= 1
