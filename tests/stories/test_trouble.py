"""What goes wrong around the edge: disks, databases, neighbours, and starts that cannot succeed."""

from __future__ import annotations

import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stories.conftest import NETWORK, NUMBER
from tests.stories.edge import HOST, Edge, until
from tests.stories.phone import Dialled, Phone


def a_call(edge: Edge, carrier: Phone, agent: Phone) -> str:
    """From INVITE to BYE; how long its set-up took is nobody's business, but it is not seconds."""
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes(seconds=2)
    call.answered(seconds=2)
    call.bye()
    taken.ends()
    return call.call_id


def test_a_journal_that_cannot_be_written(edge: Edge, carrier: Phone, agent: Phone) -> None:
    """A file may not grow: to the journal, and to the database, that is a full disk."""
    edge.start()
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK), edge.agent(f"sip:agent@{agent.at}"))
    a_call(edge, carrier, agent)
    edge.calls(1)
    edge.limit_files(1)
    calls = [a_call(edge, carrier, agent) for _ in range(3)]
    answer = until(lambda: found if (found := edge.ask("GET", "/readyz")).status == 503 else None, "unreadiness")
    assert "journal cannot be written" in answer.text
    assert edge.ask("GET", "/healthz").status == 200
    assert "journal_failing" in edge.ask("GET", "/metrics").text

    edge.limit_files(400_000_000)
    until(lambda: edge.ask("GET", "/readyz").status == 200, "readiness again", 30)
    found = edge.calls(4)
    legs = str([edge.call(item["id"])["legs"] for item in found])
    assert len(found) == 4
    assert all(call in legs for call in calls)


def test_a_database_that_is_locked(routed: Edge, carrier: Phone, agent: Phone) -> None:
    if routed.sections.get("store"):
        pytest.skip("it is about SQLite: any process may lock the whole file")
    with closing(sqlite3.connect(routed.data / "trunkline.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        try:
            for _ in range(3):
                a_call(routed, carrier, agent)
            time.sleep(1.5)
            a_call(routed, carrier, agent)
        finally:
            other.execute("ROLLBACK")
    assert len(routed.calls(4)) == 4
    assert routed.ask("GET", "/readyz").status == 200


def test_two_edges_cannot_share_a_data_directory(routed: Edge, carrier: Phone, agent: Phone) -> None:
    other = Edge(routed.folder, "other")
    assert "in use by another process" in other.refuses_to_start()
    a_call(routed, carrier, agent)


@pytest.mark.both_stores
def test_two_edges_cannot_share_a_database(edge: Edge, store_url: str, tmp_path: Path) -> None:
    """Their data directories may be as far apart as they like."""
    edge.sections["store"] = {"url": store_url}
    edge.start()
    other = Edge(tmp_path / "other")
    other.folder.mkdir()
    other.sections["store"] = edge.sections["store"]
    assert "in use by another edge" in other.refuses_to_start()
    assert edge.ask("GET", "/readyz").status == 200
    edge.kill()
    other.start()
    other.close()


@contextmanager
def taken(kind: socket.SocketKind) -> Iterator[int]:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((HOST, 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        yield other.getsockname()[1]


def test_a_port_that_is_in_use(edge: Edge) -> None:
    with taken(socket.SOCK_DGRAM) as port:
        edge.listeners[0]["port"] = port
        assert edge.refuses_to_start() == f"trunkline: cannot listen on udp {HOST} port {port}: address already in use"
    with taken(socket.SOCK_STREAM) as port:
        edge.listeners[0]["port"] = 0
        edge.sections["api"] = {"host": HOST, "port": port}
        assert (
            edge.refuses_to_start() == f"trunkline: the API cannot listen on {HOST} port {port}: address already in use"
        )
    # Nothing of it is left behind that would hinder a start.
    edge.sections["api"] = {"port": 0}
    edge.start("--demo")


def test_certificates_that_are_missing(edge: Edge, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.pem")
    edge.listeners.append({"transport": "tls", "host": HOST, "port": 0, "certificate": missing})
    assert edge.refuses_to_start() == f"trunkline: {missing}: no such file or directory"
    edge.listeners.pop()
    edge.sections["api"]["certificate"] = missing
    assert edge.refuses_to_start() == f"trunkline: {missing}: no such file or directory"


def test_a_key_file_that_is_not_the_databases(routed: Edge) -> None:
    """The credentials of a trunk cannot be opened: better not to start than to refuse its calls."""
    routed.trunk("pbx", "192.0.2.0/24", credentials={"username": "pbx", "password": "sesame"})
    assert routed.stop() == 0
    key = routed.data / "secret.key"
    kept = key.read_bytes()
    key.unlink()
    assert "put the old file back" in routed.refuses_to_start()
    assert "sealed with another key" in routed.refuses_to_start()
    key.write_text("no key\n")
    assert "is not 32 bytes" in routed.refuses_to_start()
    key.write_bytes(kept)
    key.chmod(0o644)
    routed.start()
    assert "may be read by others" in routed.log


@pytest.mark.parametrize("place", ["file", "journal"])
def test_a_directory_that_cannot_be_used(edge: Edge, place: str) -> None:
    if place == "file":
        edge.data.write_text("no directory")
        assert f"the data directory {edge.data} cannot be made" in edge.refuses_to_start()
    else:
        edge.data.mkdir()
        (edge.data / "journal").write_text("no directory")
        assert "cannot be used" in edge.refuses_to_start()


def test_what_it_keeps_is_its_own(edge: Edge) -> None:
    edge.start("--demo")
    for path in [edge.data, *edge.data.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o007, path


def test_metrics_can_be_scraped(routed: Edge, carrier: Phone, agent: Phone, stranger: Phone) -> None:
    a_call(routed, carrier, agent)
    Dialled(stranger, routed.sip, NUMBER).refused(403)
    answer = routed.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["trunkline_calls_answered_total",] == 1
    assert samples["trunkline_call_setup_seconds_count",] == 1
    assert samples["trunkline_table", "calls"] == 0
    assert samples["trunkline_table", "listeners"] == 1
    assert samples["trunkline_table", "journal_failing"] == 0
    assert samples["trunkline_count_total", "dns_questions"] == 0
    assert samples["trunkline_count_total", "duties_died"] == 0
    assert any(key[0] == "trunkline_events_total" and "unknown-source" in key for key in samples)


def test_strangers_are_counted_for_the_operator(routed: Edge, stranger: Phone) -> None:
    for _ in range(3):
        Dialled(stranger, routed.sip, NUMBER).refused(403)
    assert routed.stop() == 0
    routed.start()
    (seen,) = routed.get("/v1/refusals")["data"]
    assert (seen["source"], seen["count"], seen["status"]) == (stranger.address[0], 3, 403)


def test_requests_are_bounded_by_the_settings(edge: Edge) -> None:
    edge.sections["api"]["requests_per_hour"] = 3
    edge.start("--demo")
    edge.key = edge.demo_key()
    assert [edge.ask("GET", "/v1/calls").status for _ in range(4)] == [200, 200, 200, 429]


def test_calls_are_not_held_up_by_the_api(house: Edge, carrier: Phone, agent: Phone) -> None:
    house.number(NUMBER, house.trunk("carrier", NETWORK), house.agent(f"sip:agent@{agent.at}"))
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            house.ask("GET", "/v1/calls?per_page=100")

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(5):
            a_call(house, carrier, agent)
    finally:
        stop.set()
        asking.join()
