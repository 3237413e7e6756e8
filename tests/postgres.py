"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached by a socket there, gone with the tests."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import asyncpg

SPEED = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=60")
_START = 30.0
"""Seconds that the server may take to start."""
_NOBODY = 65534
# PostgreSQL refuses to run as root.
_AS = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"] if os.getuid() == 0 else []


def installed() -> Path | None:
    """The folder of the newest server's programs; None when none is installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
    path = found[-1] if found else shutil.which("initdb")
    return Path(path).resolve().parent if path else None


class Cluster:
    """A server that runs from `start` to `close`, and may be killed and started again between."""

    def __init__(self, folder: Path, programs: Path, settings: tuple[str, ...]) -> None:
        self._folder = folder
        self._data = str(folder / "data")
        self._programs = programs
        self._settings = settings
        self._server: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, programs: Path, settings: tuple[str, ...] = SPEED) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="trunkline-pg-"))
        cluster = cls(folder, programs, settings)
        if os.getuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        cluster._run("initdb", "-D", cluster._data, "-U", "trunkline", "-A", "trust", "-E", "UTF8", "-N")
        cluster.start()
        return cluster

    def start(self) -> None:
        options = [word for setting in self._settings for word in ("-c", setting)]
        options += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self._folder}"]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                # It goes with the tests, however they end.
                ["setpriv", "--pdeathsig", "QUIT", *_AS, str(self._programs / "postgres"), "-D", self._data, *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        deadline = time.monotonic() + _START
        while subprocess.run([self._programs / "pg_isready", "-q", "-h", self._folder], check=False).returncode:
            assert self._server.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    @property
    def pid(self) -> int | None:
        """Of the server while it runs."""
        return None if self._server is None else self._server.pid

    def stop(self) -> None:
        """As a power cut: every connection breaks, nothing is said."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait()
            self._server = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, name: str) -> str:
        return f"postgresql://trunkline@/{name}?host={self._folder}"

    async def command(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement outside of any transaction; its rows."""
        connection = await asyncpg.connect(host=str(self._folder), user="trunkline", database=database)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    def _run(self, program: str, *words: str) -> None:
        command = ["setpriv", *_AS, str(self._programs / program), *words]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
