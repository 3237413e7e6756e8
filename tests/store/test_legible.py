from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.store.samples import call, dialog
from trunkline.model.journal import Answered, Began, Ended
from trunkline.store.journal.legible import legible, restored, without_dialogs

raw = st.binary(max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))
anything = st.text(st.characters(max_codepoint=0x10FF7F), max_size=40)


@given(raw | anything)
def test_any_text_can_be_written(text: str) -> None:
    record = call(100, caller=text, legs=(structs.replace(call(100).legs[0], uri=text),))
    for entry in (Began(record), Ended(record), Answered(record, (dialog(remote=text),))):
        readable = legible(entry)
        msgspec.msgpack.encode(readable)
        assert type(readable) is type(entry)
        assert readable.record.id == record.id
        assert (readable.record.caller == text) == (text.encode("utf-8", "replace").decode() == text)


@given(raw, raw, raw, raw)
def test_a_dialog_comes_back_byte_for_byte(call_id: str, remote: str, target: str, route: str) -> None:
    state = dialog(call_id=call_id, remote=remote, target=target, route_set=(route,))
    written = legible(Answered(call(100), (state,)))
    assert isinstance(written, Answered)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=Answered)
    assert restored(read.dialogs[0]) == state


def test_what_is_read_by_people_says_that_something_was_there() -> None:
    entry = legible(Began(call(100, caller="Ren\udce9", detail=None)))
    assert entry.record.caller == "Ren\ufffd"
    assert entry.record.detail is None


def test_too_much_is_cut() -> None:
    leg = structs.replace(call(100).legs[0], uri="x" * 100_000)
    entry = legible(Answered(call(100, callee="y" * 1_000_000, legs=(leg,) * 1000), (dialog(remote="z" * 1_000_000),)))
    assert len(msgspec.msgpack.encode(without_dialogs(entry))) < 200_000
    assert without_dialogs(Ended(call(100))) == Ended(call(100))
