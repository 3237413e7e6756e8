"""What the edge prints when it has started: where it is, and what to try next. Every line can be copied as it is."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trunkline.settings import Settings
from trunkline.settings.read import SYSTEM_FILE
from trunkline.sip.flow import host_port

_ORDER = ("udp", "tcp", "tls")
_MOST_SHOWN = 8
_LABEL = 14


class _Place(NamedTuple):
    transport: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.host == "::1" or self.host.startswith("127.")

    @property
    def preference(self) -> tuple[bool, int, bool]:
        """The least is where a first call is best sent: this machine itself, by UDP, over IPv4."""
        return not self.loopback, _ORDER.index(self.transport), ":" in self.host


def welcome(
    settings: Settings,
    sip_addresses: Sequence[str],
    number: str | None,
    api_url: str,
    key: str | None,
    config: Path | None = None,
) -> str:
    """The text, in whole lines. `sip_addresses` as `udp:192.0.2.1:5060`; `number` and `key` are None when there is no
    demonstration; `config` is the file of the settings."""
    places = sorted((_place(text) for text in sip_addresses), key=lambda place: place.preference)
    lines = ["", f"{settings.brand} is ready.", ""]
    shown = places[:_MOST_SHOWN]
    for index, place in enumerate(shown):
        where = f"{place.transport.upper():3} {host_port((place.host, place.port))}"
        lines.append(_line("" if index else "SIP", where))
    if len(places) > len(shown):
        lines.append(_line("", f"and {len(places) - len(shown)} more"))
    lines += [_line("API", api_url), _line("Data", str(settings.data_dir.resolve()))]
    if number is not None and key is not None and places:
        lines += ["", "Try next:", *_trials(settings, places, number, api_url, key, config)]
    lines += ["", "Stop with Ctrl-C: calls that go on may end first; a second Ctrl-C ends them.", ""]
    return "\n".join(lines)


def _trials(
    settings: Settings, places: Sequence[_Place], number: str, api_url: str, key: str, config: Path | None
) -> list[str]:
    near = places[0]
    host = host_port((near.host, near.port))
    uri = f"sip:{number}@{host}" + (f";transport={near.transport}" if near.transport != "udp" else "")
    command = _command()
    target = f" --to {host}" if near.port != 5060 or near.host != "127.0.0.1" else ""
    if near.transport != "udp":
        target += f" --transport {near.transport}"
    # A certificate for the outside does not name this machine as it is met here.
    curl = "curl -k" if api_url.startswith("https:") else "curl"
    first = _first(settings, api_url, key, config)
    return [
        *([_line("First", first)] if first else []),
        _line("Call it", f"{command} call {number}{target}"),
        _line("Softphone", f"dial {uri}  (no registration; the echo agent answers)"),
        _line("See calls", f"{curl} -H 'Authorization: Bearer {key}' {api_url}/v1/calls"),
        _line("See messages", f"{command} trace"),
        _line("Ask why", f"{command} explain {number} --from-ip {near.host}"),
    ]


def _first(settings: Settings, api_url: str, key: str, config: Path | None) -> str:
    """What the other commands must be told to find this server; nothing when they find it by themselves. By the
    environment, because other users of this machine see the words of a command."""
    usual = Settings()
    if config is not None and settings.api.port:
        return "" if config == SYSTEM_FILE else f"export TRUNKLINE_CONFIG={shlex.quote(str(config.resolve()))}"
    if settings.api == usual.api and settings.data_dir == usual.data_dir:
        return ""
    return f"export TRUNKLINE_URL={api_url} TRUNKLINE_API_KEY={key}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}".rstrip()


def _command() -> str:
    """How this program is called: by its name, or by its path where that is how it was started."""
    name, found = Path(sys.argv[0]), shutil.which("trunkline")
    if name.name != "trunkline" or (found is not None and name.exists() and name.samefile(found)):
        return "trunkline"
    return str(name)


def _place(text: str) -> _Place:
    transport, _, address = text.partition(":")
    host, _, port = address.rpartition(":")
    return _Place(transport, host.strip("[]"), int(port))
