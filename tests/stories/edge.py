"""The edge of a story: `trunkline serve` as a process, with the settings, signals and requests of its operator."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.secrets import leaks, secrets
from tests.watch import WATCH

A = TypeVar("A")
HOST = "127.0.31.1"
PATIENCE = 10.0
Json = Any


class Answer(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Json:
        return json.loads(self.text)


def until(found: Callable[[], A | None], what: str, seconds: float = PATIENCE) -> A:
    """What `found` gives as soon as that is something; fails when it is not by then."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return value


class Edge:
    """One data directory and the processes that run on it, one after the other."""

    def __init__(self, folder: Path, name: str = "edge", host: str = HOST) -> None:
        """`host` is where its first listener is, and the one that `sip` tells."""
        self.folder = folder
        self.host = host
        self.data = folder / "data"
        self.config = folder / f"{name}.toml"
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        self.sections: dict[str, dict[str, Json]] = {
            "": {"data_dir": str(self.data)},
            "sip": {},
            # A story has no minutes to wait for peers that are gone.
            "sip.timers": {"t1": 0.1, "t2": 0.4, "t4": 0.5},
            "api": {"port": 0},
            "media": {"first_port": 23000, "last_port": 23999},
        }
        self.listeners: list[dict[str, Json]] = [{"transport": "udp", "host": host, "port": 0}]
        self.environ: dict[str, str] = {}
        self.key = ""
        self.organization = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._stories = 0
        self.seen: list[str] = []
        """Every answer of the API."""
        self.sent: set[str] = set()
        """Every secret that the API was told."""

    # ── its life ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self) -> None:
        lines: list[str] = []
        for name, section in self.sections.items():
            lines += [f"[{name}]"] * bool(name) + [f"{key} = {json.dumps(value)}" for key, value in section.items()]
        for listener in self.listeners:
            lines += ["[[sip.listeners]]", *(f"{key} = {json.dumps(value)}" for key, value in listener.items())]
        self.config.write_text("\n".join([*lines, ""]))

    def start(self, *arguments: str, debug: bool = False) -> None:
        """Returns when it takes calls. `debug`: the interpreter finds fault with what is left open and what blocks."""
        self.begin(*arguments, debug=debug)
        until(lambda: "Stop with Ctrl-C" in self.said or self.code is not None, "the start", 30)
        assert self.code is None, f"it ended with {self.code}: {self.log}"
        self.sip = (self.host, self.port("UDP"))
        self.url = self._shown(r"API +(\S+)")

    def begin(self, *arguments: str, debug: bool = False) -> None:
        """Start it, and do not wait."""
        self.write()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
        python = [sys.executable, *(["-X", "dev", "-W", "error"] if debug else []), "-m", "trunkline"]
        self.begun = self.out.stat().st_size if self.out.exists() else 0
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [*python, "serve", "--config", str(self.config), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env=environ | self.environ,
            )

    def refuses_to_start(self, *arguments: str) -> str:
        """What it says when it cannot; its exit code was 1 and it said one line."""
        self.write()
        done = subprocess.run(
            [sys.executable, "-m", "trunkline", "serve", "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            cwd=self.folder,
            check=False,
        )
        lines = [line for line in done.stderr.splitlines() if line.startswith("trunkline")]
        assert (done.returncode, done.stdout, len(lines)) == (1, "", 1), done
        assert "Traceback" not in done.stderr
        return lines[0]

    def port(self, transport: str) -> int:
        """Where it listens with UDP, TCP or TLS."""
        return int(self._shown(rf"{transport} {re.escape(self.host)}:(\d+)"))

    @property
    def said(self) -> str:
        """What this process has printed."""
        return self.out.read_bytes()[self.begun :].decode()

    @property
    def log(self) -> str:
        return self.err.read_text()

    @property
    def code(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self, seconds: float = PATIENCE) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """SIGTERM, and a second one for what still goes on; the exit code."""
        self.signal(signal.SIGTERM)
        time.sleep(0.05)
        self.signal(signal.SIGTERM)
        return self.ended(40)

    def limit_files(self, size: int) -> None:
        """From now on no file of its may grow beyond so many bytes."""
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def leaked(self) -> list[tuple[str, str]]:
        """Secrets that the API was told, and where they came out: printed, logged, answered or written to a file."""
        places = {str(file): file.read_text() for file in (self.out, self.err) if file.exists()}
        places |= {f"answer {index}": text for index, text in enumerate(self.seen)}
        for file in self.data.rglob("*"):
            if file.is_file():
                places[str(file)] = file.read_bytes().decode("latin-1")
        return leaks(self.sent, places)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)

    # ── its operator ──────────────────────────────────────────────────────────────────────────────────────────────────

    def demo_key(self) -> str:
        return self._shown(r"Bearer (\w+)")

    def operate(self) -> None:
        """Be the first operator, in an organization of the story's own."""
        self.key = (self.data / "operator.key").read_text().strip()
        self._stories += 1
        self.organization = self.post("/v1/organizations", {"name": f"Story {self._stories}"})["id"]

    def clear(self) -> None:
        """Take away what the organization has."""
        for kind in ("phone-numbers", "agents", "sip/trunks"):
            for item in self.get(f"/v1/{kind}?per_page=100")["data"]:
                self.delete(f"/v1/{kind}/{item['id']}")

    def ask(self, method: str, path: str, body: Json = None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if self.organization:
            headers["X-Organization-Id"] = self.organization
        for secret in secrets(body):
            self.sent.add(secret)
            WATCH.tell(secret)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                found = Answer(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            found = Answer(error.code, error.read().decode(), dict(error.headers))
        self.seen.append(found.text)
        WATCH.show(f"the answer to {method} {path}", found.text)
        return found

    def get(self, path: str) -> Json:
        return self._done(self.ask("GET", path))

    def post(self, path: str, body: Json) -> Json:
        return self._done(self.ask("POST", path, body))

    def patch(self, path: str, body: Json) -> Json:
        return self._done(self.ask("PATCH", path, body))

    def delete(self, path: str) -> Json:
        return self._done(self.ask("DELETE", path))

    def trunk(self, name: str, network: str, **config: Json) -> str:
        """A trunk that calls from this network; its id."""
        credentials = config.pop("credentials", None)
        body = {"name": name, "provider": "generic", "config": {"networks": [network], "transport": "udp", **config}}
        if credentials is not None:
            body["credentials"] = credentials
        return str(self.post("/v1/sip/trunks", body)["id"])

    def agent(self, uri: str | None, **more: Json) -> str:
        """An agent at a SIP URI, or the built-in echo; its id."""
        where: dict[str, Json] = {"kind": "echo"} if uri is None else {"kind": "sip", "uri": uri}
        return str(self.post("/v1/agents", {"name": uri or "Echo", **where, **more})["id"])

    def number(self, number: str, trunk: str, agent: str | None, **more: Json) -> str:
        body = {"phone_number": number, "trunk_id": trunk, **more}
        return str(self.post("/v1/phone-numbers/import", body if agent is None else {**body, "agent_id": agent})["id"])

    def calls(self, count: int = 1) -> list[Json]:
        """The log, newest first, once it has so many calls."""
        return until(
            lambda: found if len(found := self.get("/v1/calls?per_page=100")["data"]) >= count else [], "calls"
        )

    def call(self, id: str) -> Json:
        return self.get(f"/v1/calls/{id}")

    def ready(self) -> Json:
        return self.ask("GET", "/readyz").json

    def tables(self) -> dict[str, int]:
        """The engine's tables that are not empty."""
        return {name: size for name, size in self.get("/v1/status/tables")["tables"].items() if size}

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _shown(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match is not None, self.said
        return match[1]

    def _done(self, answer: Answer) -> Json:
        assert answer.status in (200, 201), answer
        return answer.json
