"""Masking: every common form of a secret is masked, wherever the output is cut."""

import base64
import hashlib
import json
import os
import statistics
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.masking import MASK, Masker, mask_text

SECRET = b'p@ss/w0rd+"q\\u\xc3\xa9 tail=='
KEY = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7\nshort\n-----END KEY-----\n"

FORMS = {
    "raw": SECRET,
    "base64": base64.b64encode(SECRET),
    "base64 urlsafe": base64.urlsafe_b64encode(SECRET),
    "base64 without padding": base64.b64encode(SECRET).rstrip(b"="),
    "hex": SECRET.hex().encode(),
    "upper hex": SECRET.hex().upper().encode(),
    "url": quote(SECRET, safe="").encode(),
    "url path": quote(SECRET).encode(),
    "url form": quote_plus(SECRET).encode(),
    "json": json.dumps(SECRET.decode())[1:-1].encode(),
    "json utf-8": json.dumps(SECRET.decode(), ensure_ascii=False)[1:-1].encode(),
    "json in json": json.dumps(json.dumps(SECRET.decode())[1:-1])[1:-1].encode(),
    "repr": repr(SECRET.decode())[1:-1].encode(),
}


def masked(chunks: list[bytes], secrets: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*map(masker.feed, chunks), masker.flush()])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_is_masked_when_split_at_any_byte(form: bytes) -> None:
    text = b"log: <" + form + b"> end\n"
    for at in range(len(text) + 1):
        assert masked([text[:at], text[at:]], [SECRET]) == b"log: <" + MASK + b"> end\n"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_is_masked_when_written_byte_by_byte(form: bytes) -> None:
    text = b"<" + form + b"> <" + form + b">"
    assert masked([text[i : i + 1] for i in range(len(text))], [SECRET]) == b"<" + MASK + b"> <" + MASK + b">"


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_at_every_offset(before: int, after: int, encode: object) -> None:
    secret = b"correct horse battery staple"
    text = encode(b"x" * before + secret + b"y" * after)  # type: ignore[operator]
    output = masked([text], [secret])
    assert MASK in output
    kept = output.replace(MASK, b"")
    assert len(kept) <= (before + after) * 4 // 3 + 6  # the characters shared with neighbours, and padding


@pytest.mark.parametrize("width", [64, 76])
def test_base64_in_lines_is_masked_line_by_line(width: int) -> None:
    secret = bytes(range(33, 123)) * 2
    text = base64.b64encode(secret)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    assert masked([b"\n".join(lines)], [secret]) == b"\n".join([MASK] * len(lines))


@pytest.mark.parametrize("line", [line for line in KEY.splitlines() if len(line) >= 8])
def test_each_long_line_of_a_key_is_masked_alone(line: bytes) -> None:
    text = b"one line: " + line + b"!\n"
    for at in range(len(text) + 1):
        assert masked([text[:at], text[at:]], [KEY]) == b"one line: " + MASK + b"!\n"


def test_a_whole_key_is_one_mask_with_its_short_lines() -> None:
    for at in range(len(KEY)):
        assert masked([b"k=" + KEY[:at], KEY[at:] + b"."], [KEY]) == b"k=" + MASK + b"."


def test_a_long_secret_is_masked_whole_in_every_form() -> None:
    secret = base64.b85encode(bytes(i * 7 % 256 for i in range(9_000)))
    text = secret.decode()
    for form in (secret, secret.hex().encode(), quote(secret).encode(), json.dumps(text)[1:-1].encode()):
        assert masked([form[:700], form[700:]], [secret]) == MASK
    assert MASK in masked([base64.b64encode(secret)], [secret])
    assert len(masked([base64.b64encode(secret)], [secret])) < 12


def test_short_secrets_are_refused_and_told() -> None:
    masker = Masker([b"1234567", "sieben\u00e9".encode(), b"", b"12345678"])
    assert masker.unmaskable == [b"1234567", "sieben\u00e9".encode()]
    assert masker.add(b"abc") is False
    assert masker.feed(b"1234567 sieben\xc3\xa9 abc\n") == b"1234567 sieben\xc3\xa9 abc\n"


def test_output_without_a_beginning_of_a_secret_is_given_out_at_once() -> None:
    masker = Masker([b"hunter2-hunter2"])
    assert masker.feed(b"waiting for in") == b"waiting for in"
    assert masker.feed(b" and h") == b" and "
    assert masker.feed(b"at\n") == b"hat\n"


