"""The command line as a shell runs it, and one edge for all who need a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from loadtest.peers.ports import free
from tests.transport.wire import Authority
from tests.watch import WATCH
from trunkline.cli import main

PATIENCE = 30.0


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command in this process, without what this machine's environment says."""
    for name in list(os.environ):
        if name.startswith("TRUNKLINE_"):
            monkeypatch.delenv(name)

    def command(*words: str) -> Ended:
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        said = capsys.readouterr()
        WATCH.show("what a command printed", said.out + said.err)
        return Ended(code, said.out, said.err)

    return command


class Edge(NamedTuple):
    config: str
    folder: Path
    greeting: str
    udp: str
    """`host:port`."""
    tls: str
    authority: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """`trunkline serve --demo` in a process of its own."""
    folder = tmp_path_factory.mktemp("edge")
    authority = Authority(folder)
    pair = authority.issue("127.0.0.1")
    sip, tls, api = (free("127.0.0.1") for _ in range(3))
    config = folder / "trunkline.toml"
    config.write_text(
        f"""
data_dir = "{folder / "data"}"
[[sip.listeners]]
transport = "udp"
host = "127.0.0.1"
port = {sip}
[[sip.listeners]]
transport = "tcp"
host = "127.0.0.1"
port = {sip}
[[sip.listeners]]
transport = "tls"
host = "127.0.0.1"
port = {tls}
certificate = "{pair.chain_file}"
private_key = "{pair.key_file}"
[media]
first_port = 34000
last_port = 34099
[api]
port = {api}
"""
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    complaints = folder / "complaints"
    with complaints.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "trunkline", "serve", "--demo", "--config", str(config)],
            stdout=subprocess.PIPE, stderr=errors, text=True, env=environ, cwd=folder,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Stop with"):
                break
        assert process.poll() is None, f"the edge did not start: {complaints.read_text()}"
        yield Edge(str(config), folder, "".join(lines), f"127.0.0.1:{sip}", f"127.0.0.1:{tls}", authority.file, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()
