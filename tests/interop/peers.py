"""SIPps that wait for calls or make them, and the edge that they call, with an operator who asks it."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.edges import trunkline
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import Script
from loadtest.sipp import Party


@contextlib.contextmanager
def serving(folder: Path, api: tuple[str, int]) -> Iterator[None]:
    """The edge whose settings are in the folder, until the block ends."""
    process = trunkline.serve(folder)
    try:
        wait_until(lambda: trunkline.ready(api), 30, f"the edge (see {folder}/trunkline.out)", process)
        yield
    finally:
        end(process)


def ask(folder: Path, api: tuple[str, int], method: str, path: str, body: object = None) -> tuple[int, Any]:
    """The operator's request, for the only organization: its status and its answer."""
    key = (folder / "data" / "operator.key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if "/organizations" not in path:
        headers["X-Organization-Id"] = ask(folder, api, "GET", "/v1/organizations")[1]["data"][0]["id"]
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{api[0]}:{api[1]}{path}", method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=70) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Peers:
    """Each takes or makes one call, and notes its messages beside its script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Party] = []

    def waits(self, script: Script, host: str, port: int) -> Party:
        party = self._party(script, (host, port))
        wait_until(lambda: udp_taken(host, port), 5, "SIPp", party.process)
        return party

    def calls(self, script: Script, host: str, remote: tuple[str, int], number: str) -> Party:
        return self._party(script, (host, free(host)), remote=remote, service=number)

    def _party(self, script: Script, local: tuple[str, int], **more: Any) -> Party:
        noting = ("-trace_msg", "-message_file", str(self.messages(script)))
        path = script.write(self.folder)
        party = Party(script.name, path, self.folder, local, calls=1, seconds=20, options=noting, **more)
        self.running.append(party)
        return party

    def messages(self, script: Script) -> Path:
        """Where what it sends and receives is noted."""
        return self.folder / f"{script.name}.messages"

    def succeeded(self, *parties: Party) -> None:
        """These have; all when none is named."""
        for party in parties or self.running:
            count = party.wait()
            assert (count.succeeded, count.failed) == (1, 0), party.last_words()

    def close(self) -> None:
        for party in self.running:
            end(party.process, 1)
