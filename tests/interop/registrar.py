"""Kamailio as a carrier's registrar, which calls whoever registered (`registrar.cfg`)."""

from __future__ import annotations

from pathlib import Path

from loadtest.edges import kamailio
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import end, wait_until

_TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
ca_list = {authority}
private_key = {key}
certificate = {certificate}

[client:default]
verify_certificate = no
require_certificate = no
"""


class Registrar:
    """It knows one account, for so many seconds, and nothing of before when it is started again."""

    def __init__(
        self,
        folder: Path,
        host: str,
        account: tuple[str, str],
        expires: int,
        certificate: tuple[Path, Path, Path] | None = None,
    ) -> None:
        """With `certificate`, its key, and the authority that peers' certificates must be of, it listens with TLS too,
        at `secure`."""
        self.folder = folder
        self.place = (host, free(host))
        self.secure = (host, free(host))
        self._certificate = certificate
        self._account = account
        self._expires = expires
        self._lives = 0
        self.start()

    def start(self) -> None:
        self._lives += 1
        folder = self.folder / f"kamailio{self._lives}"
        folder.mkdir()
        listen = module = ""
        if self._certificate is not None:
            tls = folder / "tls.cfg"
            certificate, key, authority = self._certificate
            tls.write_text(_TLS.format(certificate=certificate, key=key, authority=authority))
            listen = f"enable_tls=yes\nlisten=tls:{self.secure[0]}:{self.secure[1]}"
            module = f'loadmodule "tls.so"\nmodparam("tls", "config", "{tls}")'
        configuration = kamailio.fill(
            Path(__file__).with_name("registrar.cfg").read_text(),
            PLACE=f"{self.place[0]}:{self.place[1]}",
            HOST=self.place[0],
            USER=self._account[0],
            PASSWORD=self._account[1],
            EXPIRES=str(self._expires),
            MODULES=kamailio.modules(),
            TLS_LISTEN=listen,
            TLS_MODULE=module,
        )
        self.process = kamailio.run(configuration, folder, 64)
        wait_until(lambda: udp_taken(*self.place), 10, f"Kamailio (see {folder}/kamailio.out)", self.process)
        if self._certificate is not None:
            wait_until(lambda: listening(*self.secure), 10, f"Kamailio (see {folder}/kamailio.out)", self.process)

    def stop(self) -> None:
        end(self.process, 3)
