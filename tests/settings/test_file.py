"""config/trunkline.toml: every setting is in it, explained, and its commented value is the one that holds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from trunkline.settings import Listener, Settings, flat, load

SETTING = re.compile(r"#(?=\[\[|[a-z0-9_]+ = )")


@pytest.fixture
def text(root: Path) -> str:
    return (root / "config" / "trunkline.toml").read_text("utf-8")


def uncommented(text: str) -> str:
    return "".join(SETTING.sub("", line, count=1) if SETTING.match(line) else line for line in text.splitlines(True))


def test_as_it_is_it_sets_nothing(root: Path) -> None:
    assert load(root / "config" / "trunkline.toml", {}) == Settings()


def test_its_commented_values_are_the_defaults(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_text(uncommented(text))
    assert load(file, {}) == Settings()


def test_every_setting_is_in_it(text: str) -> None:
    raw = tomllib.loads(uncommented(text))
    for name, _ in flat(Settings()):
        table = raw
        for part in name.split("."):
            assert part in table, name
            table = table[part]
    assert set(raw["sip"]["listeners"][0]) == set(Listener.__struct_fields__)


def test_every_setting_is_explained(text: str) -> None:
    """The line above a setting, or above the settings it stands with, is words."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if SETTING.match(line) and not line.startswith("#[["):
            above = index
            while SETTING.match(lines[above]) or re.fullmatch(r"\[[a-z.]+\]", lines[above]):
                above -= 1
            listener = any(each.startswith("#[[") for each in lines[above:index])
            assert listener or lines[above].startswith("# "), line


def test_a_listener_says_each_of_its_fields(text: str) -> None:
    for field in structs.fields(Listener):
        assert re.search(rf"^#   {field.name}\s{{2,}}\S", text, re.MULTILINE), field.name
