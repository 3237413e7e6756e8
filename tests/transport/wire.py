"""What the tests of sockets share: a sink that can be waited on, messages, the other end of a stream, certificates."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from trunkline.model.secret import Secret
from trunkline.model.trunk import TlsProfile
from trunkline.sip.flow import Address, Flow
from trunkline.sip.framing import FramingError
from trunkline.transport.layer import TransportLayer
from trunkline.transport.listener import ListenerSpec

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds after which what should have happened counts as not happening."""


class Failure(NamedTuple):
    flow: Flow
    transaction: str
    reason: str


class Heard:
    """A sink that keeps what it is given, each kind in its own queue."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[bytes, Flow]]] = []
        self.messages: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.errors: asyncio.Queue[tuple[Flow, FramingError]] = asyncio.Queue()
        self.failures: asyncio.Queue[Failure] = asyncio.Queue()
        self.unreachable: asyncio.Queue[Failure] = asyncio.Queue()
        self.certificates: list[tuple[Flow, tuple[str, ...]]] = []
        self.closures: asyncio.Queue[Flow] = asyncio.Queue()

    def received(self, batch: list[tuple[bytes, Flow]]) -> None:
        self.batches.append(batch)
        for each in batch:
            self.messages.put_nowait(each)

    def unframed(self, flow: Flow, error: FramingError) -> None:
        self.errors.put_nowait((flow, error))

    def failed(self, flow: Flow, transaction: str, reason: str) -> None:
        self.failures.put_nowait(Failure(flow, transaction, reason))

    def unreached(self, flow: Flow, transaction: str, reason: str) -> None:
        self.unreachable.put_nowait(Failure(flow, transaction, reason))

    def certified(self, flow: Flow, names: tuple[str, ...]) -> None:
        self.certificates.append((flow, names))

    def closed(self, flow: Flow) -> None:
        self.closures.put_nowait(flow)


async def soon(queue: asyncio.Queue[T]) -> T:
    """The next item, or a failure of the test."""
    async with asyncio.timeout(PATIENCE):
        return await queue.get()


async def until(so: Callable[[], bool]) -> None:
    """Turn the loop until `so`, for what no queue tells."""
    async with asyncio.timeout(PATIENCE):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0)


def message(call: str = "1", body: bytes = b"") -> bytes:
    head = f"OPTIONS sip:a@example.com SIP/2.0\r\nCall-ID: {call}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Stranger:
    """The other end of a stream, on the plain loop."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.stream.setblocking(False)

    @property
    def address(self) -> Address:
        host, port = self.stream.getsockname()[:2]
        return host, port

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().sock_sendall(self.stream, data)

    async def receive(self, size: int) -> bytes:
        """Exactly so many bytes, or those that came before the end."""
        data = b""
        async with asyncio.timeout(PATIENCE):
            while len(data) < size:
                more = await asyncio.get_running_loop().sock_recv(self.stream, size - len(data))
                if not more:
                    break
                data += more
        return data

    async def ended(self) -> bool:
        """Wait until the other side has ended the stream. Whether it did so in order, without a reset."""
        try:
            return await self.receive(1) == b""
        except ConnectionResetError:
            return False


def tcp(host: str) -> ListenerSpec:
    return ListenerSpec(transport="tcp", host=host, port=0)


def told(heard: Heard) -> list[str]:
    """The transactions whose failure was told by now."""
    return [heard.failures.get_nowait().transaction for _ in range(heard.failures.qsize())]


async def out(layer: TransportLayer, to: Address) -> Flow:
    flow = layer.flow_to("tcp", to)
    assert flow is not None
    return flow


class Pair(NamedTuple):
    """A certificate with its key, as text and as files."""

    chain: str
    key: str
    chain_file: str
    key_file: str

    def profile(self, ca: str | None = None, server_name: str | None = None) -> TlsProfile:
        return TlsProfile(ca_bundle=ca, certificate=self.chain, private_key=Secret(self.key), server_name=server_name)


class Authority:
    """Signs certificates for these tests."""

    def __init__(self, folder: Path, name: str = "Test Authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        own = (
            self._builder(self._name, self._key, 10)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = own.public_bytes(serialization.Encoding.PEM).decode()
        self.file = str(folder / f"{name.replace(' ', '-')}.pem")
        Path(self.file).write_text(self.pem)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=20))
            .not_valid_after(now + datetime.timedelta(days=days))
        )

    def issue(self, *names: str, days: float = 10, passphrase: bytes | None = None) -> Pair:
        """A certificate for these names and literal addresses that ends in `days`, or ended when that is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        others = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0] in "0123456789:" else x509.DNSName(name)
            for name in names
        ]
        certificate = (
            self._builder(subject, key, days)
            .add_extension(x509.SubjectAlternativeName(others), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        chain = certificate.public_bytes(serialization.Encoding.PEM).decode()
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()
        self._count += 1
        chain_file, key_file = (self._folder / f"{self._count}.{kind}.pem" for kind in ("chain", "key"))
        chain_file.write_text(chain)
        key_file.write_text(text)
        return Pair(chain, text, str(chain_file), str(key_file))
