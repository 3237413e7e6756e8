"""Kamailio as a bridge between SIPp, which has no TLS here, and an edge that is spoken to over TLS.

Before a carrier it takes UDP or TCP and goes on over TLS; behind an edge it takes TLS and goes on over UDP or TCP.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from loadtest.edges import kamailio
from loadtest.peers.ports import bracketed, free, listening
from loadtest.process import wait_until

_TEMPLATE = Path(__file__).with_name("bridge.cfg")
_TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = {key}
certificate = {certificate}

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {key}
certificate = {certificate}
ca_list = {authority}
"""

Transport = Literal["udp", "tcp", "tls"]


class Bridge:
    """Listens with UDP and TCP at `plain` and with TLS at `secure`, and sends each call to `next_hop`.

    As a client it demands a certificate that `authority` signed, and shows its own.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        next_hop: tuple[Transport, str, int],
        certificate: tuple[Path, Path],
        authority: Path,
        secure_port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.plain = (host, free(host))
        self.secure = (host, free(host) if secure_port is None else secure_port)
        tls = folder / "tls.cfg"
        tls.write_text(_TLS.format(certificate=certificate[0], key=certificate[1], authority=authority))
        plain = f"{bracketed(host)}:{self.plain[1]}"
        transport, next_host, next_port = next_hop
        configuration = kamailio.fill(
            _TEMPLATE.read_text(),
            PLAIN=f"udp:{plain}",
            LISTEN_TCP=f"listen=tcp:{plain}",
            SOURCE=f"tcp_source_ipv6={bracketed(host)}" if ":" in host else f"tcp_source_ipv4={host}",
            SECURE=f"{bracketed(host)}:{self.secure[1]}",
            MODULES=kamailio.modules(),
            TLS=str(tls),
            NEXT=f"sip:{bracketed(next_host)}:{next_port};transport={transport}",
        )
        self.process: subprocess.Popen[bytes] = kamailio.run(configuration, folder, memory=64)
        wait_until(lambda: listening(*self.secure), 15, f"Kamailio (see {folder}/kamailio.out)", self.process)

    def last_words(self) -> str:
        return (self.folder / "kamailio.out").read_text(errors="replace")[-2000:]
