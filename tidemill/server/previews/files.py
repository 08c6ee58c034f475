"""The beginning, or another part, of an object as text."""

from typing import Final

from tidemill.model.errors import BadRequest, PreviewFailed
from tidemill.previews.kinds import Kind
from tidemill.previews.table import MIB, Format
from tidemill.previews.text import piece_of
from tidemill.server.previews.looking import Seen
from tidemill.server.previews.shapes import WindmillFile

DEFAULT_BYTES: Final = 128 * 1024
MOST_BYTES: Final = 8 * MIB
_DUMPED_BYTES: Final = 512
_DUMP_LINE: Final = 16


async def part_as_text(seen: Seen, start: int, length: int) -> WindmillFile:
    """`length` bytes from `start` of what is text; a dump of the first bytes of what is not shown otherwise.

    Raises:
        BadRequest: that is too much, or lies outside of the object.
    """
    size = seen.object.size_bytes
    if not 0 <= start <= size or not 0 <= length <= MOST_BYTES:
        raise BadRequest(
            f"read_bytes_from and read_bytes_length must lie within the {size} bytes of the object, and the length be "
            f"at most {MOST_BYTES}."
        )
    if not seen.look.encoding:
        return _described(seen)
    data = await seen.object.read(start, start + length)
    try:
        piece = piece_of(data, start=start, head=seen.head, encoding=seen.look.encoding)
    except UnicodeDecodeError as error:
        place = start + error.start
        raise PreviewFailed(f"The object is not {seen.look.encoding} all along: not at byte {place}.") from error
    told = f"Bytes {piece.start} to {piece.end} of {size}, read as {seen.look.encoding}."
    return WindmillFile("Csv" if seen.look.format is Format.CSV else "RawText", piece.text, told)


def _described(seen: Seen) -> WindmillFile:
    look, size = seen.look, seen.object.size_bytes
    pixels = f", {look.size[0]} x {look.size[1]} pixels" if look.size else ""
    told = f"{look.media_type}{pixels}, {size} bytes."
    if look.kind is Kind.TABLE:
        return WindmillFile("Parquet", msg=f"{told} Its rows are a table: see load_parquet_preview.")
    if look.kind is Kind.BINARY:
        return WindmillFile("Unknown", dump(seen.head[:_DUMPED_BYTES]), f"{told} These are its first bytes.")
    return WindmillFile("Unknown", msg=told)


def dump(data: bytes) -> str:
    """Bytes in hexadecimal, 16 a line, with their place before and as ASCII behind."""
    lines = []
    for start in range(0, len(data), _DUMP_LINE):
        line = data[start : start + _DUMP_LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        lines.append(f"{start:08x}  {line.hex(' '):<47}  {shown}")
    return "\n".join(lines)
