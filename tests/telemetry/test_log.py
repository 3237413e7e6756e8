"""The log: whole lines, one form or the other, never a credential, and never in the way."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from trunkline.model.secret import Secret
from trunkline.telemetry import log as room
from trunkline.telemetry.log import Log

SECRET = "hunter2s3cret"


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Leave the process's loggers as they were."""
    before = {name: logging.getLogger(name).level for name in room._NOISY}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_text(out: io.StringIO) -> None:
    log = Log("text", "info", out)
    log.start()
    logging.getLogger("trunkline.calls").info("call %s ended", "c1")
    logging.getLogger("trunkline.calls").debug("unseen")
    log.stop()
    [line] = out.getvalue().splitlines()
    at, level, words = line.split(maxsplit=2)
    assert (len(at), at[-1], level, words) == (24, "Z", "info", "call c1 ended")


def test_json(out: io.StringIO) -> None:
    log = Log("json", "debug", out)
    log.start()
    extra = {"call": {"id": "c1", "odd": Secret(SECRET)}}
    logging.getLogger("trunkline").warning("password=%s from \ud800", SECRET, extra=extra)
    log.stop()
    read = json.loads(out.getvalue())
    assert read.pop("time").endswith("Z")
    assert read == {
        "level": "warning", "logger": "trunkline", "message": "password=••• from ?",
        "call": {"id": "c1", "odd": "Secret(•••)"},
    }  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_was_raised_is_told_without_credentials(out: io.StringIO, form: room.Format) -> None:
    log = Log(form, "info", out)
    log.start()
    try:
        raise ValueError(f"Authorization: Bearer {SECRET}")
    except ValueError:
        logging.getLogger("trunkline").exception("odd")
    log.stop()
    assert "ValueError: Authorization: •••" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_a_peers_words_do_not_look_like_lines_of_ours(out: io.StringIO) -> None:
    log = Log("text", "info", out)
    log.start()
    logging.getLogger("trunkline").info("reason: %s", "a\n2026-01-01T00:00:00.000Z error forged\x1b[2J")
    log.stop()
    assert out.getvalue().count("\n") == 1
    assert "\\x0a" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_change_holds_at_once(out: io.StringIO) -> None:
    log = Log("text", "error", out)
    log.start()
    logging.getLogger("trunkline").info("unseen")
    log.change("text", "info")
    logging.getLogger("trunkline").info("seen")
    log.stop()
    assert out.getvalue().rstrip().endswith("seen")
    assert "unseen" not in out.getvalue()


def test_stop_gives_the_root_logger_back(out: io.StringIO) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    log = Log("text", "debug", out)
    log.start()
    assert root.handlers != before[0]
    log.stop()
    assert (root.handlers[:], root.level) == before


class Stuck(io.StringIO):
    """A terminal that nobody reads, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def write(self, text: str) -> int:
        self.go.wait(10)
        return super().write(text)


def test_a_stuck_terminal_delays_nobody() -> None:
    stuck = Stuck()
    log = Log("text", "info", stuck)
    log.start()
    logger = logging.getLogger("trunkline")
    for number in range(room._QUEUED + 500):
        logger.info("%d", number)
    assert log.dropped >= 499
    stuck.go.set()
    log.stop()
    assert stuck.getvalue().count("\n") == room._QUEUED + 500 - log.dropped


def test_a_broken_stream_says_nothing_of_what_it_was_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    closed.close()
    log = Log("text", "info", closed)
    log.start()
    logging.getLogger("trunkline").info("password %s", SECRET)
    log.stop()
    assert log.dropped == 1
    assert SECRET not in capsys.readouterr().err