def test_at_most_the_longest_pattern_is_held_back() -> None:
    masker = Masker([b"a" * 20])
    assert len(masker.feed(b"a" * 19)) == 0
    given_out = masker.feed(b"b" + b"a" * 19)
    assert given_out == b"a" * 19 + b"b"
    assert masker.flush() == b"a" * 19


def test_overlapping_secrets_leave_nothing_between() -> None:
    secrets = [b"abcdefgh12", b"gh12345678", b"12345678"]
    text = b"<abcdefgh12345678>"
    for at in range(len(text) + 1):
        assert masked([text[:at], text[at:]], secrets) == b"<" + MASK + b">"


def test_a_longer_secret_wins_over_its_beginning() -> None:
    secrets = [b"password", b"password-and-more"]
    for text, wanted in [
        (b"password-and-more.", MASK + b"."),
        (b"password-and-less.", MASK + b"-and-less."),
        (b"password", MASK),
    ]:
        for at in range(len(text) + 1):
            assert masked([text[:at], text[at:]], secrets) == wanted


def test_a_secret_added_later_is_masked_in_what_is_still_held() -> None:
    masker = Masker([b"first-secret"])
    assert masker.feed(b"second-secret ") == b"second-secret "
    assert masker.feed(b"fir") == b""
    assert masker.add(b"fir-and-second")
    assert masker.feed(b"-and-second first-secret\n") == MASK + b" " + MASK + b"\n"


def test_without_secrets_everything_passes_untouched() -> None:
    assert Masker([]).feed(b"anything\xff") == b"anything\xff"
    assert mask_text("any\ud800thing", [b"not-in-here"]) == "any\ud800thing"


def test_text_is_masked_in_results() -> None:
    text = json.dumps({"url": "https://x?k=" + quote_plus(SECRET), "v": SECRET.decode()})
    assert json.loads(mask_text(text, [SECRET])) == {"url": "https://x?k=******", "v": "******"}


letters = st.binary(min_size=8, max_size=24) | st.text("ab", min_size=8, max_size=14).map(str.encode)


@given(st.lists(letters, min_size=1, max_size=4), st.data())
def test_how_the_output_is_cut_changes_nothing(secrets: list[bytes], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.sampled_from(secrets) | st.text("ab \n", max_size=12).map(str.encode), max_size=8))
    text = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = masked([text], secrets)
    assert masked(chunks, secrets) == whole
    for secret in secrets:
        assert len(secret.decode(errors="replace")) < 8 or secret not in whole


@pytest.mark.parametrize("at", [0, 4070, 4080, 4090, 4096, 4100, 8180, 8192, 60_000, 99_970])
def test_a_secret_is_found_anywhere_in_a_large_chunk(at: int) -> None:
    secret = b"a-secret-of-some-length"
    filler = (b"the quick brown fox\n" * 6_000)[: 100_000 - len(secret)]
    text = filler[:at] + secret + filler[at:]
    assert masked([text], [secret]) == filler[:at] + MASK + filler[at:]


def test_nothing_is_held_back_without_secrets() -> None:
    masker = Masker([])
    assert masker.feed(b"as it came") + masker.flush() == b"as it came"


@pytest.mark.soak
@pytest.mark.skipif("TIDEMILL_SOAK" not in os.environ, reason="a measurement; make soak runs it")
@pytest.mark.parametrize("kind", ["log", "base64"])
def test_masking_200_secrets_takes_a_fifth_of_the_time_of_a_fast_log_at_most(kind: str) -> None:
    """E05, in processor time: 10 MB of a log that comes at 10 MB/s. A median, for the machine is not alone."""
    secrets = [hashlib.sha256(b"%d" % number).hexdigest()[: 8 + number % 56].encode() for number in range(200)]
    lines = b"".join(b"12:00:00 INFO worker-1 handled request id=%d in 12 ms, status=ok\n" % n for n in range(200_000))
    text = lines if kind == "log" else base64.encodebytes(lines)
    chunks = [text[start : start + 65536] for start in range(0, 10_000_000, 65536)]

    def taken_s() -> float:
        masker = Masker(secrets)
        begin = time.process_time()
        for chunk in chunks:
            masker.feed(chunk)
        masker.flush()
        return time.process_time() - begin

    assert statistics.median(taken_s() for _ in range(5)) < 0.2
