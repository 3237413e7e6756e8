from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from trunkline.model.secret import Secret
from trunkline.store.database.errors import WrongKey
from trunkline.store.database.seal import Seal


def test_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret.key"
    seal = Seal.open(path)
    assert seal.fresh
    assert not seal.exposed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    again = Seal.open(path)
    assert not again.fresh
    assert again.open_token(seal.shut(Secret("wörd"))) == Secret("wörd")


def test_a_key_that_others_may_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    Seal.open(path)
    path.chmod(0o640)
    assert Seal.open(path).exposed


def test_what_is_sealed_does_not_show(tmp_path: Path) -> None:
    token = Seal.open(tmp_path / "secret.key").shut(Secret("hunter2"))
    assert "hunter2" not in token


def test_several_keys_are_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    token = Seal.open(path).shut(Secret("x"))
    old = path.read_text()
    path.write_text(f"# rotated\n{Fernet.generate_key().decode()}\n\n{old}")
    both = Seal.open(path)
    assert both.open_token(token) == Secret("x")
    renewed = both.renew(token)
    path.write_text(path.read_text().replace(old, ""))
    assert Seal.open(path).open_token(renewed) == Secret("x")
    with pytest.raises(WrongKey):
        Seal.open(path).open_token(token)


def test_a_wrong_key_names_the_file(tmp_path: Path) -> None:
    token = Seal.open(tmp_path / "one").shut(Secret("x"))
    path = tmp_path / "two"
    with pytest.raises(WrongKey, match=rf"{path} was missing and has just been made anew"):
        Seal.open(path).open_token(token)
    with pytest.raises(WrongKey, match=rf"no key in {path} opens"):
        Seal.open(path).open_token(token)
    with pytest.raises(WrongKey, match=str(path)):
        Seal.open(path).renew(token)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "holds no key"), ("# nothing\n", "holds no key"), ("c2hvcnQ=\n", "key 1 in"), ("zzz\n", "key 1 in")],
)
def test_a_file_that_is_no_key_file_is_refused_without_showing_it(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(text)
    with pytest.raises(WrongKey, match=complaint) as caught:
        Seal.open(path)
    assert str(path) in str(caught.value)
    assert "zzz" not in str(caught.value)


def test_a_key_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="cannot be used"):
        Seal.open(tmp_path)
