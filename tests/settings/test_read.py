"""The tree from a file and the environment, and how faults are told."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.settings import Listener, Settings, SettingsError, changed, find, load
from trunkline.settings.check import external
from trunkline.settings.read import flat


def problems(tmp_path: Path, toml: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    file = tmp_path / "t.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {})
    return [each.replace(str(file), "FILE") for each in caught.value.problems]


def read(tmp_path: Path, toml: str) -> Settings:
    (tmp_path / "t.toml").write_text(toml)
    return load(tmp_path / "t.toml", {})


def test_nothing_set() -> None:
    assert load(None, {}) == Settings()
    assert {(each.transport, each.host) for each in Settings().sip.listeners} == {
        ("udp", "0.0.0.0"), ("udp", "::"), ("tcp", "0.0.0.0"), ("tcp", "::"),
    }  # fmt: skip


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('brand = "acme"\n[sip]\ndomain = "a.example"\nmax_calls = 5\n[sip.timers]\nt1 = 1\n')
    settings = load(file, {"TRUNKLINE_SIP__MAX_CALLS": "7", "TRUNKLINE_SIP__TIMERS__T2": "8", "HOME": "/root"})
    assert (settings.brand, settings.sip.domain, settings.sip.max_calls) == ("acme", "a.example", 7)
    assert (settings.sip.timers.t1, settings.sip.timers.t2) == (1.0, 8.0)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False), ("False", False)]
)
def test_truths_from_the_environment(text: str, value: bool) -> None:
    assert load(None, {"TRUNKLINE_STORE__JOURNAL_FSYNC": text}).store.journal_fsync is value


def test_a_port_of_ours_is_no_port_of_a_cluster() -> None:
    assert load(None, {"TRUNKLINE_API__PORT": "0"}).api.port == 0


def test_an_empty_variable_is_no_variable() -> None:
    assert load(None, {"TRUNKLINE_API__PORT": "", "TRUNKLINE_SIP__DOMAIN": ""}) == Settings()


def test_empty_text_in_the_file_is_none_where_that_is_allowed(tmp_path: Path) -> None:
    assert read(tmp_path, '[sip]\ndomain = ""\n[secrets]\nkey_file = ""\n') == Settings()
    assert problems(tmp_path, 'data_dir = ""\n') == ["data_dir (in FILE) must be a path, as text, not ''"]


def test_variables_that_are_no_settings_are_left_alone() -> None:
    cluster = {
        "TRUNKLINE_CONFIG": "/x", "TRUNKLINE_API_KEY": "k", "TRUNKLINE_URL": "http://x",
        "TRUNKLINE_SERVICE_HOST": "10.0.0.1", "TRUNKLINE_SERVICE_PORT_SIP": "5060", "TRUNKLINE_PORT": "tcp://10.0.0.1:80",
        "TRUNKLINE_PORT_5060_UDP_ADDR": "10.0.0.1", "TRUNKLINE_EDGE_SERVICE_HOST": "10.0.0.1",
    }  # fmt: skip
    assert load(None, cluster) == Settings()


def test_listeners_from_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[[sip.listeners]]\ntransport = "tls"\nport = 5071\nexternal_address = "sip.example.com:5061"\n'
        'certificate = "/c.pem"\nprivate_key = "/k.pem"\n[[sip.listeners]]\n',
    )
    tls, udp = settings.sip.listeners
    assert tls == Listener(
        transport="tls", port=5071, external_address="sip.example.com:5061", certificate=Path("/c.pem"),
        private_key=Path("/k.pem"),
    )  # fmt: skip
    assert external(tls) == ("sip.example.com", 5061)
    assert udp == Listener()


@pytest.mark.parametrize(
    ("text", "listeners"),
    [
        ("udp:127.0.0.1:5062", (Listener(host="127.0.0.1", port=5062),)),
        ("udp:[::1]:0, tls:0.0.0.0", (Listener(host="::1", port=0), Listener(transport="tls"))),
        ('[{"transport": "tcp", "host": "::1"}]', (Listener(transport="tcp", host="::1"),)),
    ],
)
def test_listeners_from_the_environment(text: str, listeners: tuple[Listener, ...]) -> None:
    assert load(None, {"TRUNKLINE_SIP__LISTENERS": text}).sip.listeners == listeners


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    toml = """
        brandd = "x"
        api = 3
        [sip]
        drain_limt = 3
        unknown_sources = "allow"
        [[sip.listeners]]
        port = 99999
        [media]
        first_port = "x"
    """
    environ = {"TRUNKLINE_SIP__MAX_CALLS": "many", "TRUNKLINE_SIP__TIMERS__T1": "-1", "TRUNKLINE_LOG__COLOUR": "x"}
    assert problems(tmp_path, toml, environ) == [
        "brandd (in FILE): no such setting; did you mean 'brand'?",
        "api (in FILE) must be a table of settings, not 3",
        "sip.drain_limt (in FILE): no such setting; did you mean 'drain_limit'?",
        "sip.unknown_sources (in FILE) must be one of challenge, drop, reject, not 'allow'",
        'sip.listeners[0].port (in FILE) must be a whole number from 0 to 65535, or "" for none, not 99999',
        "sip.max_calls (from TRUNKLINE_SIP__MAX_CALLS) must be a whole number of at least 0, not 'many'",
        "sip.timers.t1 (from TRUNKLINE_SIP__TIMERS__T1) must be a number above 0, not '-1'",
        "media.first_port (in FILE) must be a whole number from 1 to 65535, not 'x'",
        "log.colour (from TRUNKLINE_LOG__COLOUR): no such setting; known here: format, level",
    ]


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("[sip]\nlisteners = []", "sip.listeners (in FILE): at least one is needed"),
        ('[[sip.listeners]]\nhost = "localhost"', "sip.listeners[0].host (in FILE): 'localhost' is no literal address"),
        ("[[sip.listeners]]\n[[sip.listeners]]", "sip.listeners[1].port (in FILE): 0.0.0.0 port 5060 is taken"),
        (
            '[[sip.listeners]]\nexternal_address = "a b"',
            "sip.listeners[0].external_address (in FILE): 'a b' is neither",
        ),
        ('[sip]\nname_servers = ["dns.example"]', "sip.name_servers (in FILE): 'dns.example' is neither a literal"),
        ('[sip]\nname_servers = ["192.0.2.1:99999"]', "sip.name_servers (in FILE): '192.0.2.1:99999' is neither"),
        ('[[sip.listeners]]\ncertificate = "/c"', "sip.listeners[0].certificate (in FILE): only a tls listener"),
        (
            '[[sip.listeners]]\ntransport = "tls"\nprivate_key = "/c"',
            "sip.listeners[0].certificate (in FILE): sip.list",
        ),
        ("[sip]\nlisteners = 3", "sip.listeners (in FILE) must be a list: write [[sip.listeners]]"),
        ("[media]\nfirst_port = 20001\nlast_port = 20002", "media.last_port (in FILE): no even port"),
        ('[media]\naddress = "eth0"', "media.address (in FILE): 'eth0' is no literal"),
        ('[api]\nhost = "localhost"', "api.host (in FILE): 'localhost' is no literal"),
        ('[api]\nprivate_key = "/k"', "api.certificate (in FILE): api.private_key is set"),
        ("[sip.timers]\nt1 = 5", "sip.timers.t2 (in FILE): must not be less than sip.timers.t1 (5.0)"),
        ('[store]\nurl = "mysql://u:hunter2@h/d"', "store.url (in FILE): begin it with"),
        ("[store]\nurl = 3", "store.url (in FILE) must be text"),
        ('worker = "worker1"', "worker (in FILE) must be two characters of a-z and 0-9, not 'worker1'"),
        ('brand = "a b"', "brand (in FILE) must be a letter, then letters and digits, not 'a b'"),
        ("[sip]\nmax_calls = true", "sip.max_calls (in FILE) must be a whole number of at least 0, not True"),
        ("[sip.timers]\nt1 = nan", "sip.timers.t1 (in FILE) must be a number above 0, not nan"),
    ],
)
def test_faults(tmp_path: Path, toml: str, fault: str) -> None:
    [told] = problems(tmp_path, toml)
    assert told.startswith(fault)
    assert "hunter2" not in told


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    [told] = problems(tmp_path, "a = [")
    assert told.startswith("FILE is not TOML: ")
    (tmp_path / "latin").write_bytes(b"brand = '\xe9'")
    for name, reason in (("absent", "No such file or directory"), ("latin", "it is not UTF-8")):
        with pytest.raises(SettingsError, match=f"{name} cannot be read: {reason}"):
            load(tmp_path / name, {})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.7", ("203.0.113.7", 0)),
        ("203.0.113.7:5070", ("203.0.113.7", 5070)),
        ("2001:db8::7", ("2001:db8::7", 0)),
        ("[2001:db8::7]:5070", ("2001:db8::7", 5070)),
        ("sip.example.com", ("sip.example.com", 0)),
    ],
)
def test_external_addresses(text: str, address: tuple[str, int]) -> None:
    assert external(Listener(external_address=text)) == address
    assert external(Listener()) is None


@pytest.mark.parametrize("text", ["host:99999", "a b", "[::g]", "host:", "sip:host", ":5060", "[1.2:3]:9"])
def test_external_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        external(Listener(external_address=text))


def test_where_things_are_kept(tmp_path: Path) -> None:
    service = load(None, {"STATE_DIRECTORY": "/var/lib/trunkline:/var/lib/other"})
    assert service.key_file == Path("/var/lib/trunkline/secret.key")
    assert service.store_url == "sqlite:////var/lib/trunkline/trunkline.db"
    assert service.journal_dir == Path("/var/lib/trunkline/journal")
    told = load(None, {"STATE_DIRECTORY": "/var/lib/trunkline", "TRUNKLINE_DATA_DIR": "/data"})
    assert told.data_dir == Path("/data")
    own = read(tmp_path, '[secrets]\nkey_file = "/k"\n[store]\nurl = "postgresql://h/d"')
    assert (own.key_file, own.store_url) == (Path("/k"), "postgresql://h/d")


def test_the_file_that_is_found() -> None:
    assert find({"TRUNKLINE_CONFIG": "/x.toml"}) == Path("/x.toml")


def test_what_changed(tmp_path: Path) -> None:
    new = read(tmp_path, 'brand = "b"\n[sip.timers]\nt1 = 1\n[[sip.listeners]]\n')
    assert changed(Settings(), new) == ["brand", "sip.listeners", "sip.timers.t1"]
    assert changed(new, new) == []


names = st.sampled_from(
    ["BRAND", "SIP", "SIP__LISTENERS", "SIP__TIMERS__T1", "MEDIA__FIRST_PORT", "STORE__URL"]
) | st.text("ABS_1", max_size=9)


@given(st.dictionaries(names.map("TRUNKLINE_".__add__), st.text(max_size=12) | st.just('[{"port": 1}]')))
def test_any_environment_gives_settings_or_their_faults(environ: dict[str, str]) -> None:
    with contextlib.suppress(SettingsError):
        assert load(None, environ).sip.listeners


def test_lists_by_environment_and_by_file(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_text('[api]\ntrusted_proxies = ["10.0.0.0/8"]\n')
    assert load(file, {}).api.trusted_proxies == ("10.0.0.0/8",)
    environ = {"TRUNKLINE_API__TRUSTED_PROXIES": "192.0.2.7, 2001:db8::/32"}
    assert load(file, environ).api.trusted_proxies == ("192.0.2.7", "2001:db8::/32")


@pytest.mark.parametrize("name", [name for name, value in flat(Settings()) if isinstance(value, tuple)])
def test_every_list_may_come_by_environment(name: str) -> None:
    if name == "sip.listeners":
        return
    parts = ("SHA-256", "MD5") if name == "sip.registrar.algorithms" else ("192.0.2.7", "198.51.100.8")
    variable = f"TRUNKLINE_{name.replace('.', '__').upper()}"
    assert dict(flat(load(None, {variable: ", ".join(parts)})))[name] == parts


@pytest.mark.parametrize("text", ["10.0.0.1/8", "nowhere"])
def test_a_proxy_that_is_no_network(text: str) -> None:
    with pytest.raises(SettingsError, match=r"api\.trusted_proxies.*is no network"):
        load(None, {"TRUNKLINE_API__TRUSTED_PROXIES": text})
