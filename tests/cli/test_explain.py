"""`trunkline explain` against a running edge, and how its answer is drawn."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Edge, Run
from trunkline.commands.explain import lines

NUMBER = "+12025550100"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_that_would_be_routed(run: Run, edge: Edge, transport: str) -> None:
    ended = run("explain", NUMBER, "--from-ip", "127.0.0.1", "--transport", transport, "--config", edge.config)
    assert (ended.code, ended.err) == (0, "")
    assert "✗" not in ended.out
    assert f"The call would be routed: {NUMBER} to agent_" in ended.out


def test_one_that_would_not_says_what_would_mend_it(run: Run, edge: Edge) -> None:
    ended = run("explain", NUMBER, "--from-ip", "192.0.2.8", "--from", "+13035559876", "--config", edge.config)
    assert ended.code == 1
    shown = ended.out.splitlines()
    failed = [index for index, line in enumerate(shown) if line.startswith("✗")]
    assert len(failed) == 1
    assert shown[failed[0] + 1].lstrip().startswith("→ ")
    assert "The call would be answered 403 Forbidden (unknown-source)." in ended.out


def test_as_json(run: Run, edge: Edge) -> None:
    ended = run("explain", NUMBER, "--from-ip", "[::1]", "--user", "alice", "--json", "--config", edge.config)
    found = json.loads(ended.out)
    assert (found["accepted"], ended.code) == (True, 0)


def test_a_certificate_is_supposed_over_tls_alone(run: Run, edge: Edge) -> None:
    words = ("explain", NUMBER, "--from-ip", "127.0.0.1", "--certificate", "pbx.example.com", "--config", edge.config)
    assert run(*words, "--transport", "tls").code == 0
    ended = run(*words)
    assert (ended.code, ended.out) == (1, "")
    assert "over TLS alone" in ended.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--from-ip", "sip.example.com"), "(source)"), (("--from-ip", "::1", "--port", "0"), "port")],
)
def test_what_cannot_be_asked(run: Run, edge: Edge, words: tuple[str, ...], sentence: str) -> None:
    ended = run("explain", NUMBER, *words, "--config", edge.config)
    assert (ended.code, ended.out) == (1, "")
    assert sentence in ended.err


def test_no_answer_at_all_is_drawn_too() -> None:
    step = {"name": "trunk", "passed": False, "detail": "\x1b[2Jnobody", "mend": None}
    found: dict[str, Any] = {"accepted": False, "status": 0, "phrase": "No answer", "cause": "dropped", "steps": [step]}
    drawn = [line for line, _ in lines(found)]
    assert drawn == ["✗ trunk  �[2Jnobody", "", "The call would get no answer (dropped)."]


def test_a_call_out_is_drawn_with_its_carriers() -> None:
    step = {"name": "carrier", "passed": True, "detail": "It tries one.", "mend": None}
    found: dict[str, Any] = {"accepted": True, "direction": "outbound", "to": NUMBER, "steps": [step]}
    drawn = [line for line, _ in lines({**found, "agent_ids": [], "carrier_ids": ["trunk_a", "trunk_b"]})]
    assert drawn[-1] == f"The call would go out: {NUMBER} by trunk_a, trunk_b."
