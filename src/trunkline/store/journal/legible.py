"""Journal entries that cannot be written as they are: bytes that are no UTF-8, or far too much text.

Header values keep such bytes as lone surrogates (`surrogateescape`), which no encoder takes. What people read gets the
replacement character. What a BYE is made of must come back byte for byte, so such a text travels as its bytes, each as
one character, behind a mark. This is the slow path, taken only for an entry that the encoder has refused.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, DialogState, JournalEntry, Rejoined

_LONGEST = 2048
_MOST_LEGS = 32
_MARK = "\U0010ffff"
"""A noncharacter: no text that means anything begins with it."""


def legible(entry: JournalEntry) -> JournalEntry:
    """The entry with its record readable and within bounds, its dialogs encodable and `restored` later."""
    record = _record(entry.record)
    if isinstance(entry, Answered | Rejoined):
        return type(entry)(record, tuple(_mapped(dialog, _away) for dialog in entry.dialogs))
    return type(entry)(record)


def without_nul(record: CallRecord) -> CallRecord:
    """The record with the replacement character for each NUL: PostgreSQL has no text with one. Texts within the legs
    and transfers are stored as JSON, which has."""
    texts = {name: getattr(record, name) for name in record.__struct_fields__}
    clean = {name: text.replace("\0", "\ufffd") for name, text in texts.items() if isinstance(text, str)}
    legs = tuple(
        structs.replace(leg, sip_call_id=leg.sip_call_id and leg.sip_call_id.replace("\0", "\ufffd"))
        for leg in record.legs
    )
    return structs.replace(record, legs=legs, **clean)


def without_dialogs(entry: JournalEntry) -> JournalEntry:
    """The entry without what a BYE takes: the last resort for one that is too long."""
    return type(entry)(entry.record, ()) if isinstance(entry, Answered | Rejoined) else entry


def restored(dialog: DialogState) -> DialogState:
    """The dialog as it was before it was made `legible`."""
    return _mapped(dialog, _back)


def _record(record: CallRecord) -> CallRecord:
    legs = tuple(structs.replace(leg, **_texts(leg)) for leg in record.legs[:_MOST_LEGS])
    transfers = tuple(structs.replace(each, **_texts(each)) for each in record.transfers[:_MOST_LEGS])
    return structs.replace(record, legs=legs, transfers=transfers, **_texts(record))


def _texts(value: object) -> dict[str, str]:
    texts = {}
    for name in value.__struct_fields__:  # type: ignore[attr-defined]
        text = getattr(value, name)
        if isinstance(text, str):
            raw = text[:_LONGEST].encode("utf-8", "surrogateescape" if _escaped(text) else "replace")
            texts[name] = raw.decode("utf-8", "replace")
    return texts


def _escaped(text: str) -> bool:
    """Whether every surrogate in the text stands for a byte."""
    return not any(0xD800 <= ord(char) < 0xDC80 or 0xDCFF < ord(char) <= 0xDFFF for char in text)


def _away(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return _MARK + text.encode("utf-8", "surrogateescape" if _escaped(text) else "replace").decode("latin-1")
    return text


def _back(text: str) -> str:
    if not text.startswith(_MARK):
        return text
    try:
        return text[1:].encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def _mapped(dialog: DialogState, change: Callable[[str], str]) -> DialogState:
    return structs.replace(
        dialog,
        call_id=change(dialog.call_id),
        local=change(dialog.local),
        remote=change(dialog.remote),
        target=change(dialog.target),
        route_set=tuple(map(change, dialog.route_set)),
    )
