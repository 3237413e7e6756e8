"""The server that commands ask, through its API like everybody else: where it is, and with which key.

From the command line, else the environment, else this machine's settings and the key files that a server leaves in its
data directory. No redirects and no proxies: a key goes to the server that was named, or nowhere.
"""

from __future__ import annotations

import argparse
import http.client
import os
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from trunkline import __version__
from trunkline.commands.terminal import MISUSED, Sorry, fit
from trunkline.settings import Settings, SettingsError, find, load

_PATIENCE = 15.0
_KEY_FILES = ("demo.key", "operator.key")
_LARGEST = 64 << 20
_SHOWN = 10
"""Organizations that a sentence names."""
_START = "start one with `trunkline serve --demo`, or say where it is with --url (or TRUNKLINE_URL)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command that asks the server takes."""
    group = parser.add_argument_group("the server")
    group.add_argument(
        "--url", metavar="URL", help="its API, as http://127.0.0.1:8080 (TRUNKLINE_URL; else the settings)"
    )
    group.add_argument(
        "--key",
        metavar="KEY",
        help="an API key (TRUNKLINE_API_KEY, which other users of this machine cannot see; else the key file in the "
        "data directory)",
    )
    group.add_argument("--organization", metavar="ID", help="act in this organization; for an operator's key")
    add_config(group)


def add_config(parser: Any) -> None:
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="settings (TRUNKLINE_CONFIG, else /etc/trunkline/trunkline.toml)"
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings. Raises Sorry with a line for each fault."""
    try:
        return load(args.config or find(os.environ))
    except SettingsError as error:
        problems = "\n  ".join(error.problems)
        raise Sorry(f"the settings cannot be used:\n  {problems}", MISUSED) from None


class Server(NamedTuple):
    """One server's API. Every method raises Sorry when it does not get what it asked for."""

    url: str
    key: str
    origin: str
    """Where the key is from, in words."""
    organization: str | None
    context: ssl.SSLContext | None

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def text(self, path: str, **query: Any) -> str:
        return self._exchange("GET", f"{path}?{urlencode(query)}", None).decode("utf-8", "replace")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.ask("POST", path, body)

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = self._exchange(method, path, body)
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError:
            raise self._foreign() from None

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        parts = urlsplit(self.url)
        headers = {"Authorization": f"Bearer {self.key}", "User-Agent": f"trunkline/{__version__}"}
        if self.organization is not None:
            headers["X-Organization-Id"] = self.organization
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE, context=self.context)
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
        try:
            connection.request(method, parts.path.rstrip("/") + path, content, headers)
            answer = connection.getresponse()
            status, read = answer.status, answer.read(_LARGEST)
        except ssl.SSLCertVerificationError as error:
            raise Sorry(
                f"the certificate of {self.url} is not trusted ({error.verify_message}): name the host as in the "
                "certificate, or point SSL_CERT_FILE at its authority"
            ) from None
        except TimeoutError:
            raise Sorry(f"no answer from {self.url} within {_PATIENCE:.0f} s: is it a Trunkline server?") from None
        except OSError as error:
            raise Sorry(f"no server at {self.url} ({error.strerror or error}): {_START}") from None
        except http.client.HTTPException:
            raise self._foreign() from None
        finally:
            connection.close()
        if 200 <= status < 300:
            return read
        refusal = _refusal(read)
        if refusal is None:
            raise self._foreign(status)
        if refusal.details.field == "X-Organization-Id" and self.organization is None:
            return self._replace(organization=self._only_organization())._exchange(method, path, body)
        raise self._refused(status, refusal)

    def _only_organization(self) -> str:
        """The one that an operator's key of no organization can only mean. Raises Sorry when there is no such."""
        found = self.get("/v1/organizations", per_page=_SHOWN)
        organizations, count = found["data"], found["pagination"]["total"]
        if count == 1:
            return str(organizations[0]["id"])
        if not count:
            raise Sorry("there is no organization yet: make the first with POST /v1/organizations (docs/api.md)")
        names = ", ".join(f"{fit(each['id'])} ({fit(each['name'])})" for each in organizations)
        more = f" and {count - len(organizations)} more" if count > len(organizations) else ""
        raise Sorry(f"this operator's key belongs to no organization, name one with --organization ID: {names}{more}")

    def _refused(self, status: int, refusal: _Words) -> Sorry:
        message = fit(refusal.message).rstrip(".")
        if status == 401:
            return Sorry(f"{self.url} does not accept the API key {self.origin}: {message}")
        if refusal.details.field and refusal.details.field not in message:
            message += f" ({fit(refusal.details.field)})"
        if status >= 500:
            message += f" (request {fit(refusal.request_id)})"
        return Sorry(message)

    def _foreign(self, status: int | None = None) -> Sorry:
        said = "" if status is None else f" (HTTP {status})"
        return Sorry(f"what answers at {self.url} is not Trunkline's API{said}: check --url")


class _Details(msgspec.Struct):
    field: str | None = None


class _Words(msgspec.Struct):
    message: str
    details: _Details = msgspec.field(default_factory=_Details)
    request_id: str = "unknown"


class _Error(msgspec.Struct):
    error: _Words


def _refusal(content: bytes) -> _Words | None:
    """What the API says of its refusal; None when these are not its words."""
    try:
        return msgspec.json.decode(content, type=_Error).error
    except msgspec.MsgspecError:
        return None


def server_of(args: argparse.Namespace) -> Server:
    """The server that the arguments, the environment and the settings name. Raises Sorry."""
    url, context = args.url or os.environ.get("TRUNKLINE_URL"), None
    key, origin = args.key, "given with --key"
    if not key:
        key, origin = os.environ.get("TRUNKLINE_API_KEY"), "in TRUNKLINE_API_KEY"
    if not url or not key:
        settings = settings_of(args)
        if not key:
            key, origin = _kept_key(settings)
        if not url:
            url, context = _local(settings)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Sorry(f"the API key {origin} is none: it has characters that no key has", MISUSED)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Sorry(f"{url!r} is no URL of an API: write http://HOST:PORT or https://HOST:PORT", MISUSED)
    return Server(url.rstrip("/"), key, origin, args.organization, context or ssl.create_default_context())


def path_part(text: str) -> str:
    """Words of the command line as one segment of a path."""
    return quote(text, safe="")


def _kept_key(settings: Settings) -> tuple[str, str]:
    """The key that a server on this machine left for its operator, and where it was found."""
    hidden = None
    for name in _KEY_FILES:
        path = settings.data_dir / name
        try:
            return path.read_text("ascii").strip(), f"in {path}"
        except PermissionError:
            hidden = path
        except (OSError, UnicodeDecodeError):
            continue
    if hidden is not None:
        raise Sorry(f"{hidden} may not be read by you: use --key or TRUNKLINE_API_KEY, or run this as its owner")
    raise Sorry(
        f"no API key: use --key or TRUNKLINE_API_KEY (a server's first key is in its data directory, and "
        f"{settings.data_dir} has none)"
    )


def _local(settings: Settings) -> tuple[str, ssl.SSLContext | None]:
    """The API of the server with these settings, met on this machine. Its certificate names the host as others call
    it, so here the certificate itself is what must be shown."""
    api = settings.api
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(api.host, api.host)
    place = f"[{host}]:{api.port}" if ":" in host else f"{host}:{api.port}"
    if api.certificate is None:
        return f"http://{place}", None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(str(api.certificate))
    except OSError as error:
        raise Sorry(f"{api.certificate} cannot be read ({error.strerror or error}): say --url instead") from None
    return f"https://{place}", context
