"""Section 6: bodies in frames."""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import E2eError

MORE, LAST, FAILED = 0, 1, 2
MAX_FRAME, MAX_FRAMES, MAX_HEAD = 65536, 2**24, 32768


def hkdf(ikm: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info.encode()).derive(ikm)


class Frames:
    """One stream, sealed or opened: its key and its count."""

    def __init__(self, base: bytes, head: bytes):
        self.key = hkdf(base, hashlib.sha256(head).digest(), "e2e/1 frames")
        self._aead = AESGCM(self.key)
        self._count = 0

    def _nonce(self) -> bytes:
        if self._count >= MAX_FRAMES:
            raise E2eError("stream-broken", "a stream has at most 2^24 frames")
        self._count += 1
        return (self._count - 1).to_bytes(12, "big")

    def seal(self, kind: int, plaintext: bytes = b"") -> bytes:
        start = bytes([kind]) + (len(plaintext) + 16).to_bytes(3, "big")
        return start + self._aead.encrypt(self._nonce(), plaintext, start)

    def open(self, start: bytes, sealed: bytes) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(), sealed, start)
        except InvalidTag:
            raise E2eError("stream-broken", "a frame does not open") from None


def seal_body(frames: Frames, pieces):
    """The frames of a body that comes in pieces; ends with kind 2 and the error if the pieces end with one."""
    try:
        for piece in pieces:
            for at in range(0, len(piece), MAX_FRAME):
                yield frames.seal(MORE, piece[at : at + MAX_FRAME])
    except Exception:
        yield frames.seal(FAILED)
        raise
    yield frames.seal(LAST)


def open_body(frames: Frames, read, length=None):
    """The body in the frames that `read(n)` gives, a frame at a time.

    `read` gives less than `n` bytes at the end of the HTTP body only. Raises E2eError `stream-broken` or
    `stream-failed` unless the stream ends as it must.
    """
    received = 0
    while True:
        start = read(4)
        size = int.from_bytes(start[1:], "big")
        if len(start) < 4 or start[0] not in (MORE, LAST, FAILED) or not 16 <= size <= MAX_FRAME + 16:
            raise E2eError("stream-broken", "no frame where one must be")
        sealed = read(size)
        if len(sealed) < size:
            raise E2eError("stream-broken", "the stream was cut off")
        plaintext = frames.open(start, sealed)
        if start[0] == FAILED:
            code = "stream-broken" if plaintext else "stream-failed"
            raise E2eError(code, "the sender gave up")
        received += len(plaintext)
        if length is not None and (received > length or (start[0] == LAST and received < length)):
            raise E2eError("stream-broken", "a body of another length than the head says")
        if start[0] == LAST and read(1):
            raise E2eError("stream-broken", "something follows the last frame")
        if plaintext:
            yield plaintext
        if start[0] == LAST:
            return
