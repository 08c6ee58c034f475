"""Masking of secrets in what jobs write: logs as they stream, results and errors at the end.

Each secret is looked for as it is and as programs commonly write it: base64 (any offset in what was encoded, both
alphabets, wrapped lines), hex, URL-encoded, JSON-escaped, and each longer line of it alone. A job that transforms a
secret in another way (reversed, a letter at a time) gets it through: masking protects against accidents only.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal
from urllib.parse import quote, quote_plus

import ahocorasick

MASK: Final = b"******"
MIN_CHARS: Final = 8
"""Shorter secrets are not masked: they would hit ordinary words and punch holes into every log."""

_PIECE: Final = 512
_OVERLAP: Final = 16
_BLOCK: Final = 4096
_SHORT: Final = 4096
"""Up to here it takes less to look for one pattern after the other than to build the search for all of them."""
_BASE64_LINES: Final = (64, 76)
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.-]*")


class Masker:
    """Masks secrets in a stream of bytes, wherever the stream is cut into chunks.

    Attributes:
        unmaskable: secrets that are too short to be masked, for a warning that counts them (never shows them).
    """

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self.unmaskable: list[bytes] = []
        self._secrets: list[bytes] = []
        self._patterns: set[bytes] = set()
        self._patterned = 0  # so many of the secrets are among the patterns
        self._built: _Search | None = None
        self._held = b""
        self._masked = 0  # so many bytes at the start of `_held` belong to a mask that is already given out
        for secret in secrets:
            self._take(secret)

    @property
    def _search(self) -> "_Search":
        """Built when there is something to search: most jobs print and return little."""
        if self._built is None:
            self._built = _Search(self._all_patterns())
        return self._built

    def _all_patterns(self) -> set[bytes]:
        """Of all secrets; made when there is something to search, too."""
        fresh, self._patterned = self._secrets[self._patterned :], len(self._secrets)
        for secret in fresh:
            self._patterns |= patterns_of(secret)
        return self._patterns

    def add(self, secret: bytes) -> bool:
        """Mask `secret` too, in all that is not given out yet; False if it is too short to be masked."""
        self._built = None
        return self._take(secret)

    def feed(self, chunk: bytes) -> bytes:
        """What can be given out after `chunk`: all but an end that may be the beginning of a secret."""
        if not self._secrets or not (chunk or self._held):
            return chunk
        buffer = self._held + chunk
        keep_from = self._search.unfinished_from(buffer)
        return self._give_out(buffer, keep_from)

    @property
    def holds(self) -> bool:
        """Whether it keeps back an end that may be the beginning of a secret."""
        return bool(self._held)

    def flush(self) -> bytes:
        """The rest, at the end of the stream."""
        if not self._held:
            return b""
        return self._give_out(self._held, len(self._held))

    def _take(self, secret: bytes) -> bool:
        if len(secret.decode(errors="replace")) < MIN_CHARS:
            if secret:
                self.unmaskable.append(secret)
            return False
        self._secrets.append(secret)
        return True

    def _give_out(self, buffer: bytes, keep_from: int) -> bytes:
        """Mask and give out `buffer[:keep_from]`; a secret that reaches beyond is masked here and cut from the rest."""
        output = []
        position, masked = 0, self._masked
        for start, end in self._search.found(buffer, masked):
            if start >= keep_from:
                break
            output.append(buffer[position:start])
            if start or not self._masked:
                output.append(MASK)
            position = masked = end
        if position < keep_from:
            output.append(buffer[position:keep_from])
        self._held = buffer[keep_from:]
        self._masked = max(masked - keep_from, 0)
        return b"".join(output)

    def mask_whole(self, text: bytes) -> bytes:
        """`text`, which is no part of the stream, with everything masked that is known so far."""
        if not self._secrets or len(text) < MIN_CHARS:
            return text
        if len(text) <= _SHORT and not any(pattern in text for pattern in self._all_patterns()):
            return text
        whole = Masker([])
        whole._secrets, whole._patterned = self._secrets, self._patterned
        whole._patterns, whole._built = self._patterns, self._search
        return whole.feed(text) + whole.flush()


def mask_text(text: str, secrets: Iterable[bytes]) -> str:
    """`text` (a result or an error) with all `secrets` of eight characters and more masked."""
    masker = Masker(secrets)
    masked = masker.feed(text.encode(errors="surrogatepass")) + masker.flush()
    return masked.decode(errors="surrogatepass")


def patterns_of(secret: bytes) -> set[bytes]:
    """All forms of `secret` that are masked; each has at least eight bytes."""
    found: set[bytes] = set()
    for piece in _pieces(secret):
        found.update(_encodings(piece))
    for line in secret.splitlines():
        found.update(_pieces(line.strip()))
    return {pattern for pattern in found if len(pattern) >= MIN_CHARS}


def _pieces(secret: bytes) -> Iterator[bytes]:
    """`secret` whole or, where it is long, in overlapping pieces, so that the patterns stay small."""
    start = 0
    while len(secret) - start > _PIECE:
        end = start + _PIECE
        while end > start + _PIECE - 4 and secret[end] & 0xC0 == 0x80:  # not within a character
            end -= 1
        yield secret[start:end]
        start = end - _OVERLAP
        while secret[start] & 0xC0 == 0x80 and start > end - _OVERLAP - 4:
            start -= 1
    yield secret[start:]


def _encodings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield from _base64_forms(secret)
    if _PLAIN.fullmatch(secret):
        return  # the other forms are the secret itself
    for safe in ("", "/", "!'()*", "!'()*/:@&=+$,;?#"):
        yield quote(secret, safe=safe).encode()
    yield quote_plus(secret).encode()
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield once.encode()
        yield once.replace("/", "\\/").encode()
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1].encode()
    yield repr(text)[1:-1].encode()


def _base64_forms(secret: bytes) -> Iterator[bytes]:
    """The characters that `secret` alone decides, at each of the three offsets that it may have in what is encoded."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset, lead in ((0, 0), (1, 2), (2, 3)):
            whole = encode(b"\0" * offset + secret)
            bare = whole.rstrip(b"=")
            yield whole[lead:]
            yield bare[lead:]
            yield bare[lead : len(bare) - bool(len(whole) - len(bare))]
        whole = encode(secret)
        for width in _BASE64_LINES:
            if len(whole) > width:
                yield from (whole[at : at + width] for at in range(0, len(whole), width))


