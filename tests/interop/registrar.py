"""Kamailio as a carrier's registrar, which calls whoever registered (`registrar.cfg`)."""

from __future__ import annotations

from pathlib import Path

from loadtest.edges import kamailio
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until


class Registrar:
    """It knows one account, for so many seconds, and nothing of before when it is started again."""

    def __init__(self, folder: Path, host: str, account: tuple[str, str], expires: int) -> None:
        self.folder = folder
        self.place = (host, free(host))
        self._account = account
        self._expires = expires
        self._lives = 0
        self.start()

    def start(self) -> None:
        self._lives += 1
        folder = self.folder / f"kamailio{self._lives}"
        folder.mkdir()
        configuration = kamailio.fill(
            Path(__file__).with_name("registrar.cfg").read_text(),
            PLACE=f"{self.place[0]}:{self.place[1]}",
            HOST=self.place[0],
            USER=self._account[0],
            PASSWORD=self._account[1],
            EXPIRES=str(self._expires),
            MODULES=kamailio.modules(),
        )
        self.process = kamailio.run(configuration, folder, 64)
        wait_until(lambda: udp_taken(*self.place), 10, f"Kamailio (see {folder}/kamailio.out)", self.process)

    def stop(self) -> None:
        end(self.process, 3)
