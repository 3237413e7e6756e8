"""SIPp as a child process: one party of a load, and what it counted.

SIPp runs in the foreground without a terminal: its `-bg` misbehaves at rate. The large buffer keeps datagrams from
being lost at SIPp's own socket, which would look like a slow edge.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

from loadtest.process import Failed, end

BUFFER = 4_000_000
"""Bytes of SIPp's socket buffers; the kernel's limit (net.core.rmem_max) may make it less."""


class Count(NamedTuple):
    """What one SIPp counted over its run."""

    created: int
    succeeded: int
    failed: int
    retransmitted: int
    unexpected: int
    rate: float
    """Calls a second that it really began, while it was beginning them; 0 in a run of less than two seconds."""
    named: dict[str, int]
    """The scenario's own counters."""


class Party:
    """One running SIPp. `folder` takes its files; `name` tells them apart."""

    def __init__(
        self,
        name: str,
        scenario: Path,
        folder: Path,
        local: tuple[str, int],
        *,
        remote: tuple[str, int] | None = None,
        service: str = "+12125551234",
        rate: float = 10.0,
        calls: int | None = None,
        seconds: float = 60.0,
        transport: str = "u1",
        open_calls: int = 10_000,
        lenient: bool = False,
        options: tuple[str, ...] = (),
    ) -> None:
        """`remote` makes it a caller, else it waits for calls. `seconds` bounds its life whatever happens.

        A `lenient` party overlooks messages that its scenario does not expect where it stands.
        """
        self.name = name
        self._folder = folder
        self._statistics = folder / f"{name}.csv"
        self._errors = folder / f"{name}.errors"
        self._output = folder / f"{name}.out"
        command = [sipp(), "-sf", str(scenario), "-i", local[0], "-p", str(local[1]), "-t", transport]
        command += ["-buff_size", str(BUFFER), "-l", str(open_calls), "-nostdin", "-timeout", f"{seconds:.0f}s"]
        command += ["-trace_stat", "-stf", str(self._statistics), "-fd", "1"]
        command += ["-trace_err", "-error_file", str(self._errors), *options]
        command += ["-key", "by", ";transport=tcp" if transport.startswith("t") else ""]
        if transport.startswith("t"):
            command.append("-bind_local")  # else its TCP connections would come from 127.0.0.1
        if lenient:
            command += ["-default_behaviors", "all,-abortunexp"]
        if remote is not None:
            host, port = remote
            command += ["-s", service, "-r", f"{rate:g}", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        if calls is not None:
            command += ["-m", str(calls)]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "TERM": "dumb"},
            )
        self._patience = seconds + 10

    def wait(self) -> Count:
        """Until it has made or taken its calls, or its time is over."""
        try:
            self.process.wait(self._patience)
        except subprocess.TimeoutExpired:
            end(self.process, 3, signal.SIGKILL)
        return self.count()

    def stop(self) -> Count:
        """Ends it now; calls that are open get a moment to end."""
        end(self.process, 3, signal.SIGUSR1)
        return self.count()

    def count(self) -> Count:
        try:
            with self._statistics.open(newline="") as file:
                rows = list(csv.DictReader(file, delimiter=";"))
            last = rows[-1]
        except (OSError, IndexError):
            raise Failed(f"SIPp {self.name} counted nothing: {self.last_words()}") from None
        columns = list(last)
        own = columns[columns.index("CallLengthStDev(C)") + 1 :]
        named = {key.removesuffix("(C)"): int(last[key]) for key in own if key and key.endswith("(C)")}
        return Count(
            created=int(last["TotalCallCreated"]),
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmitted=int(last["Retransmissions(C)"]),
            unexpected=int(last["FailedUnexpectedMessage(C)"]),
            rate=_steady_rate(rows),
            named=named,
        )

    def last_words(self) -> str:
        """Its first complaints, or else the end of its screen."""
        for path in (self._errors, self._output):
            if path.exists() and path.stat().st_size:
                text = path.read_text(errors="replace")
                return text[:3000] if path is self._errors else text[-1500:]
        return "(silent)"


def sipp() -> str:
    found = shutil.which("sipp")
    if found is None:
        raise Failed("sipp is not installed (Debian: sip-tester)")
    return found


def version() -> str:
    output = subprocess.run([sipp(), "-v"], capture_output=True, text=True, check=False).stdout
    return next((word.rstrip(".") for word in output.split() if word.startswith("v")), "unknown")


def _steady_rate(rows: list[dict[str, str]]) -> float:
    """The mean of the whole seconds in which calls were begun: not the first row, and not the last that began any."""
    begun = [float(row["CallRate(P)"]) for row in rows if float(row["CallRate(P)"]) > 0]
    steady = begun[1:-1] if len(begun) > 3 else []
    return sum(steady) / len(steady) if steady else 0.0
