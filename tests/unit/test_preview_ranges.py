"""Bytes that are fetched when they are looked at."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidemill.previews.inside.cells import raw, typed, written
from tidemill.previews.inside.ranges import Ranges

KIB = 1024


def make(size_bytes: int) -> tuple[Ranges, list[tuple[int, int]], bytes]:
    data = (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        assert 0 <= start < end <= size_bytes
        fetched.append((start, end))
        return data[start:end]

    return Ranges(fetch, size_bytes), fetched, data


@given(
    size_bytes=st.integers(0, 700_000),
    reads=st.lists(st.tuples(st.integers(0, 800_000), st.integers(0, 300_000)), max_size=12),
)
def test_reads_are_right_and_no_byte_is_fetched_twice(size_bytes: int, reads: list[tuple[int, int]]) -> None:
    ranges, fetched, data = make(size_bytes)
    for start, length in reads:
        assert ranges.read(start, start + length) == data[start : start + length]
    ordered = sorted(fetched)
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_reading_on_takes_larger_and_larger_pieces() -> None:
    ranges, fetched, _ = make(40 * KIB * KIB)
    for start in range(0, 20 * KIB * KIB, 4 * KIB):
        ranges.read(start, start + 4 * KIB)
    assert len(fetched) < 15
    assert fetched[0] == (0, 64 * KIB)
    assert max(end - start for start, end in fetched) == 4 * KIB * KIB


def test_the_end_is_fetched_at_once() -> None:
    ranges, fetched, _ = make(KIB * KIB)
    ranges.read(KIB * KIB - 8, KIB * KIB)
    ranges.read(KIB * KIB - 3000, KIB * KIB)
    assert fetched == [(KIB * KIB - 64 * KIB, KIB * KIB)]


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_bare_only_if_javascript_keeps_it(number: float) -> None:
    for encoded in (typed(number), written("DOUBLE")(str(number)), raw(str(number))):
        if not encoded.startswith(b'"'):
            assert float(encoded) == number
            assert isinstance(number, float) or abs(number) < 2**53
        else:
            assert float(encoded.strip(b'"')) == float(number)
