"""Numbers in texts that anybody may have written."""

from collections.abc import Callable

import pytest

from tidemill.engine.keys.records import part_of
from tidemill.engine.table_files import Record
from tidemill.model.connection_url import recognise_url
from tidemill.model.digits import is_index_of, number_in, number_of
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.fields import Fields
from tidemill.stores.documents.mongodb_config import MongoConfig
from tidemill.stores.keys.config import RedisConfig

LONG = "9" * 5000
NONE = ["", "-1", "+1", " 1", "1_0", "1.0", "²", "\u0661", "1\n", "9" * 19, LONG]


@pytest.mark.parametrize("text", NONE, ids=lambda each: repr(each[:10]))
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number_in(text) is None
    assert not is_index_of(text, range(3))


def test_digits_are_a_number() -> None:
    assert (number_in("0"), number_in("007"), number_in("9" * 18)) == (0, 7, 10**18 - 1)
    assert (number_of("7"), number_of(7)) == (7, 7)
    assert [number_of(each) for each in (True, 7.0, None, -7, ["7"])] == [None] * 5
    assert [is_index_of(each, "ab") for each in ("0", "1", "2")] == [True, True, False]


def record(**values: str) -> Record:
    return Record(1, {name: f'"{value}"'.encode() for name, value in values.items()})


@pytest.mark.parametrize(
    "read",
    [
        lambda: Fields({"port": LONG}, "postgresql").port("port", 1),
        lambda: RedisConfig.of({"host": "h", "db": LONG}),
        lambda: MongoConfig.of(f"mongodb://h/db?maxPoolSize={LONG}"),
        lambda: part_of(record(key="k", value="v", ttl_ms=LONG), {}),
    ],
    ids=["port", "db", "option", "ttl"],
)
def test_a_number_of_thousands_of_digits_is_refused_in_words(read: Callable[[], object]) -> None:
    with pytest.raises(BadRequest):
        read()


@pytest.mark.parametrize("url", [f"redis://h/{LONG}", f"postgresql://h/d?port={LONG}", f"postgresql://h:{LONG}/d"])
def test_it_is_no_part_of_a_connection_url(url: str) -> None:
    assert recognise_url(url) is None
