"""A running edge between foreign peers: SIPp, Kamailio before or behind it where TLS is spoken, and baresip.

One edge serves all tests of the folder. It listens with UDP, TCP and TLS on IPv4 and IPv6, and has a trunk for every
carrier, an agent for every way an agent is reached, and a number for each pair of them (`world`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.edges import kamailio
from loadtest.peers import baresip
from loadtest.peers.certificates import Authority
from loadtest.process import Failed
from loadtest.sipp import sipp
from tests.interop.edge import Edge
from tests.interop.stage import Stage


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """Skips, with a reason that CI does not accept, where a foreign peer is missing."""
    found = {"sipp": sipp, "kamailio": kamailio.binary, "kamailio-tls": _tls_module, "baresip": _baresip}

    def check(*names: str) -> None:
        for name in names:
            try:
                found[name]()
            except Failed as failure:
                pytest.skip(f"tool: {failure}")

    return check


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Edge]:
    running = Edge(tmp_path_factory.mktemp("edge"), authority)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def stage(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    playing = Stage(edge, tmp_path_factory.mktemp("bridges"))
    yield playing
    playing.close()


def _tls_module() -> str:
    if not (Path(kamailio.modules()) / "tls.so").exists():
        raise Failed("Kamailio's tls module is not installed (Debian: kamailio-tls-modules)")
    return kamailio.binary()


def _baresip() -> str:
    baresip.modules()
    return baresip.binary()
