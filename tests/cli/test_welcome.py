"""What the edge says when it starts: every line works as it is printed."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Edge, Run
from trunkline.commands.welcome import welcome
from trunkline.settings import Settings
from trunkline.settings.tree import Api

KEY = "trunkline_live_key"
URL = "http://127.0.0.1:8080"


def after(text: str, label: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(f"  {label} ")]
    return line.removeprefix(f"  {label}").strip()


def test_the_shortest_words_that_work() -> None:
    text = welcome(Settings(), ["tcp:127.0.0.1:5060", "udp:[::1]:5060", "udp:127.0.0.1:5060"], "+1202", URL, KEY)
    assert after(text, "Call it") == "trunkline call +1202"
    assert after(text, "See messages") == "trunkline trace"
    assert after(text, "Softphone").startswith("dial sip:+1202@127.0.0.1:5060 ")
    assert "First" not in text
    assert "UDP [::1]:5060\n" in text


def test_another_place_is_said() -> None:
    text = welcome(Settings(), ["tls:192.0.2.1:5061"], "+1202", URL, KEY)
    assert after(text, "Call it") == "trunkline call +1202 --to 192.0.2.1:5061 --transport tls"
    assert after(text, "Softphone").startswith("dial sip:+1202@192.0.2.1:5061;transport=tls ")


def test_other_settings_are_passed_on_by_the_environment(tmp_path: Path) -> None:
    addresses = ["udp:127.0.0.1:5060"]
    elsewhere = Settings(api=Api(port=81))
    url = "http://127.0.0.1:81"
    assert after(welcome(elsewhere, addresses, "+1202", url, KEY), "First") == (
        f"export TRUNKLINE_URL={url} TRUNKLINE_API_KEY={KEY}"
    )
    config = tmp_path / "my settings.toml"
    assert after(welcome(elsewhere, addresses, "+1202", url, KEY, config), "First") == (
        f"export TRUNKLINE_CONFIG='{config}'"
    )


def test_without_a_demonstration_nothing_is_promised() -> None:
    text = welcome(Settings(), ["udp:127.0.0.1:5060"], None, URL, None)
    assert "Try next" not in text
    assert "UDP 127.0.0.1:5060" in text
    assert KEY not in text


def test_many_addresses_are_not_all_listed() -> None:
    text = welcome(Settings(), [f"udp:192.0.2.{n}:5060" for n in range(1, 21)], None, URL, None)
    assert text.count("192.0.2.") == 8
    assert "and 12 more" in text


@pytest.mark.parametrize("label", ["Call it", "Ask why", "See messages"])
def test_the_edges_own_greeting_can_be_followed(
    run: Run, edge: Edge, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    name, _, value = after(edge.greeting, "First").removeprefix("export ").partition("=")
    # `run` clears the environment once, before the first command.
    monkeypatch.setenv(name, value)
    words = shlex.split(after(edge.greeting, label))
    assert words[0] == "trunkline"
    ended = run(*words[1:], *(("--seconds", "0.2") if label == "Call it" else ()))
    assert (ended.code, ended.err) == (0, "")
    assert value == edge.config


def test_its_curl_line_works(edge: Edge) -> None:
    line = after(edge.greeting, "See calls")
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.startswith('{"data":[')
