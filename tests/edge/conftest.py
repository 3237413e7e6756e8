"""Settings of an edge on loopback addresses and ephemeral ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from trunkline.settings import Settings
from trunkline.settings.tree import Api, Listener, Sip, Timers

HOST = "127.0.31.21"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    listeners = tuple(Listener(transport=transport, host=HOST, port=0) for transport in ("udp", "tcp"))
    sip = Sip(listeners=listeners, timers=Timers(t1=0.05, t2=0.2, t4=0.2))
    return Settings(data_dir=tmp_path / "data", sip=sip, api=Api(host=HOST, port=0))
