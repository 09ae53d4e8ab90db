"""The stored form of payloads: compressed when that saves something.

A compressor belongs to one thread. Which digests are known to be stored is a bounded memory of
this process that spares needless inserts; it's filled by what was committed only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from zstandard import ZstdCompressor, ZstdDecompressor

__all__ = ["PayloadCodec", "StoredDigests"]

RAW = 0
ZSTD = 1
SMALLEST = 128
"""Bytes up to which a payload is kept as it is."""


class PayloadCodec:
    """Packs and unpacks payloads, in one thread."""

    def __init__(self) -> None:
        self._compressor = ZstdCompressor(level=3, write_checksum=False)
        self._decompressor = ZstdDecompressor()

    def pack(self, data: bytes) -> tuple[int, bytes]:
        """Return how the bytes are kept, and what is kept."""
        if len(data) > SMALLEST:
            packed = self._compressor.compress(data)
            if len(packed) < len(data):
                return ZSTD, packed
        return RAW, data

    def unpack(self, encoding: int, data: bytes) -> bytes:
        """Return the bytes as they were given."""
        return self._decompressor.decompress(data) if encoding == ZSTD else bytes(data)


class StoredDigests:
    """Digests, per tenant, that this process knows to be stored; the oldest are forgotten."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def __contains__(self, key: tuple[str, bytes]) -> bool:
        return key in self._known

    def add(self, keys: Iterable[tuple[str, bytes]]) -> None:
        """Remember digests, the oldest of all making room."""
        for key in keys:
            self._known[key] = None
        while len(self._known) > self._limit:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all, since a commit failed."""
        self._known.clear()
