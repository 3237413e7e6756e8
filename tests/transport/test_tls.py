"""TLS with certificates made here: who is trusted, who is not, and what is said of it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msgspec import structs

from tests.transport.conftest import OpenLayer
from tests.transport.wire import PATIENCE, Authority, Heard, Pair, message, soon, until
from trunkline.model.secret import Secret
from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Flow
from trunkline.transport.errors import CertificateError
from trunkline.transport.layer import TransportLayer
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec
from trunkline.transport.tls import ServerCertificate, client_context, expires_at, profile_key


def tls(host: str, pair: Pair | None = None, client_ca: str | None = None) -> ListenerSpec:
    if pair is None:
        return ListenerSpec(transport="tls", host=host)
    return ListenerSpec(
        transport="tls",
        host=host,
        port=0,
        certificate=pair.chain_file,
        private_key=pair.key_file,
        client_ca=client_ca,
    )


def to(client: TransportLayer, server: TransportLayer, profile: TlsProfile, name: str = "sip.example.com") -> Flow:
    flow = client.flow_to("tls", server.bound[0].address, name, profile)
    assert flow is not None
    return flow


async def refusal(client: TransportLayer, heard: Heard, flow: Flow) -> str:
    """Why a message over this flow fails."""
    assert client.send(flow, message(), "key") is None
    failure = await soon(heard.failures)
    assert (failure.flow, failure.transaction) == (flow, "key")
    assert heard.failures.empty()
    return failure.reason


async def test_messages_cross_tls_both_ways(opened: OpenLayer, authority: Authority, host: str) -> None:
    server, server_heard = await opened(tls(host, authority.issue("sip.example.com")))
    client, client_heard = await opened(tls(host))
    flow = to(client, server, TlsProfile(ca_bundle=authority.pem))
    assert client.send(flow, message("1", b"x" * 20_000), "key") is None
    data, accepted = await soon(server_heard.messages)
    assert data == message("1", b"x" * 20_000)
    assert (accepted.transport, accepted.local) == ("tls", server.bound[0].address)
    assert server.send(accepted, message("back")) is None
    assert await soon(client_heard.messages) == (message("back"), flow)
    assert client_heard.failures.empty()


@pytest.mark.parametrize("name", ["SIP.example.com", "sip.example.com."])
async def test_a_name_is_the_same_in_any_writing(opened: OpenLayer, authority: Authority, name: str) -> None:
    server, heard = await opened(tls("127.0.0.1", authority.issue("sip.example.com")))
    client, _ = await opened(tls("127.0.0.1"))
    profile = TlsProfile(ca_bundle=authority.pem)
    assert to(client, server, profile, name) == to(client, server, profile)
    client.send(to(client, server, profile, name), message())
    await soon(heard.messages)


async def test_a_literal_address_must_be_in_the_certificate(opened: OpenLayer, authority: Authority, host: str) -> None:
    profile = TlsProfile(ca_bundle=authority.pem)
    client, heard = await opened(tls(host))
    right, right_heard = await opened(tls(host, authority.issue("other.example.com", host)))
    client.send(to(client, right, profile, ""), message())
    await soon(right_heard.messages)
    wrong, _ = await opened(tls(host, authority.issue("other.example.com")))
    assert f"the certificate it showed is not for {host}" in await refusal(
        client, heard, to(client, wrong, profile, "")
    )


async def test_an_unknown_authority_is_not_trusted(opened: OpenLayer, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "Somebody Else")
    server, server_heard = await opened(tls("127.0.0.1", stranger.issue("sip.example.com")))
    client, heard = await opened(tls("127.0.0.1"))
    reason = await refusal(client, heard, to(client, server, TlsProfile(ca_bundle=authority.pem)))
    assert "certificate of sip.example.com is not trusted: unable to get local issuer certificate" in reason
    assert "not trusted" in await refusal(client, heard, to(client, server, TlsProfile()))
    await until(lambda: server.counts()["streams_failed_accept"] == 2)
    await until(lambda: server.counts()["connections_handshaking"] == 0)
    assert server_heard.closures.empty()
    client.send(to(client, server, TlsProfile(verify=False)), message())
    await soon(server_heard.messages)


async def test_another_name_or_an_old_certificate_is_refused(opened: OpenLayer, authority: Authority) -> None:
    profile = TlsProfile(ca_bundle=authority.pem)
    client, heard = await opened(tls("127.0.0.1"))
    other, _ = await opened(tls("127.0.0.1", authority.issue("other.example.com")))
    reason = await refusal(client, heard, to(client, other, profile))
    assert reason.endswith("the certificate it showed is not for sip.example.com")
    old, _ = await opened(tls("127.0.0.1", authority.issue("sip.example.com", days=-3)))
    reason = await refusal(client, heard, to(client, old, profile))
    assert reason.endswith("certificate of sip.example.com is not trusted: certificate has expired")


async def test_the_name_the_trunk_gives_decides(opened: OpenLayer, authority: Authority) -> None:
    server, heard = await opened(tls("127.0.0.1", authority.issue("real.example.com")))
    client, _ = await opened(tls("127.0.0.1"))
    profile = TlsProfile(ca_bundle=authority.pem, server_name="real.example.com")
    client.send(to(client, server, profile), message())
    await soon(heard.messages)


async def test_a_listener_may_ask_for_a_certificate(opened: OpenLayer, authority: Authority, tmp_path: Path) -> None:
    server, server_heard = await opened(tls("127.0.0.1", authority.issue("sip.example.com"), authority.file))
    client, heard = await opened(tls("127.0.0.1"))
    ours = authority.issue("edge.example.com").profile(authority.pem)
    client.send(to(client, server, ours), message("known"), "known")
    assert (await soon(server_heard.messages))[0] == message("known")
    foreign = Authority(tmp_path, "Somebody Else").issue("edge.example.com").profile(authority.pem)
    for profile in (TlsProfile(ca_bundle=authority.pem), foreign):
        assert await refusal(client, heard, to(client, server, profile))
    assert server_heard.messages.empty()


async def test_profiles_never_share_a_connection(opened: OpenLayer, authority: Authority) -> None:
    server, server_heard = await opened(tls("127.0.0.1", authority.issue("a.example.com", "b.example.com")))
    client, _ = await opened(tls("127.0.0.1"))
    one = authority.issue("one.example.com").profile(authority.pem)
    two = authority.issue("two.example.com").profile(authority.pem)
    alike = TlsProfile(ca_bundle=one.ca_bundle, certificate=one.certificate, private_key=one.private_key)
    asked = [("a.example.com", one), ("a.example.com", two), ("b.example.com", one), ("a.example.com", alike)]
    flows = [to(client, server, profile, name) for name, profile in asked]
    assert flows[0] == flows[3]
    assert len(set(flows)) == 3
    seen = []
    for flow in flows:
        client.send(flow, message())
        seen.append((await soon(server_heard.messages))[1])
    assert seen[0] == seen[3]
    assert len(set(seen)) == 3
    assert client.counts()["connections_outbound"] == 3


async def test_a_flow_of_a_forgotten_profile_says_so(opened: OpenLayer) -> None:
    client, heard = await opened(tls("127.0.0.1"))
    flow = Flow("tls", ("127.0.0.1", 5061), ("127.0.0.1", 9), "out:sip.example.com:0123456789abcdef")
    assert await refusal(client, heard, flow) == "the TLS profile of this connection is not known any more"


async def test_a_flow_of_an_earlier_process_opens_again(opened: OpenLayer, authority: Authority) -> None:
    server, heard = await opened(tls("127.0.0.1", authority.issue("sip.example.com")))
    earlier, _ = await opened(tls("127.0.0.1"))
    flow = to(earlier, server, TlsProfile(ca_bundle=authority.pem))
    later, _ = await opened(tls("127.0.0.1"))
    later.remember(TlsProfile(ca_bundle=authority.pem))
    assert later.send(flow, message("bye")) is None
    assert (await soon(heard.messages))[0] == message("bye")


async def test_a_peer_without_tls_is_said_to_have_none(opened: OpenLayer) -> None:
    client, heard = await opened(tls("127.0.0.1"), limits=Limits(connect_time=0.3))
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.setblocking(False)
        flow = client.flow_to("tls", plain.getsockname(), "sip.example.com", TlsProfile())
        assert flow is not None
        client.send(flow, message(), "key")
        accepted, _ = await loop.sock_accept(plain)
        with accepted:
            await loop.sock_sendall(accepted, b"SIP/2.0 400 this is TCP\r\n\r\n")
            assert "no TLS with sip.example.com: " in (await soon(heard.failures)).reason
        client.send(flow, message(), "key")
        accepted, _ = await loop.sock_accept(plain)
        with accepted:
            assert (await soon(heard.failures)).reason.endswith("within 0.3 s")


async def test_a_stranger_to_tls_costs_a_place_for_a_bounded_time(opened: OpenLayer, authority: Authority) -> None:
    server, heard = await opened(
        tls("127.0.0.1", authority.issue("sip.example.com")), limits=Limits(handshake_time=0.2)
    )
    with (
        socket.create_connection(server.bound[0].address) as plain,
        socket.create_connection(server.bound[0].address) as silent,
    ):
        plain.sendall(message())
        await until(lambda: server.counts()["streams_failed_accept"] == 1)
        silent.sendall(b"\x16\x03\x01")
        await until(lambda: server.counts()["connections_handshaking"] == 1)
        await until(lambda: server.counts()["connections_handshaking"] == 0)
    counts = server.counts()
    assert counts["streams_failed_accept"] == 2
    assert counts["connections_accepted"] == 0
    assert heard.closures.empty()
    assert heard.messages.empty()


async def test_the_oldest_handshake_makes_room_for_the_next(opened: OpenLayer, authority: Authority) -> None:
    for limits in (Limits(handshakes=2, handshake_time=60.0), Limits(connections=2, handshake_time=60.0)):
        server, heard = await opened(tls("127.0.0.1", authority.issue("sip.example.com")), limits=limits)
        with (
            socket.create_connection(server.bound[0].address) as oldest,
            socket.create_connection(server.bound[0].address) as other,
        ):
            await until(lambda server=server: server.counts()["connections_handshaking"] == 2)  # type: ignore[misc]
            client, _ = await opened(tls("127.0.0.1"))
            assert client.send(to(client, server, TlsProfile(ca_bundle=authority.pem)), message("in")) is None
            assert (await soon(heard.messages))[0] == message("in")
            oldest.settimeout(PATIENCE)
            await asyncio.to_thread(oldest.recv, 1)
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.recv(1)
            counts = server.counts()
            assert (counts["connections_handshaking"], counts["streams_crowded"]) == (1, 1)


async def test_closing_abandons_handshakes(authority: Authority) -> None:
    server = TransportLayer()
    await server.open([tls("127.0.0.1", authority.issue("sip.example.com"))], Heard())
    with socket.create_connection(server.bound[0].address):
        await until(lambda: server.counts()["connections_handshaking"] == 1)
        async with asyncio.timeout(PATIENCE):
            await server.close()
    assert server.counts()["descriptors"] == 0


async def shown(address: tuple[str, int], authority: Authority) -> tuple[str, str | None]:
    """The names of the certificate shown there, and the protocol agreed."""
    context = ssl.create_default_context(cadata=authority.pem)
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "sip"])
    _, writer = await asyncio.open_connection(*address, ssl=context)
    certificate = writer.get_extra_info("peercert")
    agreed: str | None = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.transport.abort()
    return ",".join(name for _, name in certificate["subjectAltName"]), agreed


async def test_certificates_are_read_again(opened: OpenLayer, authority: Authority, tmp_path: Path) -> None:
    old, new = authority.issue("old.example.com", days=3), authority.issue("new.example.com", days=9)
    here = old._replace(chain_file=str(tmp_path / "chain.pem"), key_file=str(tmp_path / "key.pem"))

    def install(pair: Pair) -> None:
        shutil.copy(pair.chain_file, here.chain_file)
        shutil.copy(pair.key_file, here.key_file)

    install(old)
    server, _ = await opened(tls("127.0.0.1", here))
    address = server.bound[0].address
    assert await shown(address, authority) == ("old.example.com", "sip")
    Path(here.chain_file).write_text("no certificate")
    (sentence,) = server.reload_certificates()
    assert sentence.startswith(f"{here.chain_file}: ")
    assert await shown(address, authority) == ("old.example.com", "sip")
    install(new)
    assert server.reload_certificates() == ()
    assert await shown(address, authority) == ("new.example.com", "sip")
    (ends,) = server.certificates_expire().values()
    assert 8.9 * 86400 < ends - time.time() <= 9 * 86400


def test_a_certificate_that_cannot_be_used_says_why(authority: Authority, tmp_path: Path) -> None:
    one, two = authority.issue("one.example.com"), authority.issue("two.example.com")
    locked = authority.issue("locked.example.com", passphrase=b"secret")
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(CertificateError, match="key values mismatch"):
        ServerCertificate(one.chain_file, two.key_file)
    with pytest.raises(CertificateError, match="encrypted; give it without a passphrase"):
        ServerCertificate(locked.chain_file, locked.key_file)
    with pytest.raises(CertificateError, match="no such file"):
        ServerCertificate(missing)
    with pytest.raises(CertificateError, match=r"missing\.pem: no CA certificates: no such file"):
        ServerCertificate(one.chain_file, one.key_file, missing)


def test_a_profile_that_cannot_be_used_says_why_and_shows_no_key(authority: Authority) -> None:
    one, two = authority.issue("one.example.com"), authority.issue("two.example.com")
    locked = authority.issue("locked.example.com", passphrase=b"secret")
    refused = [
        TlsProfile(ca_bundle="no PEM"),
        TlsProfile(ca_bundle=""),
        TlsProfile(certificate="no PEM"),
        TlsProfile(certificate=one.chain),
        TlsProfile(certificate=one.chain, private_key=Secret(two.key)),
        TlsProfile(certificate=locked.chain, private_key=Secret(locked.key)),
    ]
    for profile in refused:
        with pytest.raises(CertificateError) as caught:
            client_context(profile)
        assert "PRIVATE KEY" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_equal_profiles_have_one_key_and_others_another(authority: Authority) -> None:
    pair = authority.issue("one.example.com")
    profiles = [
        TlsProfile(),
        TlsProfile(verify=False),
        TlsProfile(server_name="a"),
        TlsProfile(ca_bundle="a"),
        TlsProfile(ca_bundle=""),
        TlsProfile(certificate="a"),
        pair.profile(),
        TlsProfile(certificate=pair.chain),
        TlsProfile(certificate=pair.chain, private_key=Secret("other")),
    ]
    keys = [profile_key(profile) for profile in profiles]
    assert len(set(keys)) == len(keys)
    assert profile_key(pair.profile()) == profile_key(pair.profile())
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_the_end_of_a_certificate_is_read(authority: Authority) -> None:
    assert abs(expires_at(authority.issue("a.example.com", days=5).chain) - time.time() - 5 * 86400) < 10
    with pytest.raises(CertificateError, match="not a PEM certificate"):
        expires_at("nothing")


@pytest.mark.parametrize("asks", [True, False])
async def test_who_showed_a_certificate_is_named_before_its_first_message(
    opened: OpenLayer, authority: Authority, host: str, asks: bool
) -> None:
    pair = authority.issue("sip.example.com")
    spec = structs.replace(tls(host, pair, authority.file), asks=asks)
    server, server_heard = await opened(spec)
    client, client_heard = await opened(tls(host))
    own = authority.issue("pbx.example.com")
    profile = TlsProfile(ca_bundle=authority.pem, certificate=own.chain, private_key=Secret(own.key))
    flow = to(client, server, profile)
    assert client.send(flow, message("1"), "key") is None
    _, accepted = await soon(server_heard.messages)
    ((named, names),) = server_heard.certificates
    assert named == accepted
    fingerprint = x509.load_pem_x509_certificate(own.chain.encode()).fingerprint(hashes.SHA256()).hex()
    assert names == (fingerprint, "pbx.example.com")
    bare = to(client, server, TlsProfile(ca_bundle=authority.pem))
    assert client.send(bare, message("2"), "bare") is None
    if asks:
        await soon(server_heard.messages)
        assert len(server_heard.certificates) == 1
    else:
        assert (await soon(client_heard.failures)).transaction == "bare"
