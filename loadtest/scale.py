"""A million calls and a hundred thousand numbers: is everything that one can ask, or change, still quick?

    python -m loadtest.scale                                      # on SQLite, in a temporary folder
    python -m loadtest.scale --postgres                           # on a PostgreSQL server of its own
    python -m loadtest.scale --url postgresql://user@host/empty   # in an empty database

The store is filled, an edge starts on it, and all is asked by HTTP as people and programs ask it: every list, filter,
sum and detail, near and far pages. Then one number is changed, again and again, and each change is followed by an
INVITE that has to meet it; ten thousand numbers are imported, and deleted with their trunk. `GOALS` says what is held.
Times are those of the client, the best of five rounds, and of the processor (the edge's, and a database's of its own);
how long the loop was kept from others is the processor's time too (`watched`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loadtest.edges import EDGE
from loadtest.edges.trunkline import write
from loadtest.house import BUSY, CARRIED, WALL, e164, fill, ident
from loadtest.machine import describe
from loadtest.process import Failed, alone, cpu_seconds, end
from loadtest.switched import Switch
from tests.postgres import Cluster, installed
from trunkline.store.store import Store

API = ("127.0.0.21", 8021)
_PATIENCE = 300.0
"""Seconds that a start may take."""


class Goals(NamedTuple):
    """Seconds."""

    page: float = 0.020
    """A page that people look at, its total, a sum, a detail: 95 of 100."""
    far: float = 0.100
    """A page far down the list: 95 of 100."""
    change: float = 0.050
    """From the request that changes a number to what the next INVITE is answered: 95 of 100."""
    block: float = 0.050
    """The longest piece of work of the loop while thousands of records change."""
    health: float = 1.0
    """While the edge starts, until `/healthz` answers."""


Work = Callable[[], float]
"""The processor's seconds of the edge and of its database so far."""
GOALS = Goals()
ROUNDS = 5
"""Of each question; the best counts, as whatever else runs on the machine only makes one slower."""


class Client:
    """Of the edge's API, with the first operator's key."""

    def __init__(self, key: str = "") -> None:
        self._connection = HTTPConnection(*API, timeout=120)
        self._headers = {"Content-Type": "application/json", "X-Organization-Id": f"org_{BUSY.id}"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, method: str, path: str, body: Any = None, organization: str = BUSY.id) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        headers = self._headers | {"X-Organization-Id": f"org_{organization}"}
        self._connection.request(method, path, raw, headers)
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status not in (200, 201):
            raise Failed(f"{method} {path}: {answer.status} {read[:300]!r}")
        return msgspec.json.decode(read)


def questions(calls: int, numbers: int) -> dict[str, str]:
    """What is asked, by the words that a report has for it. `far`: a page far down the list."""
    mine = calls * 9 // 10
    middle = WALL + calls / 20

    def at(second: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))

    listed, number = "/v1/calls?per_page=100", "%2B" + e164(17)[1:]
    busiest = "%2B" + e164(0)[1:]
    return {
        "calls": listed,
        "calls, page 10": f"{listed}&page=10",
        "calls, half way down (far)": f"{listed}&page={mine // 200}",
        "calls, last page (far)": f"{listed}&page={mine // 100}",
        "calls, one status": f"{listed}&status=failed",
        "calls, one status, last page (far)": f"{listed}&status=failed&page={mine // 700}",
        "calls, a rare status": f"{listed}&status=no-answer",
        "calls, outbound": f"{listed}&direction=outbound",
        "calls, outbound and failed": f"{listed}&direction=outbound&status=failed",
        "calls of a day": f"{listed}&start_date={at(middle)[:10]}&end_date={at(middle)[:10]}",
        "calls of an hour and a bit": f"{listed}&start_date={at(middle)}&end_date={at(middle + 4567)}",
        "calls since then, failed": f"{listed}&start_date={at(middle)}&status=failed",
        "calls of a number": f"{listed}&phone_number={number}",
        "calls of the busiest number": f"{listed}&phone_number={busiest}",
        "calls of the busiest number, rare": f"{listed}&phone_number={busiest}&status=no-answer",
        "calls of the busiest number, far": f"{listed}&phone_number={busiest}&page={calls // 1100} (far)",
        "one call": f"/v1/calls/call_{ident(calls // 2 + (calls // 2 % 10 == 5))}",
        "a number with its sums": f"/v1/phone-numbers/phone_{ident(17)}",
        "the busiest number with its sums": f"/v1/phone-numbers/phone_{ident(0)}",
        "numbers": "/v1/phone-numbers?per_page=100",
        "numbers, last page": f"/v1/phone-numbers?per_page=100&page={numbers // 100}",
        "numbers of a trunk": f"/v1/phone-numbers?per_page=100&trunk_id=trunk_{CARRIED.id}",
        "numbers of a state": "/v1/phone-numbers?per_page=100&status=inactive",
        "numbers of an engine": "/v1/phone-numbers?per_page=100&engine=openai",
        "the audit log": "/v1/audit?per_page=100",
        "the audit log of a key": "/v1/audit?per_page=100&resource=phone_number",
    }


