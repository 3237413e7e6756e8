"""The edge under test as a child process: `trunkline serve`, as an operator runs it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from loadtest.edges import trunkline
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import bracketed, listening
from loadtest.process import end, wait_until
from tests.interop.world import PLACES, Family, Transport, choose_ports, routing
from tests.secrets import secrets
from tests.watch import WATCH

Log = dict[tuple[object, ...], int]
"""How many calls by status, SIP status and who hung up."""


class Edge:
    """One process with a listener for every transport and family. `start` returns when it serves."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.authority = authority
        self.ports = choose_ports()
        self.api = ("127.0.0.1", self.ports.api)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        certificate, private = self.authority.issue("edge", *(place.edge for place in PLACES.values()))
        listeners: list[dict[str, object]] = []
        for (family, transport), port in self.ports.edge.items():
            listeners.append({"transport": transport, "host": PLACES[family].edge, "port": port})
            if transport == "tls":
                listeners[-1] |= {"certificate": str(certificate), "private_key": str(private)}
        sections: trunkline.Sections = {
            "api": {"host": self.api[0], "port": self.api[1]},
            "media": {"first_port": 21000, "last_port": 21999},
        }
        seed = routing(self.ports, self.authority.path)
        for secret in secrets(seed):
            WATCH.tell(secret)
        trunkline.write(self.folder, listeners, seed, sections)
        self.process = trunkline.serve(self.folder)
        wait_until(lambda: trunkline.ready(self.api), 30, f"the edge (see {self.folder}/trunkline.out)", self.process)
        for place in (self.address("IPv4", "tls"), self.address("IPv6", "tls")):
            what = f"the edge at {place} (see {self.folder}/trunkline.out)"
            wait_until(lambda place=place: listening(*place), 30, what, self.process)  # type: ignore[misc]

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)

    def address(self, family: Family, transport: Transport) -> tuple[str, int]:
        return PLACES[family].edge, self.ports.edge[family, transport]

    def uri(self, family: Family, transport: Transport, number: str) -> str:
        """Without a transport parameter: what speaks it adds its own."""
        host, port = self.address(family, transport)
        return f"sip:{number}@{bracketed(host)}:{port}"

    def last_words(self) -> str:
        path = self.folder / "trunkline.out"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def log(self) -> Log:
        return trunkline.calls(self.folder, "status", "sip_status", "hung_up_by")

    def new_records(self, before: Log, count: int) -> Log:
        """What the log gained; waits ten seconds at most for `count` ended calls."""
        deadline = time.monotonic() + 10
        while True:
            gained = {key: number - before.get(key, 0) for key, number in self.log().items()}
            gained = {key: number for key, number in gained.items() if number}
            ended = sum(number for key, number in gained.items() if key[0] != "in-progress")
            if ended >= count or time.monotonic() > deadline:
                return gained
            time.sleep(0.1)

    def tables(self) -> dict[str, int]:
        """The engine's tables that are not empty."""
        return {name: count for name, count in trunkline.tables(self.folder, self.api).items() if count}
