"""`trunkline keys` against a running edge."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Edge, Run
from trunkline.settings import load


def rows(run: Run, edge: Edge) -> dict[str, list[str]]:
    ended = run("keys", "list", "--config", edge.config)
    assert ended.code == 0, ended.err
    lines = [line.split("\t") for line in ended.out.splitlines()]
    return {cells[0]: cells[1:] for cells in lines}


def accepted(edge: Edge, key: str) -> bool:
    port = load(Path(edge.config), {}).api.port
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/calls", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return "data" in json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return error.code != 401


def test_a_keys_life(run: Run, edge: Edge) -> None:
    before = rows(run, edge)
    made = run("keys", "create", "CI", "--role", "viewer", "--expires", "90d", "--config", edge.config)
    assert made.code == 0
    [key] = made.out.split()
    assert accepted(edge, key)
    assert "it is not shown again" in made.err
    assert key not in made.err
    [(id, cells)] = [row for row in rows(run, edge).items() if row[0] not in before]
    assert cells[:2] == ["CI", "viewer"]
    assert key.startswith(cells[2])
    assert cells[4]
    assert run("keys", "revoke", id, "--config", edge.config).out == f"{id} has ended.\n"
    assert rows(run, edge) == before | {name: cells for name, cells in rows(run, edge).items() if name in before}
    assert id not in rows(run, edge)
    assert not accepted(edge, key)


def test_an_operators_key(run: Run, edge: Edge) -> None:
    key = run("keys", "create", "--operator", "--config", edge.config).out.strip()
    [id] = [id for id, cells in rows(run, edge).items() if key.startswith(cells[2])]
    assert rows(run, edge)[id][:2] == ["Command line", "operator"]
    # It may do what it is asked, by itself.
    assert run("keys", "revoke", id, "--config", edge.config, "--key", key).code == 0


def test_on_a_terminal_ids_are_whole(run: Run, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = list(rows(run, edge))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    shown = run("keys", "list", "--config", edge.config).out
    assert "─────" in shown
    assert [id for id in ids if id not in shown] == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("create", "--expires", "soon"), 2, "is no span of time"),
        (("create", "--expires", "0d"), 2, "is no span of time"),
        (("create", "--role", "viewer", "--scope", "keys:write"), 1, "has no such permission to narrow to (scopes)"),
        (("create", "--network", "here"), 1, "A network is written as 192.0.2.0/24 (networks)"),
        (("create", " "), 1, "A name has 1 to 100 printable characters"),
        (("revoke", "key_none"), 1, "There is no API key with this id"),
        (("revoke", "../../readyz"), 1, "There is no API key with this id"),
    ],
)
def test_what_is_refused_is_one_sentence(
    run: Run, edge: Edge, words: tuple[str, ...], code: int, sentence: str
) -> None:
    ended = run("keys", *words, "--config", edge.config)
    assert (ended.code, ended.out) == (code, "")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1