def asked(client: Client, words: str, path: str, times: int, work: Work) -> bool:
    """Prints how long it took; whether that is well."""
    far = path.endswith(" (far)") or words.endswith(" (far)")
    path = path.removesuffix(" (far)")
    rounds = []
    spent = work()
    for _ in range(ROUNDS):
        taken = []
        for _ in range(times + 1):
            begin = time.perf_counter()
            client.ask("GET", path)
            taken.append(time.perf_counter() - begin)
        rounds.append(taken[1:])
    each = (work() - spent) / (ROUNDS * (times + 1))
    return judged(words, rounds, each, GOALS.far if far else GOALS.page)


def late(taken: list[float]) -> float:
    """What 95 of 100 took at most."""
    return sorted(taken)[-1 - len(taken) // 20]


def judged(words: str, rounds: list[list[float]], each: float, goal: float) -> bool:
    """`each`: seconds of the processor for one. Where the machine does much else this decides, at half the goal."""
    taken = min(rounds, key=late)
    busy = os.getloadavg()[0] > 2 * len(os.sched_getaffinity(0))
    good = late(taken) <= goal or (busy and each <= goal / 2)
    print(
        f"{words:40} {statistics.median(taken) * 1e3:8.1f} {late(taken) * 1e3:8.1f} ms, goal {goal * 1e3:.0f}"
        f"; processor {each * 1e3:.1f} ms"
        f"{'' if good else '  MISSED'}",
        flush=True,
    )
    return good


class Watched:
    """The edge under its watch."""

    def __init__(self, folder: Path, url: str) -> None:
        sections: dict[str, dict[str, object]] = {
            "api": {"host": API[0], "port": API[1], "requests_per_hour": 0, "imports_per_minute": 1_000_000},
            "store": {"url": url, "records_kept_days": 0},
        }
        write(folder, [{"transport": "udp", "host": EDGE[0], "port": EDGE[1]}], {}, sections)
        self._file = folder / "watch"
        self._file.touch()
        self.folder = folder
        environ = {**os.environ, "WATCH": str(self._file)}
        command = [sys.executable, "-m", "loadtest.watched", "serve", "--config", str(folder / "trunkline.toml")]
        with (folder / "trunkline.out").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)

    def longest(self) -> float:
        """Seconds of the longest piece of work since this was asked last."""
        lines = len(self._file.read_text().splitlines())
        self.process.send_signal(signal.SIGUSR1)
        give_up = time.monotonic() + 10
        while len(found := self._file.read_text().splitlines()) == lines:
            if time.monotonic() > give_up or self.process.poll() is not None:
                raise Failed(f"the edge does not tell; see {self.folder}/trunkline.out")
            time.sleep(0.01)
        return float(found[-1])

    def blocked(self, words: str, begin: float) -> bool:
        longest = self.longest()
        good = longest <= GOALS.block
        print(
            f"{words:40} took {time.perf_counter() - begin:5.1f} s; the loop's longest piece {longest * 1e3:6.1f} ms,"
            f" goal {GOALS.block * 1e3:.0f}{'' if good else '  MISSED'}",
            flush=True,
        )
        return good


def started(edge: Watched) -> bool:
    """Until it is ready; prints how that went."""
    begin = time.perf_counter()
    told: list[str] = []
    answered = ready = longest = 0.0
    while not ready:
        if edge.process.poll() is not None or time.perf_counter() - begin > _PATIENCE:
            raise Failed(f"the edge did not start; see {edge.folder}/trunkline.out")
        connection = HTTPConnection(*API, timeout=30)
        asked_at = time.perf_counter()
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            body = msgspec.json.decode(answer.read())
        except OSError:
            time.sleep(0.01)
            continue
        finally:
            connection.close()
        now = time.perf_counter()
        if not answered:
            answered = now
        else:
            longest = max(longest, now - asked_at)
        told += [each for each in body["reasons"] if each not in told]
        ready = now if answer.status == 200 else 0.0
        time.sleep(0.002)
    block = edge.longest()
    good = longest <= GOALS.health
    print(
        f"the start: health after {answered - begin:.1f} s, ready after {ready - begin:.1f} s, {len(told)} words of"
        f" progress; an answer took {longest * 1e3:.0f} ms at most, goal {GOALS.health * 1e3:.0f}"
        f"{'' if good else '  MISSED'}; the loop's longest piece {block * 1e3:.0f} ms"
    )
    return good


