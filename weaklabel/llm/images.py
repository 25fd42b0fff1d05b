"""Images of rows: a URL, or the bytes of a file whose kind the first bytes tell."""

from __future__ import annotations

from typing import Any, Final

from weaklabel.llm.protocol import ImagePart

_KINDS: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
_SCHEMES: Final = ("https://", "http://", "data:image/")


def image_part(value: Any, column: str) -> ImagePart:
    """The part of a message for the value of an image column.

    Raises
    ------
    ValueError
        If it is neither a URL nor an image in PNG, JPEG, GIF or WebP.
    """
    if isinstance(value, str) and value.startswith(_SCHEMES):
        return ImagePart(url=value)
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        for head, kind in _KINDS.items():
            if data.startswith(head):
                return ImagePart(data=data, media_type=kind)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return ImagePart(data=data, media_type="image/webp")
        raise ValueError(f"column {column!r} holds bytes that are no PNG, JPEG, GIF or WebP image")
    raise ValueError(
        f"column {column!r} must hold a URL (https://, data:image/) or the bytes of an image, "
        f"found {str(value)[:60]!r}"
    )
