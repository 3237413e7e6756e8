"""`trunkline call`: against the edge over every transport, and against peers that misbehave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.peers.ports import free
from tests.cli.conftest import Edge, Run
from tests.cli.peer import Peer, Say, answer, ignore, running
from trunkline.sip.message import Request

NUMBER = "+12025550100"
SHORT = ("--seconds", "0.2")


def steps(out: str) -> list[str]:
    """What stands on the ladder's arrows."""
    return re.findall(r"│[◀─]+ (.+?) [─▶]+│", out)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_to_the_echo(run: Run, edge: Edge, transport: str) -> None:
    ended = run(
        "call", NUMBER, "--config", edge.config, "--transport", transport, "--ca", edge.authority, *SHORT
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert steps(ended.out) == ["INVITE sdp", "100 Trying", "200 OK sdp", "ACK", "BYE", "200 OK BYE"]
    assert f"{transport} {edge.tls if transport == 'tls' else edge.udp}" in ended.out
    assert "✓ The call was answered" in ended.out
    assert "10 packets sent, 10 back as they were sent" in ended.out


@pytest.mark.foreign
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_foreign_peer(run: Run, tool: Callable[[str], str], tmp_path: Path, transport: str, host: str) -> None:
    """SIPp answers and returns the audio by itself."""
    port, media = free(host), free(host)
    literal = f"[{host}]" if ":" in host else host
    options = ["-sn", "uas", "-t", "u1" if transport == "udp" else "t1", "-i", literal, "-p", str(port), "-m", "1"]
    audio = ["-rtp_echo", "-mi", literal, "-mp", str(media), "-nostdin", "-timeout", "20"]
    with subprocess.Popen(
        [tool("sipp"), *options, *audio], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as peer:
        # What is sent before SIPp listens is sent again on UDP; over TCP it is dialled again.
        words = ("call", "100", "--to", f"{literal}:{port}", "--transport", transport, *SHORT)
        ended = run(*words)
        for _ in range(100):
            if "connection refused" not in ended.out:
                break
            ended = run(*words)
        # It would wait four seconds for what comes late.
        peer.terminate()
    assert ended.code == 0, ended.out
    assert steps(ended.out)[-3:] == ["ACK", "BYE", "200 OK BYE"]
    assert "10 packets sent, 10 back as they were sent" in ended.out


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "g722"])
def test_the_codec_that_is_asked_for(run: Run, edge: Edge, codec: str) -> None:
    ended = run("call", NUMBER, "--to", edge.udp, "--codec", codec, *SHORT)
    assert ended.code == 0
    assert f"its audio came back ({codec.upper()}, 127.0.0.1:" in ended.out


@pytest.mark.parametrize("number", ["(202) 555-0100", "2025550100"])
def test_a_number_as_people_write_it(run: Run, edge: Edge, number: str) -> None:
    assert run("call", number, "--country", "us", "--to", edge.udp, *SHORT).code == 0


def test_a_refusal_leads_to_explain(run: Run, edge: Edge) -> None:
    ended = run("call", "+12025550199", "--to", edge.udp)
    assert ended.code == 1
    assert steps(ended.out) == ["INVITE sdp", "404 Not Found", "ACK"]
    assert f"✗ udp {edge.udp} refused the call: 404 Not Found." in ended.out
    assert "trunkline explain +12025550199 --from-ip 127.0.0.1" in ended.out


def test_a_certificate_that_nobody_signed(run: Run, edge: Edge) -> None:
    ended = run("call", NUMBER, "--to", edge.tls, "--transport", "tls")
    assert ended.code == 1
    assert "is not trusted" in ended.out
    assert "--ca FILE" in ended.out
    assert run("call", NUMBER, "--to", edge.tls, "--transport", "tls", "--insecure", *SHORT).code == 0


def challenge(peer: Peer, request: Request, say: Say) -> list[bytes]:
    if request.method == "INVITE" and request.header("authorization") is None:
        return [say(401, 'WWW-Authenticate: Digest realm="pbx", nonce="abc", algorithm=MD5, qop="auth"\r\n')]
    return answer(peer, request, say)


def test_credentials_answer_a_challenge_and_stay_hidden(run: Run) -> None:
    with running(challenge) as peer:
        ended = run("call", "100", "--to", peer.place, "--user", "alice", "--password", "s3cret", "--full", *SHORT)
        assert ended.code == 0
        assert peer.methods == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
        given = peer.requests[2].header("authorization")
    assert given is not None
    assert 'username="alice"' in given
    [response] = re.findall(r'response="(\w+)"', given)
    assert response not in ended.out
    assert "s3cret" not in ended.out
    assert 'username="alice"' in ended.out


