"""What a running edge takes over of settings that were read again."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trunkline.settings import Settings, changed, flat
from trunkline.settings.live import LIVE, reread
from trunkline.settings.tree import Api, Log, OverloadSettings, Sip, Trace


def test_nothing_new() -> None:
    assert reread(Settings(), Settings()) == (Settings(), [], [])


def test_each_goes_its_way() -> None:
    wanted = Settings(
        worker="w7",
        sip=Sip(max_calls=9, receive_buffer=1, overload=OverloadSettings(target=0.5)),
        log=Log(level="debug"),
        api=Api(port=1),
    )
    settings, taken, left = reread(Settings(), wanted)
    assert taken == ["sip.max_calls", "sip.overload.target", "log.level"]
    assert left == ["worker", "sip.receive_buffer", "api.port"]
    assert settings == Settings(sip=Sip(max_calls=9, overload=OverloadSettings(target=0.5)), log=Log(level="debug"))


def test_what_was_left_is_said_again_the_next_time() -> None:
    wanted = Settings(worker="w7", trace=Trace(calls=1))
    first = reread(Settings(), wanted)
    second = reread(first.settings, wanted)
    assert (second.taken, second.left) == ([], ["worker"])


def test_live_settings_exist() -> None:
    names = [name for name, _ in flat(Settings())]
    for live in LIVE:
        assert any(name.startswith(live) if live.endswith(".") else name == live for name in names), live


def test_the_file_says_which_they_are(root: Path) -> None:
    text = (root / "config" / "trunkline.toml").read_text()
    head = " ".join(line.removeprefix("#").strip() for line in text.partition("#brand")[0].splitlines())
    told = re.search(r"At once come to hold: (.*?); and certificates", head)
    assert told is not None
    assert set(re.split(r", | and ", told[1])) == {name.rstrip(".") for name in LIVE}


_SIPS = st.builds(
    lambda calls, domain, buffer, target: Sip(
        max_calls=calls, domain=domain, receive_buffer=buffer, overload=OverloadSettings(target=target)
    ),
    st.integers(0, 3), st.sampled_from([None, "a"]), st.integers(1, 3), st.sampled_from([0.1, 0.2]),
)  # fmt: skip
_SETTINGS = st.builds(
    lambda worker, sip, level, port: Settings(worker=worker, sip=sip, log=Log(level=level), api=Api(port=port)),
    st.sampled_from(["w0", "w1"]), _SIPS, st.sampled_from(["info", "debug"]), st.integers(0, 2),
)  # fmt: skip


@given(_SETTINGS, _SETTINGS)
def test_every_difference_is_taken_or_left(now: Settings, wanted: Settings) -> None:
    settings, taken, left = reread(now, wanted)
    assert sorted(taken + left) == sorted(changed(now, wanted))
    assert changed(settings, wanted) == left
    assert changed(now, settings) == taken
