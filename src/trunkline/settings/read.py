"""From a TOML file and the environment to the tree: every fault is told, each with its setting, where it was set, and
what to write instead.

The environment stands above the file. An empty text means "not set" where a setting may be absent; an empty variable
counts as no variable. The parts of a list stand between commas there. Listeners come by one variable, as
`udp:0.0.0.0:5060,tls:[::]:5061` or as a JSON array of tables.
"""

from __future__ import annotations

import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import structs

from trunkline.settings.check import check
from trunkline.settings.tree import Listener, Section, Settings
from trunkline.settings.words import must_be, suggestion

PREFIX = "TRUNKLINE_"
SYSTEM_FILE = Path("/etc/trunkline/trunkline.toml")

_OTHERS = frozenset({"TRUNKLINE_CONFIG", "TRUNKLINE_URL", "TRUNKLINE_API_KEY"})
"""Variables of ours that are no settings: the file's path, and where the command line finds a server."""
_KUBERNETES = re.compile(r"(?!.*__)TRUNKLINE_(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_.*)?)")
"""What a cluster sets for a service that is called trunkline."""
_SHORT_LISTENER = re.compile(r"(?P<transport>\w+):(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>\d+))?")
_UNSHOWN = frozenset({"store.url"})
"""Settings whose value may hold a password."""


class SettingsError(Exception):
    """The settings cannot be used. Its text has a line for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def find(environ: Mapping[str, str]) -> Path | None:
    """The file that is read when none is named: `TRUNKLINE_CONFIG`, else the system's own where it exists."""
    if named := environ.get("TRUNKLINE_CONFIG"):
        return Path(named)
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def load(file: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings from `file` (none: defaults) under the environment. Raises SettingsError."""
    environ = os.environ if environ is None else environ
    reading = _Reading()
    raw = reading.file(file) if file else {}
    reading.environment(environ, raw)
    settings = reading.section(Settings, raw, "")
    assert isinstance(settings, Settings)
    if "data_dir" not in raw and (state := environ.get("STATE_DIRECTORY")):
        # systemd's own directory for what a service keeps; it names several with colons between.
        settings = structs.replace(settings, data_dir=Path(state.partition(":")[0]))
    problems = reading.problems or [f"{name}{reading.origin(name)}: {fault}" for name, fault in check(settings)]
    if problems:
        raise SettingsError(problems)
    return settings


def flat(settings: Section, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its full name, in the order of the tree. Listeners are one setting."""
    for field in structs.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Section):
            yield from flat(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value


def changed(old: Settings, new: Settings) -> list[str]:
    """The names of the settings that differ: what a reload may have to leave to a restart."""
    after = dict(flat(new))
    return [name for name, value in flat(old) if after[name] != value]


class _Reading:
    """Gathers faults while the tree is made, and knows where each value came from."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._path = ""
        self._variables: dict[str, str] = {}

    def origin(self, name: str) -> str:
        for part in (name, name.partition("[")[0]):
            if variable := self._variables.get(part):
                return f" (from {variable})"
        return f" (in {self._path})" if self._path else ""

    def file(self, path: Path) -> dict[str, Any]:
        self._path = str(path)
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            self.problems.append(f"{path} is not TOML: {error}")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self.problems.append(f"{path} cannot be read: {reason}")
        return {}

    def environment(self, environ: Mapping[str, str], raw: dict[str, Any]) -> None:
        """Put what the environment sets over what the file says."""
        for variable, text in sorted(environ.items()):
            if not variable.startswith(PREFIX) or not text or variable in _OTHERS or _KUBERNETES.fullmatch(variable):
                continue
            *tables, last = variable.removeprefix(PREFIX).lower().split("__")
            into = raw
            for table in tables:
                inner = into.setdefault(table, {})
                into = inner if isinstance(inner, dict) else {}
            name = ".".join([*tables, last])
            self._variables[name] = variable
            into[last] = self._listeners(text) if name == "sip.listeners" else text

    def _listeners(self, text: str) -> Any:
        if text.lstrip().startswith("["):
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError:
                pass
        found = []
        for part in text.split(","):
            match = _SHORT_LISTENER.fullmatch(part.strip())
            if match is None:
                self.problems.append(
                    f"sip.listeners{self.origin('sip.listeners')}: {part.strip()!r} is no listener; write "
                    "transport:host:port, as udp:0.0.0.0:5060 or tls:[::]:5061, with commas between"
                )
                continue
            listener: dict[str, Any] = {"transport": match["transport"], "host": match["host"].strip("[]")}
            if match["port"]:
                listener["port"] = int(match["port"])
            found.append(listener)
        return found

    def section(self, kind: type[Section], raw: Any, name: str) -> Section:
        """One table. What is faulty keeps its default, so that the other faults are found too."""
        if not isinstance(raw, dict):
            self.problems.append(f"{name}{self.origin(name)} must be a table of settings, not {raw!r}")
            return kind()
        fields = {field.name: field.type for field in structs.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in raw.items():
            full = f"{name}.{key}" if name else key
            if key not in fields:
                self.problems.append(f"{full}{self.origin(full)}: no such setting; {suggestion(key, fields)}")
            elif isinstance(fields[key], type) and issubclass(fields[key], Section):
                values[key] = self.section(fields[key], value, full)
            elif get_args(fields[key])[:1] == (Listener,):
                values[key] = self.listeners(value, full)
            else:
                self.value(fields[key], value, full, key, values)
        return kind(**values)

    def listeners(self, raw: Any, name: str) -> tuple[Section, ...]:
        if not isinstance(raw, list):
            self.problems.append(f"{name}{self.origin(name)} must be a list: write [[{name}]] above each of them")
            return ()
        return tuple(self.section(Listener, each, f"{name}[{index}]") for index, each in enumerate(raw))

    def value(self, kind: Any, raw: Any, name: str, key: str, values: dict[str, Any]) -> None:
        if raw == "" and optional(kind):
            values[key] = None
            return
        if get_origin(kind) is tuple and isinstance(raw, str) and name in self._variables:
            raw = [part.strip() for part in raw.split(",")]
        try:
            # Text from the environment may stand for a number or a truth; in the file these have forms of their own.
            values[key] = msgspec.convert(raw, kind, strict=name not in self._variables, dec_hook=_path)
        except msgspec.ValidationError:
            shown = "" if name in _UNSHOWN else f", not {raw!r}"
            self.problems.append(f"{name}{self.origin(name)} must be {must_be(kind)}{shown}")


def optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _path(kind: type, value: Any) -> Any:
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError
    return Path(value).expanduser()