def test_a_password_that_nobody_asked_for_proves_nothing(run: Run, edge: Edge) -> None:
    ended = run("call", NUMBER, "--to", edge.udp, "--user", "alice", "--password", "wrong", *SHORT)
    assert ended.code == 0
    assert "Nobody asked for a password" in ended.out
    assert "Nobody asked" not in run("call", NUMBER, "--to", edge.udp, *SHORT).out


def test_explain_is_asked_about_the_same_user(run: Run, edge: Edge) -> None:
    ended = run("call", "+12025550199", "--to", edge.udp, "--user", "alice", "--password", "wrong")
    assert "trunkline explain +12025550199 --from-ip 127.0.0.1 --user alice" in ended.out


def test_credentials_that_are_forbidden(run: Run) -> None:
    def wrong(peer: Peer, request: Request, say: Say) -> list[bytes]:
        if request.method == "INVITE" and request.header("authorization") is not None:
            return [say(403, 'Reason: SIP;cause=403;text="wrong-credentials"\r\n')]
        return challenge(peer, request, say)

    with running(wrong) as peer:
        ended = run("call", "100", "--to", peer.place, "--user", "alice", "--password", "wrong")
    assert ended.code == 1
    assert "It does not accept this --user and --password." in ended.out


def test_a_challenge_without_credentials(run: Run) -> None:
    with running(challenge) as peer:
        ended = run("call", "100", "--to", peer.place)
    assert ended.code == 1
    assert "Give --user and --password" in ended.out


def test_credentials_that_are_not_accepted(run: Run) -> None:
    def never(peer: Peer, request: Request, say: Say) -> list[bytes]:
        return [] if request.method == "ACK" else [say(401, 'WWW-Authenticate: Digest realm="pbx", nonce="abc"\r\n')]

    with running(never) as peer:
        ended = run("call", "100", "--to", peer.place, "--user", "alice", "--password", "wrong")
        assert peer.methods == ["INVITE", "ACK"] * 2
    assert ended.code == 1
    assert "It does not accept this --user and --password." in ended.out


@pytest.mark.parametrize(("expected", "changed", "silent"), [("echo", 1, 1), ("audio", 0, 1), ("answer", 0, 0)])
def test_what_counts_as_success(run: Run, expected: str, changed: int, silent: int) -> None:
    with running(alter=lambda data: data[:12] + data[:11:-1]) as peer:
        ended = run("call", "100", "--to", peer.place, "--expect", expected, *SHORT)
        assert ended.code == changed
        assert "another audio than was sent" in ended.out
        assert "10 other" in ended.out
    with running(alter=lambda data: None) as peer:
        ended = run("call", "100", "--to", peer.place, "--expect", expected, *SHORT)
        assert ended.code == silent
        assert "no audio came back" in ended.out
        assert "0 back as they were sent (100.0% lost)" in ended.out


def test_loss_is_told(run: Run) -> None:
    count = iter(range(1000))
    with running(alter=lambda data: data if next(count) % 2 else None) as peer:
        ended = run("call", "100", "--to", peer.place, *SHORT)
    assert ended.code == 1
    assert "only a part of its audio came back" in ended.out
    assert "10 packets sent, 5 back as they were sent (50.0% lost)" in ended.out


def test_an_answer_without_audio(run: Run) -> None:
    def mute(peer: Peer, request: Request, say: Say) -> list[bytes]:
        if request.method == "INVITE":
            return [say(200, peer.contact, peer.sdp(codec="18"))]
        return answer(peer, request, say)

    with running(mute) as peer:
        ended = run("call", "100", "--to", peer.place)
        assert peer.methods == ["INVITE", "ACK", "BYE"]
    assert ended.code == 1
    assert "its audio cannot be used" in ended.out


