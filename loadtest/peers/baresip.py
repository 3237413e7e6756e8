"""baresip as a softphone without a sound card: it plays a tone, records what it hears, and is told what to do by TCP.

Its control module (ctrl_tcp) speaks JSON in netstrings: commands go in, answers and events come out.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import time
import wave
from array import array
from pathlib import Path
from typing import Literal

from loadtest.peers.ports import bracketed, free, listening
from loadtest.process import Failed, end, wait_until

_FOLDERS = ("/usr/lib/baresip/modules", "/usr/lib64/baresip/modules", "/usr/local/lib/baresip/modules")
_CONFIGURATION = """\
poll_method epoll
sip_listen {listen}
sip_certificate {certificate}
sip_cafile {authority}
call_local_timeout 30
call_max_calls 4
audio_source aufile,{tone}
snd_path {folder}
audio_level no
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {media}-{last_media}
jitter_buffer_delay 1-2
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {control}
"""

Transport = Literal["udp", "tcp", "tls"]
RATE = 8000
"""Samples a second."""
_TONE = 20


class Phone:
    """One baresip. TLS listens at the port after `port`; `answers` takes every call at once."""

    def __init__(
        self,
        folder: Path,
        host: str,
        certificate: tuple[Path, Path],
        authority: Path,
        *,
        transport: Transport = "tls",
        answers: bool = False,
        tone: int = 440,
        media_ports: int = 30000,
        port: int | None = None,
        registers: tuple[str, str, str] | None = None,
        by: Transport = "udp",
    ) -> None:
        """`tone` is in hertz and lasts `_TONE` seconds; `media_ports` is the first of 20 ports for RTP; `registers` is
        the registrar's `host:port`, the user and the password; then it is spoken to `by` this transport."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host = host
        self.port = pair(host) if port is None else port
        self.events: list[dict[str, object]] = []
        self._next = 0
        """The first event that `wait_for` has not looked at."""
        both = folder / "phone.pem"
        both.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
        control = free("127.0.0.1")
        (folder / "config").write_text(
            _CONFIGURATION.format(
                listen=f"{bracketed(host)}:{self.port}",
                certificate=both,
                authority=authority,
                folder=folder,
                tone=_write_tone(folder / "tone.wav", tone),
                media=media_ports,
                last_media=media_ports + 20,
                modules=modules(),
                control=f"127.0.0.1:{control}",
            )
        )
        mode = "auto" if answers else "manual"
        account = f"<sip:phone@{bracketed(host)}:{self.port};transport={transport}>"
        registering = "regint=0"
        if registers is not None:
            registrar, user, password = registers
            account = f"<sip:{user}@{registrar};transport={by}>"
            registering = f"auth_user={user};auth_pass={password};regint=60"
        (folder / "accounts").write_text(f"{account};{registering};answermode={mode};audio_codecs=PCMU/8000/1\n")
        (folder / "contacts").write_text("")
        with (folder / "baresip.out").open("wb") as output:
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [binary(), "-f", str(folder), "-n", host, "-s", "-t", "60"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "HOME": str(folder)},
            )
        wait_until(lambda: listening("127.0.0.1", control), 10, f"baresip (see {folder}/baresip.out)", self.process)
        self._control = socket.create_connection(("127.0.0.1", control), timeout=5)
        self._received = b""

    @property
    def uri(self) -> str:
        """Where it is called over TLS."""
        return f"sip:phone@{bracketed(self.host)}:{self.port + 1};transport=tls"

    @property
    def recording(self) -> Path:
        """What it heard in its last call; whole when the call is over."""
        found = sorted(self.folder.glob("dump-*-dec.wav"))
        if not found:
            raise Failed(f"baresip recorded nothing: {self.last_words()}")
        return found[-1]

    def dial(self, uri: str) -> None:
        self._command("dial", uri)

    def transfer(self, uri: str) -> None:
        """Send its peer there by REFER (RFC 3515), and hang up when that is said to have worked."""
        self._command("transfer", uri)

    def hang_up(self) -> None:
        self._command("hangup")

    def wait_for(self, *types: str, seconds: float = 8.0) -> dict[str, object]:
        """The next event of one of these types, as CALL_ESTABLISHED or CALL_CLOSED."""
        deadline = time.monotonic() + seconds
        while True:
            for event in self.events[self._next :]:
                self._next += 1
                if event.get("type") in types:
                    return event
            if time.monotonic() > deadline:
                raise Failed(f"baresip: no {' or '.join(types)} within {seconds:g} s; {self.last_words()}")
            self._read()

    def last_words(self) -> str:
        return (self.folder / "baresip.out").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        self._control.close()
        end(self.process, 3)

    def _command(self, command: str, parameters: str = "") -> None:
        text = json.dumps({"command": command, "params": parameters, "token": command}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def _read(self) -> None:
        self._control.settimeout(0.2)
        try:
            data = self._control.recv(65536)
        except TimeoutError:
            return
        if not data:
            raise Failed(f"baresip ended: {self.last_words()}")
        self._received += data
        while b":" in self._received:
            length, _, rest = self._received.partition(b":")
            size = int(length)
            if len(rest) <= size:
                return
            message = json.loads(rest[:size])
            self._received = rest[size + 1 :]
            if message.get("event"):
                self.events.append(message)


def _write_tone(path: Path, hertz: int) -> Path:
    """Sixteen-bit mono at 8 kHz, a quarter of full scale."""
    samples = [round(8000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(_TONE * RATE)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array("h", samples).tobytes())
    return path


def loudness(recording: Path, hertz: int) -> float:
    """How much of a recording's energy is at `hertz`, 0 to 1; silence at its ends counts for nothing."""
    with wave.open(str(recording), "rb") as file:
        rate = file.getframerate()
        samples = array("h", file.readframes(file.getnframes()))
    heard = [index for index, sample in enumerate(samples) if abs(sample) > 200]
    if len(heard) < rate // 4:
        return 0.0
    part = samples[heard[0] : heard[-1] + 1]
    turn = 2 * math.pi * hertz / rate
    real = sum(sample * math.cos(turn * n) for n, sample in enumerate(part))
    imaginary = sum(sample * math.sin(turn * n) for n, sample in enumerate(part))
    energy = sum(sample * sample for sample in part)
    return 2 * (real * real + imaginary * imaginary) / (len(part) * energy)


def binary() -> str:
    found = shutil.which("baresip")
    if found is None:
        raise Failed("baresip is not installed (Debian: baresip-core)")
    return found


def modules() -> str:
    for folder in _FOLDERS:
        if (Path(folder) / "aufile.so").exists():
            return folder
    raise Failed(f"baresip's modules are in none of {', '.join(_FOLDERS)}")


def pair(host: str) -> int:
    """A free port whose successor is free too: baresip takes it for TLS."""
    for _ in range(50):
        port = free(host)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as stream:
            try:
                stream.bind((host, port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise Failed(f"no two ports in a row are free on {host}")
