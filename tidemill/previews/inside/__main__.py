"""A reader: gets ready, gives up all that it does not need, answers one question, and ends."""

import re
import socket
import sys
from typing import Final

import duckdb
import msgspec

from tidemill.model.errors import PreviewFailed, TidemillError, TooLarge
from tidemill.previews.inside import query
from tidemill.previews.inside.channel import Channel
from tidemill.previews.inside.delimited import delimited
from tidemill.previews.inside.engine import Engine
from tidemill.previews.inside.files import ObjectFile
from tidemill.previews.inside.json_rows import json_lines, json_whole
from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.inside.relation import Relation
from tidemill.previews.inside.spreadsheet import spreadsheet
from tidemill.previews.inside.typed import arrow, parquet
from tidemill.previews.messages import MAX_BYTES, Kind
from tidemill.previews.table import MIB, WAY_OUT, Failure, Format, TableQuestion
from tidemill.sandbox.confinement import confine, die_with_parent

MORE_MEMORY_BYTES: Final = 768 * MIB
CPU_S: Final = 600
_MOST_MESSAGE: Final = 600
_NOT_FOR_USERS: Final = re.compile(r"\n[^\S\n]*+(LINE \d+:|Possible [Ss]olution|Possible fixes|At:|\* ).*", re.DOTALL)


def main() -> None:
    """Serve the socket whose descriptor is the argument."""
    die_with_parent()
    sock = socket.socket(fileno=int(sys.argv[1]))
    channel = Channel(sock)
    engine = Engine()
    confine(keep=(2, sock.fileno()), more_memory_bytes=MORE_MEMORY_BYTES, cpu_s=CPU_S)
    try:
        channel.send(Kind.READY)
        question = msgspec.json.decode(channel.receive(Kind.QUESTION), type=TableQuestion)
        try:
            _answer(channel, engine, question)
        except (TidemillError, MemoryError, UnicodeDecodeError, OverflowError, duckdb.Error) as error:
            channel.send(Kind.ERROR, msgspec.json.encode(_failure(error)))
    except EOFError:
        return


def _answer(channel: Channel, engine: Engine, question: TableQuestion) -> None:
    ranges = Ranges(channel.fetch, question.size_bytes)
    relation = _relation(engine, ranges, question)
    match question.task:
        case "page":
            _send(channel, msgspec.json.encode(query.page(engine, relation, question)))
        case "count":
            _send(channel, msgspec.json.encode(query.count(engine, relation, question)))
        case "export":
            engine.write_to(lambda data: _send(channel, data))
            query.export(engine, relation, question)
    channel.send(Kind.DONE)


def _send(channel: Channel, data: bytes) -> None:
    for start in range(0, len(data), MAX_BYTES):
        channel.send(Kind.DATA, data[start : start + MAX_BYTES])


def _relation(engine: Engine, ranges: Ranges, question: TableQuestion) -> Relation:
    match question.format:
        case Format.PARQUET:
            engine.show(lambda: ObjectFile(ranges), size_bytes=ranges.size_bytes)
            return parquet(engine)
        case Format.ARROW:
            return arrow(engine, ranges)
        case Format.CSV:
            return delimited(engine, ranges, question)
        case Format.JSON_LINES:
            return json_lines(engine, ranges, question)
        case Format.JSON:
            return json_whole(engine, ranges, question)
        case Format.SPREADSHEET:
            return spreadsheet(engine, ranges, question)


def _failure(error: Exception) -> Failure:
    match error:
        case TidemillError():
            return Failure(error.code, str(error))
        case MemoryError() | duckdb.OutOfMemoryException():
            return Failure(TooLarge.code, f"Reading this takes more memory than a preview may use. {WAY_OUT}")
        case UnicodeDecodeError():
            return Failure(PreviewFailed.code, f"The text is not {error.encoding}: {error.reason} at {error.start}.")
        case duckdb.ConversionException():
            return Failure("bad_request", f"A filter does not fit its column: {_sentence(error)}")
        case _:
            return Failure(PreviewFailed.code, f"The object cannot be read as this format: {_sentence(error)}")


def _sentence(error: Exception) -> str:
    """What the engine says, without its SQL, its advice on SQL, and where in our code it stood."""
    text = _NOT_FOR_USERS.sub("", str(error)).replace("object://it", "the object")
    return " ".join(text.split())[:_MOST_MESSAGE]


if __name__ == "__main__":
    main()
