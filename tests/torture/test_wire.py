"""RFC 4475 at a running edge: each message by UDP or TCP as its Via says, answered as its index says and at the port
its Via names; after each, a fresh OPTIONS is answered. `pytest -s` prints the scorecard.

That nothing more comes is known without waiting: the edge takes what is no INVITE in order, so an OPTIONS is answered
after all that was sent before it.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest.edges import trunkline
from loadtest.peers.ports import free, listening
from loadtest.process import end, wait_until

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "torture"
if not (ARCHIVE / "index.json").exists():
    pytest.skip("data: ../shared/torture is not beside the checkout", allow_module_level=True)

INDEX: list[dict[str, Any]] = json.loads((ARCHIVE / "index.json").read_text())
NETWORK = f"127.{200 + os.getpid() % 50}"
EDGE, PEER = f"{NETWORK}.0.1", f"{NETWORK}.0.2"
"""Our own loopback addresses: the index wants answers at fixed ports."""
PATIENCE = 3.0


class Edge:
    """What a peer at `PEER` sees of it."""

    def __init__(self, port: int) -> None:
        self.address = (EDGE, port)
        self._pings = 0

    def ping(self, transport: str, port: int) -> bytes:
        self._pings += 1
        return (
            f"OPTIONS sip:{EDGE} SIP/2.0\r\nMax-Forwards: 70\r\n"
            f"Via: SIP/2.0/{transport} {PEER}:{port};branch=z9hG4bKp{self._pings};rport\r\n"
            f"From: <sip:a@{PEER}>;tag=1\r\nTo: <sip:{EDGE}>\r\n"
            f"Call-ID: p{self._pings}\r\nCSeq: {self._pings} OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def by_udp(self, data: bytes, reply_port: int | None) -> list[bytes]:
        """All that comes back: at `reply_port`, or at the port it is sent from."""
        with ExitStack() as stack:
            sender = stack.enter_context(_udp(0))
            asker = stack.enter_context(_udp(0))
            hearer = sender if reply_port is None else stack.enter_context(_udp(reply_port))
            sender.sendto(data, self.address)
            answers = []
            if data.startswith(b"INVITE"):
                # INVITEs wait for everything else: only their answer says that they were read.
                answers.append(self._read(hearer))
            asker.sendto(self.ping("UDP", asker.getsockname()[1]), self.address)
            assert self._read(asker).startswith(b"SIP/2.0 200 ")
            for waiting in {hearer, sender}:
                waiting.setblocking(False)
                try:
                    while True:
                        answers.append(waiting.recv(65536))
                        assert waiting is hearer, f"answered at the wrong port: {answers[-1]!r}"
                except BlockingIOError:
                    continue
            return answers

    def _read(self, waiting: socket.socket) -> bytes:
        data, source = waiting.recvfrom(65536)
        assert source == self.address
        return data

    def by_tcp(self, data: bytes) -> list[bytes]:
        """All that comes back over the connection, until an OPTIONS behind it is answered or the edge hangs up."""
        wanted = len(re.findall(rb"(?:\A|\n)INVITE sip:", data))
        with socket.create_connection(self.address, PATIENCE, (PEER, 0)) as stream:
            ping = self.ping("TCP", stream.getsockname()[1])
            pong = re.compile(rb"CSeq: *%d OPTIONS\r\n" % self._pings)
            stream.sendall(data + ping)
            received = b""
            answers: list[bytes] = []
            try:
                while not pong.search(received) or len(answers) < wanted:
                    chunk = stream.recv(65536)
                    if not chunk:
                        break
                    received += chunk
                    answers = [b"SIP/2.0 " + part for part in received.split(b"SIP/2.0 ")[1:] if not pong.search(part)]
            except ConnectionResetError:
                pass
        return answers


def _udp(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.settimeout(PATIENCE)
    opened.bind((PEER, port))
    return opened


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("torture")
    port = free(EDGE)
    api = free("127.0.0.1")
    owner = {"organization_id": "org_torture"}
    routing = {
        "organizations": [{"id": "org_torture", "name": "Torture"}],
        "trunks": [{**owner, "id": "trunk_torture", "name": "peer", "networks": [f"{PEER}/32"]}],
        "agents": [],
        "numbers": [],
    }
    listeners: list[dict[str, object]] = [
        {"transport": transport, "host": EDGE, "port": port} for transport in ("udp", "tcp")
    ]
    trunkline.write(folder, listeners, routing, {"api": {"host": "127.0.0.1", "port": api}})
    process = trunkline.serve(folder)
    try:
        wait_until(lambda: listening(EDGE, port), 30, f"the edge (see {folder}/trunkline.out)", process)
        yield Edge(port)
        assert process.poll() is None, (folder / "trunkline.out").read_text(errors="replace")[-3000:]
    finally:
        end(process)


def accepts(acceptable: list[int | str], status: int) -> bool:
    if status in acceptable:
        return True
    return status not in (400, 505) and bool({"not-400", "any-non-syntax", "lenient-accept"} & set(acceptable))


def header(answer: bytes, name: str) -> set[str]:
    """The values of a header, its lines together."""
    lines = re.findall(rf"(?i)\r\n{name}:([^\r]*)", answer.decode("utf-8", "replace"))
    return {value.strip() for line in lines for value in line.split(",")}


@pytest.mark.parametrize("entry", INDEX, ids=[entry["name"] for entry in INDEX])
def test_the_answer_is_one_the_index_accepts(edge: Edge, entry: dict[str, Any]) -> None:
    data = (ARCHIVE / entry["file"]).read_bytes()
    if entry["via_transport"] == "TCP":
        answers = edge.by_tcp(data)
    else:
        answers = edge.by_udp(data, None if entry["has_rport"] or entry["kind"] == "response" else entry["reply_port"])
    shown = ", ".join([answer.partition(b"\r\n")[0].decode() for answer in answers]) or "no reply"
    print(f"{entry['section']:9} {entry['name']:11} {entry['cls']:8} {entry['via_transport']:4} {shown}")  # noqa: T201
    if entry["kind"] == "response":
        assert answers == []
    else:
        (answer,) = answers
        status = int(answer[8:11])
        assert accepts(entry["acceptable"], status), answer
        if status in (405, 501):
            assert {"INVITE", "ACK", "BYE"} <= header(answer, "Allow")
        if status == 420:
            assert {"nothingSupportsThis", "nothingSupportsThisEither"} <= header(answer, "Unsupported")
        if status == 415:
            assert "application/sdp" in header(answer, "Accept")
    (pong,) = edge.by_udp(edge.ping("UDP", 5060), None)
    assert pong.startswith(b"SIP/2.0 200 ")


@pytest.mark.parametrize("entry", INDEX, ids=[entry["name"] for entry in INDEX])
def test_by_the_other_transport_the_edge_lives_on(edge: Edge, entry: dict[str, Any]) -> None:
    data = (ARCHIVE / entry["file"]).read_bytes()
    if entry["via_transport"] == "TCP":
        with _udp(0) as sender:
            sender.sendto(data, edge.address)
    else:
        with socket.create_connection(edge.address, PATIENCE, (PEER, 0)) as stream:
            stream.sendall(data)
    (pong,) = edge.by_udp(edge.ping("UDP", 5060), None)
    assert pong.startswith(b"SIP/2.0 200 ")


@pytest.mark.parametrize("name", ["ncl", "mcl01"])
def test_a_stream_that_cannot_be_framed_is_answered_and_closed(edge: Edge, name: str) -> None:
    (answer,) = edge.by_tcp((ARCHIVE / f"{name}.dat").read_bytes())
    assert answer.startswith(b"SIP/2.0 400 ")


def test_two_messages_in_one_segment_are_two(edge: Edge) -> None:
    """By TCP the tail of dblreq is a message of its own (RFC 4475 §3.1.1.8); its REGISTER is challenged."""
    answers = edge.by_tcp((ARCHIVE / "dblreq.dat").read_bytes())
    assert [answer[:12] for answer in answers] == [b"SIP/2.0 401 ", b"SIP/2.0 400 "]