def changed(client: Client, numbers: int, times: int, work: Work) -> bool:
    """One number among all, off and on again."""
    answers: list[list[float]] = []
    live: list[list[float]] = []
    spent = work()
    with Switch() as switch:
        for turn in range(ROUNDS * times):
            if turn % times == 0:
                answers.append([])
                live.append([])
            place = turn * 7919 % numbers
            number = f"/v1/phone-numbers/phone_{ident(place)}"
            for status in ("inactive", "active"):
                begin = time.perf_counter()
                client.ask("PATCH", number, {"status": status})
                answers[-1].append(time.perf_counter() - begin)
                if switch.reaches(e164(place)) != (status == "active"):
                    raise Failed(f"the INVITE after the change met {e164(place)} as it was before")
                live[-1].append(time.perf_counter() - begin)
    each = (work() - spent) / (2 * ROUNDS * times)
    good = judged("a number changed: answered", answers, each, GOALS.change)
    return judged("a number changed: an INVITE obeyed", live, each, GOALS.change) and good


def thousands(client: Client, edge: Watched, count: int) -> bool:
    """Imported by the API, and deleted with their trunk."""
    trunk = client.ask(
        "POST", "/v1/sip/trunks", {"name": "Bulk", "provider": "generic", "config": {"networks": ["192.0.2.77/32"]}}
    )["id"]
    edge.longest()
    begin = time.perf_counter()
    for first in range(0, count, 1000):
        numbers = [{"phone_number": f"+1303{place:07}"} for place in range(first, min(first + 1000, count))]
        told = client.ask("POST", "/v1/phone-numbers/bulk-import", {"trunk_id": trunk, "numbers": numbers})
        if told["failed"]:
            raise Failed(f"{told['failed']} numbers were not imported: {told['results'][-1]}")
    good = edge.blocked(f"{count:,} numbers imported", begin)
    begin = time.perf_counter()
    client.ask("DELETE", f"/v1/sip/trunks/{trunk}?cascade=true")
    return edge.blocked(f"{count:,} numbers deleted with their trunk", begin) and good


async def filled(url: str, folder: Path, calls: int, numbers: int) -> None:
    store = await Store.open(url, folder / "data" / "secret.key")
    await fill(store, calls, numbers)
    if store.database.backend == "postgresql":
        async with store.read() as unit:  # what it does by itself after a minute
            await (await unit.session.connection.execution_options(isolation_level="AUTOCOMMIT")).exec_driver_sql(
                "VACUUM ANALYZE"
            )
    await store.close()


@contextmanager
def running(folder: Path, url: str) -> Iterator[Watched]:
    edge = Watched(folder, url)
    try:
        yield edge
    finally:
        end(edge.process)


def measure(url: str, folder: Path, calls: int, numbers: int, times: int, server: int | None) -> bool:
    """Prints a line for each thing; whether all was well. `server`: the database's process, where it is ours."""
    (folder / "data").mkdir(mode=0o700)
    begin = time.perf_counter()
    asyncio.run(filled(url, folder, calls, numbers))
    print(f"\rfilled with {calls:,} calls and {numbers:,} numbers in {time.perf_counter() - begin:.0f} s", flush=True)
    with running(folder, url) as edge:
        pids = [edge.process.pid, *([] if server is None else [server])]

        def work() -> float:
            return sum(map(cpu_seconds, pids))

        good = started(edge)
        client = Client((folder / "data" / "operator.key").read_text().strip())
        for words, path in questions(calls, numbers).items():
            good &= asked(client, words, path, times, work)
        print(f"{'':40} the loop's longest piece {edge.longest() * 1e3:.1f} ms", flush=True)
        good &= changed(client, numbers, times, work)
        good &= thousands(client, edge, min(10_000, numbers))
        begin = time.perf_counter()
        client.ask("DELETE", f"/v1/sip/trunks/trunk_{CARRIED.id}?cascade=true")
        good &= edge.blocked(f"{numbers:,} numbers deleted with their trunk", begin)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an empty database; a SQLite file in a temporary folder")
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server of its own, gone afterwards")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20, help="how often a round asks each question")
    given = parser.parse_args()
    with ExitStack() as stack:
        stack.enter_context(alone())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-scale-")))
        server = None
        url = given.url or f"sqlite:///{folder}/data/trunkline.db"
        if given.postgres:
            programs = installed()
            if programs is None:
                raise Failed("no PostgreSQL server is installed here")
            cluster = Cluster.make(programs, ("shared_buffers=256MB", "max_wal_size=4GB", "checkpoint_timeout=30min"))
            stack.callback(cluster.close)
            asyncio.run(cluster.command("CREATE DATABASE scale"))
            url, server = cluster.url("scale"), cluster.pid
        for name, value in describe(Path(sys.executable)).items():
            print(f"{name}: {value}")
        good = measure(url, folder, given.calls, given.numbers, given.times, server)
        print(f"load average at the end: {os.getloadavg()[0]:.2f}")
        return not good


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(str(error))
