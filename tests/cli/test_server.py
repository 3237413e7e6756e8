"""Where commands find the server and its key, and what they say when they do not."""

from __future__ import annotations

import argparse
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.peers.ports import free
from tests.cli.conftest import Edge, Run
from tests.transport.wire import Authority
from trunkline.commands.server import Server, server_of
from trunkline.commands.terminal import Sorry

KEY = "trunkline_live_0123456789"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("URL", "API_KEY", "CONFIG", "DATA_DIR"):
        monkeypatch.delenv(f"TRUNKLINE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def found(**given: object) -> Server:
    return server_of(argparse.Namespace(**{"url": None, "key": None, "organization": None, "config": None, **given}))


def keep(name: str, key: str) -> None:
    folder = Path("trunkline-data")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(key + "\n")


def test_words_stand_above_the_environment_and_that_above_files(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("operator.key", "of_operator")
    assert found()[:2] == ("http://127.0.0.1:8080", "of_operator")
    keep("demo.key", "of_demo")
    assert found().key == "of_demo"
    monkeypatch.setenv("TRUNKLINE_URL", "https://edge.example.com/")
    monkeypatch.setenv("TRUNKLINE_API_KEY", "of_environment")
    assert found()[:2] == ("https://edge.example.com", "of_environment")
    assert found(url="http://h:1", key="of_words")[:3] == ("http://h:1", "of_words", "given with --key")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://[::1]:81"), ("192.0.2.1", "http://192.0.2.1:81")],
)
def test_the_settings_name_it(tmp_path: Path, host: str, url: str) -> None:
    config = tmp_path / "t.toml"
    config.write_text(f'[api]\nhost = "{host}"\nport = 81\n')
    assert found(key=KEY, config=config).url == url


@pytest.mark.parametrize("url", ["edge:8080", "ftp://edge", "http://", "http:///x"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(Sorry, match="is no URL of an API") as refused:
        found(url=url, key=KEY)
    assert refused.value.code == 2


@pytest.mark.parametrize("key", ["a b", "a\nX-Evil: 1", "schlüssel"])
def test_a_key_that_is_none_is_not_shown(key: str) -> None:
    with pytest.raises(Sorry, match="the API key given with --key is none") as refused:
        found(url="http://h", key=key)
    assert key not in str(refused.value)


def test_no_key_at_all() -> None:
    with pytest.raises(Sorry, match="no API key: use --key or TRUNKLINE_API_KEY"):
        found()


def test_faulty_settings_are_told_whole(tmp_path: Path) -> None:
    config = tmp_path / "t.toml"
    config.write_text("[api]\nport = 99999\nhots = 1\n")
    with pytest.raises(Sorry, match=r"(?s)api\.port.*api\.hots") as refused:
        found(config=config)
    assert refused.value.code == 2


def test_nobody_there(run: Run) -> None:

    url = f"http://127.0.0.1:{free('127.0.0.1')}"
    ended = run("keys", "list", "--url", url, "--key", KEY)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"trunkline keys: no server at {url} (Connection refused): start one with")


def test_a_key_that_is_not_known(run: Run, edge: Edge) -> None:
    ended = run("keys", "list", "--config", edge.config, "--key", KEY)
    assert ended.code == 1
    assert "does not accept the API key given with --key: The API key is not known, or it has expired" in ended.err
    assert KEY not in ended.err


class Foreign(http.server.BaseHTTPRequestHandler):
    """Something else than our API; it notes what it was told."""

    status = 200
    heard: list[str]

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_response(self.status)
        self.send_header("Location", "/stolen")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, format: str, *args: object) -> None:
        """Not on the test's output."""


@contextmanager
def foreign(answer: int) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    kind = type("Answering", (Foreign,), {"status": answer, "heard": asked})
    with http.server.HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_another_server_gets_no_further(status: int) -> None:
    with foreign(status) as (url, asked):
        with pytest.raises(Sorry, match="is not Trunkline's API"):
            found(url=url, key=KEY).get("/v1/calls")
        assert asked == ["/v1/calls"]


def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    import socket
    import ssl

    pair = Authority(tmp_path).issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain_file, pair.key_file)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                accepted, _ = listening.accept()
                try:
                    with context.wrap_socket(accepted, server_side=True) as peer:
                        peer.recv(65536)
                        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Sorry, match="is not trusted"):
            found(url=f"https://127.0.0.1:{port}", key=KEY).get("/x")
        # The machine's own server is known by its certificate itself, whatever name that bears.
        config = tmp_path / "t.toml"
        config.write_text(f'[api]\nport = {port}\ncertificate = "{pair.chain_file}"\n')
        assert found(config=config, key=KEY).get("/x") == {}
        thread.join(5)