class _Search:
    """All patterns at once. Text goes through the automaton as Latin-1, one character a byte, since it takes only str.

    The automaton reads some 50 MB/s. So first a look at every aligned word of the text (of 8 bytes, 4 where a
    pattern is short): an occurrence of a pattern covers at least one whole word, and mostly there is none.
    """

    def __init__(self, patterns: set[bytes]) -> None:
        self._automaton = ahocorasick.Automaton()
        self._longest = max(map(len, patterns), default=0)
        self._spans_lines = any(b"\n" in pattern for pattern in patterns)
        self._word = 8 if min(map(len, patterns), default=0) >= 15 else 4
        self._format: Literal["Q", "I"] = "Q" if self._word == 8 else "I"
        self._words: set[int] = set()
        for pattern in patterns:
            self._automaton.add_word(pattern.decode("latin-1"), len(pattern))
            for at in range(self._word):
                self._words.update(memoryview(pattern[at : at + self._word]).cast(self._format))
        if patterns:
            self._automaton.make_automaton()

    def found(self, buffer: bytes, masked: int) -> list[tuple[int, int]]:
        """Start and end of each stretch to mask, in order, not overlapping; `[0, masked)` is one from the beginning."""
        stretches = [(0, masked)] if masked else []
        hits: set[tuple[int, int]] = set()
        for start, end in self._suspicious(buffer):
            text = buffer[start:end].decode("latin-1")
            hits.update((start + last + 1 - length, start + last + 1) for last, length in self._automaton.iter(text))
        for start, end in sorted(hits):
            if stretches and start < stretches[-1][1]:
                stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
            else:
                stretches.append((start, end))
        return stretches

    def unfinished_from(self, buffer: bytes) -> int:
        """Where the longest end of `buffer` starts that is the beginning of a pattern, but not all of it."""
        start = max(len(buffer) - self._longest + 1, 0)
        if not self._spans_lines:
            start = max(start, buffer.rfind(b"\n") + 1)
        tail = buffer[start:].decode("latin-1")
        begins = self._automaton.match
        for at in range(len(tail)):
            if begins(tail[at : at + 3]) and begins(tail[at:]):
                return start + at
        return len(buffer)

    def _suspicious(self, buffer: bytes) -> Iterator[tuple[int, int]]:
        """The parts of `buffer` that have a word of a pattern, with room for the whole pattern on both sides."""
        whole = len(buffer) // self._word * self._word
        words = memoryview(buffer)[:whole].cast(self._format)
        per_block = _BLOCK // self._word
        start = end = 0
        for block in range(0, len(words), per_block):
            if self._words.isdisjoint(words[block : block + per_block]):
                continue
            opens, closes = block * self._word - self._longest, block * self._word + _BLOCK + self._longest
            if opens > end:
                yield start, end
                start = opens
            end = closes
        yield max(start, 0), end
