"""This edge as it is run in earnest: records, journal, metrics and limits on, the demo off, on SQLite."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loadtest.edges import AGENT, CARRIER, EDGE, NUMBER
from loadtest.process import Failed, udp_bound, wait_until

API = ("127.0.0.21", 8021)
ORGANIZATION = "org_load"
Sections = Mapping[str, Mapping[str, object]]
"""Tables of the TOML file by their names, values as JSON writes them."""


class Trunkline:
    name = "trunkline"
    work = "trunk identification, number table, limits, B2BUA, codec filter, journal, call records, metrics"

    def __init__(self, sections: Sections | None = None, routing: Mapping[str, object] | None = None) -> None:
        """`sections` replace or extend the harness's own settings; `routing` replaces `seed`'s records."""
        self._sections = sections or {}
        self._routing = routing

    @property
    def version(self) -> str:
        try:
            return version("trunkline")
        except PackageNotFoundError:
            return "unknown"

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        sections: Sections = {"api": {"host": API[0], "port": API[1]}, **self._sections}
        write(folder, [{"transport": "udp", "host": EDGE[0], "port": EDGE[1]}], self._routing or seed(), sections)
        child = serve(folder)
        wait_until(lambda: udp_bound(*EDGE), 20, f"trunkline (see {folder}/trunkline.out)", child)
        return child

    def records(self, folder: Path) -> int | None:
        return sum(calls(folder, "status").values())


def serve(folder: Path, trunkline: str = "") -> subprocess.Popen[bytes]:
    """`trunkline serve` on the configuration and seed that lie in `folder`: this build's, or that of another."""
    files = ["--config", str(folder / "trunkline.toml"), "--seed", str(folder / "seed.json")]
    command = [trunkline or program(), "serve", *files]
    with (folder / "trunkline.out").open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder)


def program() -> str:
    beside = Path(sys.executable).with_name("trunkline")
    found = str(beside) if beside.exists() else shutil.which("trunkline")
    if found is None:
        raise Failed("the command `trunkline` is not installed in this environment")
    return found


def write(folder: Path, listeners: list[dict[str, object]], routing: Mapping[str, object], sections: Sections) -> None:
    """What `serve` reads: settings in `trunkline.toml`, routing in `seed.json`; data go to `data` below `folder`."""
    lines = [f"data_dir = {json.dumps(str(folder / 'data'))}"]
    for listener in listeners:
        lines += ["", "[[sip.listeners]]", *(f"{key} = {json.dumps(value)}" for key, value in listener.items())]
    for name, section in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    (folder / "trunkline.toml").write_text("\n".join([*lines, ""]))
    (folder / "seed.json").write_text(json.dumps(routing, indent=1))


def seed() -> dict[str, object]:
    """One carrier, one agent, one number; limits are on and wide."""
    return {
        "organizations": [{"id": ORGANIZATION, "name": "Load"}],
        "trunks": [
            {
                "id": "trunk_load",
                "organization_id": ORGANIZATION,
                "name": "carrier",
                "networks": [f"{CARRIER[0]}/32"],
                "codecs": ["PCMU", "PCMA", "G722"],
                "max_concurrent_calls": 20_000,
                "calls_per_second": 20_000.0,
            }
        ],
        "agents": [
            {
                "id": "agent_load",
                "organization_id": ORGANIZATION,
                "name": "agent",
                "kind": "sip",
                "uri": f"sip:agent@{AGENT[0]}:{AGENT[1]}",
            }
        ],
        "numbers": [
            {
                "id": "phone_load",
                "organization_id": ORGANIZATION,
                "e164": NUMBER,
                "trunk_id": "trunk_load",
                "agent_id": "agent_load",
            }
        ],
    }


def ready(api: tuple[str, int]) -> bool:
    """Whether the edge has started: its API listens before that."""
    try:
        with urllib.request.urlopen(f"http://{api[0]}:{api[1]}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def tables(folder: Path, api: tuple[str, int] = API) -> dict[str, int]:
    """How many entries each of the engine's tables has now. The first operator's key lies with the edge's data."""
    key = (folder / "data" / "operator.key").read_text().strip()
    request = urllib.request.Request(
        f"http://{api[0]}:{api[1]}/v1/status/tables", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            found: dict[str, dict[str, int]] = json.load(answer)
    except OSError as error:
        raise Failed(f"the edge does not tell its tables: {error}") from None
    return found["tables"]


def legs(folder: Path, count: int) -> list[list[dict[str, object]]]:
    """The legs of the newest `count` calls."""
    with closing(
        sqlite3.connect(f"file:{folder / 'data' / 'trunkline.db'}?mode=ro", uri=True, timeout=5)
    ) as connection:
        rows = connection.execute("SELECT legs FROM calls ORDER BY started_at DESC, id DESC LIMIT ?", (count,))
        return [json.loads(row[0]) for row in rows]


def calls(folder: Path, *columns: str) -> dict[tuple[object, ...], int]:
    """How many call records there are by the values of `columns`; empty while there is no table."""
    names = ", ".join(columns)
    try:
        with closing(_database(folder)) as connection:
            rows = connection.execute(f"SELECT {names}, COUNT(*) FROM calls GROUP BY {names}").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {tuple(row[:-1]): int(row[-1]) for row in rows}


def _database(folder: Path) -> sqlite3.Connection:
    """For reading only, as another process may; raises `sqlite3.OperationalError` while there is none."""
    return sqlite3.connect(f"file:{folder / 'data' / 'trunkline.db'}?mode=ro", uri=True, timeout=5)