def within(request: Request, method: str, peer: Peer, body: bytes = b"") -> bytes:
    """A request of the peer's in the dialog that this INVITE made."""
    contact = (request.header("contact") or "")[1:-1].partition(">")[0]
    kind = "Content-Type: application/sdp\r\n" if body else ""
    text = (
        f"{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {peer.place};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n"
        f"From: {request.header('to')};tag=peer\r\nTo: {request.header('from')}\r\nCall-ID: {request.call_id}\r\n"
        f"CSeq: 7 {method}\r\nContact: <sip:peer@{peer.place}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return text.encode() + body


def test_the_other_side_hangs_up(run: Run) -> None:
    def brief(peer: Peer, request: Request, say: Say) -> list[bytes]:
        return [within(peer.requests[0], "BYE", peer)] if request.method == "ACK" else answer(peer, request, say)

    with running(brief, lambda data: None) as peer:
        ended = run("call", "100", "--to", peer.place, "--seconds", "60")
        assert peer.methods == ["INVITE", "ACK"]
        assert [response.split(b"\r\n")[0] for response in peer.responses] == [b"SIP/2.0 200 OK"]
    assert ended.code == 1
    assert "The other side hung up first." in ended.out


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_what_the_other_side_asks_within_the_call(run: Run, method: str) -> None:
    def curious(peer: Peer, request: Request, say: Say) -> list[bytes]:
        if request.method == "ACK":
            return [within(peer.requests[0], method, peer, peer.sdp() if method in ("INVITE", "UPDATE") else b"")]
        return answer(peer, request, say)

    with running(curious) as peer:
        ended = run("call", "100", "--to", peer.place, *SHORT)
        final = [response for response in peer.responses if not response.startswith(b"SIP/2.0 1")]
        assert peer.methods[-1] == "BYE"
    assert ended.code == 0
    assert final[0].startswith(b"SIP/2.0 200 OK\r\n")
    assert (b"m=audio" in final[0]) == (method in ("INVITE", "UPDATE"))


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", b"200"), ("INVITE", b"480"), ("BYE", b"481"), ("CANCEL", b"481")]
)
def test_what_strangers_ask(run: Run, method: str, status: bytes) -> None:
    """Requests outside the call are answered, and the call goes on."""

    def intruding(peer: Peer, request: Request, say: Say) -> list[bytes]:
        if request.method != "ACK":
            return answer(peer, request, say)
        foreign = within(peer.requests[0], method, peer, peer.sdp())
        return [
            foreign.replace(request.call_id.encode(), b"another").replace(b";tag=cl", b";other=cl"),
            b"nonsense " * 9,
        ]

    with running(intruding) as peer:
        ended = run("call", "100", "--to", peer.place, *SHORT)
        [response] = [each for each in peer.responses if b"another" in each]
        assert peer.methods == ["INVITE", "ACK", "BYE"]
    assert ended.code == 0
    assert response.split(b" ")[1] == status


def test_a_change_that_is_taken_back(run: Run) -> None:
    """A CANCEL that comes after the re-INVITE was answered is 200, and changes nothing (RFC 3261 §9.2)."""

    def hasty(peer: Peer, request: Request, say: Say) -> list[bytes]:
        if request.method != "ACK":
            return answer(peer, request, say)
        change = within(peer.requests[0], "INVITE", peer, peer.sdp())
        head, _, _ = change.replace(b"INVITE", b"CANCEL", 1).partition(b"Content-Type")
        cancel = head.replace(b"CSeq: 7 INVITE", b"CSeq: 7 CANCEL") + b"Content-Length: 0\r\n\r\n"
        return [change, cancel]

    with running(hasty) as peer:
        ended = run("call", "100", "--to", peer.place, *SHORT)
        final = [each.split(b"\r\n")[0] for each in peer.responses if not each.startswith(b"SIP/2.0 1")]
    assert ended.code == 0
    assert final.count(b"SIP/2.0 200 OK") >= 2


def test_on_a_terminal_it_says_what_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with running() as peer:
        ended = run("call", "100", "--to", peer.place, *SHORT)
    assert ended.code == 0
    assert "\x1b[1;32m✓ The call was answered" in ended.out
    assert "\x1b[36m" in ended.out


def ring(peer: Peer, request: Request, say: Say) -> list[bytes]:
    """Rings for ever; obeys a CANCEL."""
    if request.method == "INVITE":
        return [say(180)]
    if request.method == "CANCEL":
        refused = say(487).replace(b" CANCEL\r\n", b" INVITE\r\n")
        return [say(200), refused]
    return []


def test_nobody_answers(run: Run) -> None:
    with running(ring) as peer:
        ended = run("call", "100", "--to", peer.place, "--timeout", "0.3")
        assert peer.methods == ["INVITE", "CANCEL", "ACK"]
    assert ended.code == 1
    assert "✗ Nobody answered within 0.3 s." in ended.out


