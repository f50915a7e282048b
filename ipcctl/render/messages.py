"""Messages of queues, as programs and people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipcctl.model.detail import Message

_SHOWN_BYTES = 48  # to people


def message_record(message: Message) -> dict[str, Any]:
    """Text where the whole message is text, hex otherwise."""
    text = _text(message.payload)
    shown = {"text": text, "hex": None if text is not None else message.payload.hex()}
    return {"type": message.type, "length": len(message.payload), **shown}


def excerpt(payload: bytes) -> str:
    """The beginning of a message."""
    text = _text(payload)
    shown = repr(text[:_SHOWN_BYTES]) if text is not None else "0x" + payload[:_SHOWN_BYTES].hex()
    return shown + ("..." if len(payload) > _SHOWN_BYTES else "")


def _text(payload: bytes) -> str | None:
    try:
        text = payload.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return None
    return text if all(char.isprintable() or char in "\t\n\r" for char in text) else None
