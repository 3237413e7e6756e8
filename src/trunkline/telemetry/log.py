"""The log: text for people or a JSON object a line, on standard error, without credentials.

The loop only puts a record into a bounded queue; a thread formats and writes it, so that a slow terminal or a full pipe
never delays a call. What does not fit is dropped and counted.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import logging.handlers
import queue
import sys
import threading
import traceback
from typing import Literal, TextIO

from trunkline.telemetry.hide import of_log

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

_FIELDS = ("call", "refused")
"""What a record may carry beside its words (`extra=`)."""
_QUEUED = 4096
_PATIENCE = 5.0
"""Seconds that the end of the log waits for its writer."""
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
"""A peer's words must not look like a line of ours, nor move a terminal's cursor."""
_NOISY = ("asyncio", "aiosqlite", "sqlalchemy", "alembic", "aiohttp.access")


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        words = f"{at}.{int(record.msecs):03d}Z {record.levelname.lower():7} {record.getMessage().translate(_CONTROL)}"
        return of_log(words + _raised(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": of_log(record.getMessage()),
        }
        for name in _FIELDS:
            if name in record.__dict__:
                fields[name] = record.__dict__[name]
        if raised := _raised(record):
            fields["exception"] = of_log(raised.strip())
        # Peers' words may hold bytes that are no UTF-8, as lone surrogates: no JSON reader takes those.
        return json.dumps(fields, ensure_ascii=False, default=repr).encode("utf-8", "replace").decode()


def _raised(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()


class _Queue(logging.handlers.QueueHandler):
    """Hands records over as they are: who formats them is in this process."""

    def __init__(self, records: queue.Queue[logging.LogRecord | None]) -> None:
        super().__init__(records)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Stream(logging.StreamHandler[TextIO]):
    """Counts what cannot be written; the default would print the record's arguments, secrets and all."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.failed = 0

    def handleError(self, record: logging.LogRecord) -> None:
        self.failed += 1


class Log:
    """The process's log, from `start` to `stop`."""

    def __init__(self, format: Format = "text", level: Level = "info", stream: TextIO | None = None) -> None:
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(_QUEUED)
        self._enter = _Queue(self._records)
        self._handler = _Stream(stream or sys.stderr)
        self._writer: threading.Thread | None = None
        self._before: tuple[list[logging.Handler], int] = ([], logging.WARNING)
        self._level = "INFO"
        self.change(format, level)

    @property
    def dropped(self) -> int:
        """Lines that were not written, because the writer was behind or the stream broken."""
        return self._enter.dropped + self._handler.failed

    def change(self, format: Format, level: Level) -> None:
        """Take another form or level; effective at once."""
        self._handler.setFormatter(_Json() if format == "json" else _Text())
        self._level = level.upper()
        if self._writer is not None:
            logging.getLogger().setLevel(self._level)

    def start(self) -> None:
        """Take over the root logger."""
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level)
        root.handlers[:] = [self._enter]
        root.setLevel(self._level)
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def stop(self) -> None:
        """Write what waits, for some seconds at most, and give the root logger back as it was."""
        root = logging.getLogger()
        root.handlers[:], level = self._before[0], self._before[1]
        root.setLevel(level)
        if self._writer is not None:
            with contextlib.suppress(queue.Full):
                self._records.put(None, timeout=_PATIENCE)
            self._writer.join(_PATIENCE)
            self._writer = None

    def _write(self) -> None:
        while (record := self._records.get()) is not None:
            self._handler.handle(record)