def test_nobody_is_there(run: Run) -> None:
    with running(ignore) as peer:
        ended = run("call", "100", "--to", peer.place, "--timeout", "0.3")
        assert peer.methods == ["INVITE"]
    assert ended.code == 1
    assert f"✗ Nothing answers at udp {peer.place}." in ended.out


def test_nobody_listens(run: Run) -> None:
    """The host says so, and nobody waits for an answer."""
    ended = run("call", "100", "--to", "127.0.0.1:9", "--timeout", "30")
    assert ended.code == 1
    assert "✗ udp 127.0.0.1:9 cannot be reached: connection refused." in ended.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_hangs_up(run: Run, number: int) -> None:
    def interrupting(peer: Peer, request: Request, say: Say) -> list[bytes]:
        os.kill(os.getpid(), number) if request.method == "INVITE" else None
        return ring(peer, request, say)

    with running(interrupting) as peer:
        ended = run("call", "100", "--to", peer.place)
        assert peer.methods == ["INVITE", "CANCEL", "ACK"]
    assert ended.code == 1
    assert "✗ You ended the call." in ended.out


def test_what_is_malicious_does_not_reach_the_terminal(run: Run) -> None:
    def evil(peer: Peer, request: Request, say: Say) -> list[bytes]:
        return [] if request.method == "ACK" else [say(486, "X-Evil: \x1b]0;owned\x07\r\n", words="Bu\x1b[2Jsy")]

    with running(evil) as peer:
        ended = run("call", "100", "--to", peer.place, "--full")
    assert ended.code == 1
    assert "\x1b" not in ended.out
    assert "\x07" not in ended.out
    assert "486 Bu" in ended.out


def test_a_proxy_for_a_whole_uri(run: Run) -> None:
    with running() as peer:
        ended = run(
            "call", "sip:bob@example.invalid;user=phone", "--to", peer.place, "--from", "sip:me@here.invalid", *SHORT
        )
        [invite] = [request for request in peer.requests if request.method == "INVITE"]
    assert ended.code == 0
    assert invite.uri == "sip:bob@example.invalid;user=phone"
    assert invite.header("route") == f"<sip:{peer.place};lr>"
    assert (invite.header("from") or "").startswith("<sip:me@here.invalid>;tag=")


def test_the_caller_is_at_the_address_that_is_taken(run: Run) -> None:
    with running() as peer:
        run("call", "100", "--to", peer.place, "--from", "+13035559876", *SHORT)
        assert (peer.requests[0].header("from") or "").startswith("<sip:+13035559876@127.0.0.1>;tag=")


def test_a_host_that_leads_nowhere(run: Run) -> None:
    ended = run("call", "sips:bob@127.0.0.1", "--transport", "udp")
    assert ended.code == 1
    assert "✗ a sips URI cannot be reached over UDP." in ended.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("12 34", "--to", "h"), "is no whole number"),
        (("a b", "--to", "h"), "cannot be dialled"),
        (("", "--to", "h"), "cannot be dialled"),
        (("sip:", "--to", "h"), "is no SIP URI"),
        (("1", "--to", "h:0"), "is no place to call"),
        (("1", "--to", "h:65536"), "is no place to call"),
        (("1", "--to", "[::1"), "is no place to call"),
        (("1", "--to", "h", "--from", "sip:a b"), "is no URI"),
        (("1", "--to", "h", "--password", "x"), "without the --user"),
        (("1", "--to", "h", "--ca", "/nowhere.pem"), "cannot be read for --ca"),
        (("1", "--transport", "tls"), "name no TLS listener"),
        (("1", "--config", "/nowhere.toml"), "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    ended = run("call", *words)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("trunkline call: ")
    assert sentence in ended.err


@pytest.mark.parametrize("words", [("--seconds", "0"), ("--seconds", "x"), ("--codec", "G729"), ("--transport", "ws")])
def test_what_argparse_refuses(run: Run, words: tuple[str, str]) -> None:
    ended = run("call", "1", *words)
    assert ended.code == 2
    assert f"argument {words[0]}" in ended.err


def test_sockets_are_given_back(run: Run) -> None:
    with running() as peer:
        run("call", "100", "--to", peer.place, *SHORT)
        before = len(list(Path("/proc/self/fd").iterdir()))
        run("call", "100", "--to", peer.place, *SHORT)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
