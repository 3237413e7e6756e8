"""Strangers flood a loaded edge, and the calls in progress do not notice.

Three runs of the same calls: alone, beside a flood from one address (which is banned, and then costs one look-up a
datagram), and beside one from as many addresses as loopback lends (each takes long to earn its ban: most datagrams are
parsed, and the answers alone are saved). In each the calls must be whole.
"""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loadtest import behaviours
from loadtest.edges import EDGE
from loadtest.edges.trunkline import API, Trunkline
from loadtest.measure import offer, started
from loadtest.process import alone, cpu_seconds, end

WHOLE = 0.999
"""Of the calls, beside a flood."""


class Run(NamedTuple):
    name: str
    calls: int
    whole: int
    retransmitted: int
    cpu: float
    """Seconds of the edge."""
    sent: int
    """Datagrams of the flood."""
    answered: int
    """Of them, those that the edge answered."""
    banned: int
    """Of them, those that ended at the socket."""

    def fault(self) -> str | None:
        if self.calls and self.whole >= WHOLE * self.calls:
            return None
        return f"{self.name}: {self.whole} of {self.calls} calls were whole"


def run(name: str, rate: float, seconds: float, sources: int, flood: int) -> Run:
    """`rate`: calls a second. `flood`: datagrams a second from so many `sources`; 0: none."""
    edge = Trunkline({"sip.abuse": {"never": []}})
    with started(edge) as (pid, folder):
        before = cpu_seconds(pid)
        with flooding(sources, flood, seconds + 2) as told:
            time.sleep(1.0 if flood else 0.0)
            count, _, _, _ = offer(folder, behaviours.call(), rate, seconds, EDGE)
        cpu = cpu_seconds(pid) - before
        banned = counted(folder, "udp_banned")
    sent, answered = told()
    return Run(name, count.created, count.succeeded, count.retransmitted, cpu, sent, answered, banned)


class Told:
    """What the flood did, once it is over."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process

    def __call__(self) -> tuple[int, int]:
        if self._process is None or self._process.stdout is None:
            return 0, 0
        sent, answered = json.loads(self._process.stdout.read() or "[0, 0]")
        return sent, answered


@contextmanager
def flooding(sources: int, rate: int, seconds: float) -> Iterator[Told]:
    if not rate:
        yield Told(None)
        return
    command = [sys.executable, "-m", "loadtest.abuse", "--flood", str(sources), str(rate), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Told(process)
        process.wait(seconds + 20)
    finally:
        end(process)  # type: ignore[arg-type]


def flood(sources: int, rate: int, seconds: float) -> tuple[int, int]:
    """Send INVITEs, OPTIONS and rubbish from `sources` addresses; how many left, and how many were answered."""
    sockets = []
    for number in range(sources):
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.setblocking(False)
        each.bind((f"127.0.{64 + number // 250}.{1 + number % 250}", 0))
        sockets.append(each)
    sent = answered = 0
    begun = time.monotonic()
    for number, each in enumerate(itertools.cycle(sockets)):
        now = time.monotonic() - begun
        if now >= seconds:
            break
        if sent > now * rate:
            time.sleep(0.001)
        host, port = each.getsockname()
        try:
            each.sendto(datagram(number, host, port), EDGE)
            sent += 1
            each.recv(65_535)
            answered += 1
        except OSError:
            continue
    for each in sockets:
        each.close()
    return sent, answered


def datagram(number: int, host: str, port: int) -> bytes:
    method = ("INVITE", "OPTIONS", "REGISTER", "INVITE")[number % 4]
    start = f"{method} sip:{number % 10_000}@{EDGE[0]} SIP/2.0\r\n" if number % 10 else "GET / HTTP/1.1 is not SIP\r\n"
    return (
        f"{start}Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKf{number}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@{host}>;tag={number}\r\nTo: <sip:{number % 10_000}@{EDGE[0]}>\r\nCall-ID: {number}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:a@{host}:{port}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def counted(folder: Path, what: str) -> int:
    """One of the edge's own counts."""
    key = (folder / "data" / "operator.key").read_text().strip()
    request = urllib.request.Request(f"http://{API[0]}:{API[1]}/metrics", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f'trunkline_count_total{{what="{what}"}}'):
                return int(float(line.rpartition(" ")[2]))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50.0, help="calls a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--datagrams", type=int, default=5000, help="of the flood, a second")
    parser.add_argument("--sources", type=int, default=500, help="addresses of the second flood")
    parser.add_argument("--flood", nargs=3, metavar=("SOURCES", "RATE", "SECONDS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flood:
        sources, rate, seconds = given.flood
        print(json.dumps(flood(int(sources), int(rate), float(seconds))))
        return 0
    with alone():
        return compare(given.rate, given.seconds, given.datagrams, given.sources)


def compare(rate: float, seconds: float, datagrams: int, sources: int) -> int:
    runs = [
        run("alone", rate, seconds, 0, 0),
        run("one scanner", rate, seconds, 1, datagrams),
        run("many scanners", rate, seconds, sources, datagrams),
    ]
    print(f"{'':14}{'calls':>7}{'whole':>7}{'again':>7}{'cpu s':>7}{'flood':>9}{'answered':>9}{'unread':>9}")
    for each in runs:
        print(
            f"{each.name:14}{each.calls:7}{each.whole:7}{each.retransmitted:7}{each.cpu:7.1f}"
            f"{each.sent:9}{each.answered:9}{each.banned:9}"
        )
    faults = [fault for fault in (each.fault() for each in runs) if fault is not None]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
