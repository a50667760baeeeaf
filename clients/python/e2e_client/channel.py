"""Sections 2 and 3: a handshake's answer, checked, and the channel that it makes."""

import hashlib
import hmac
import json
import os
import time

from cryptography.exceptions import InvalidSignature

from . import message
from .encoding import b64u, parse_object, text, unb64u, whole
from .errors import E2eError
from .frames import Frames, hkdf
from .keys import OAEP, KeyPair, kind_of, read_public, thumbprint, verify

MAX_MESSAGES = 2**20


def transcript_hash(jkt: str, answer: dict, identity: str) -> bytes:
    lines = [
        "e2e/1",
        jkt,
        answer["kid"],
        answer.get("secret", ""),
        str(answer["issuedAt"]),
        str(answer["expiresAt"]),
        answer["session"],
        answer.get("device", ""),
        identity,
    ]
    return hashlib.sha256("\n".join(lines).encode()).digest()


def accept_handshake(pair: KeyPair, answer: dict, pins, seen: set) -> "Channel":
    """The channel that this answer makes, after every check of section 2.

    Raises E2eError `handshake-rejected` or `identity-rejected`.
    """
    try:
        server_key = read_public(answer.get("publicKey"), pair.kind)
        kid = thumbprint(answer["publicKey"])
        if answer.get("kid") != kid:
            raise ValueError("kid is not the thumbprint of the server's key")
        if kid in seen:
            raise ValueError("the server's key was there before")
        seen.add(kid)
        for name in ("issuedAt", "expiresAt"):
            answer[name] = whole(answer.get(name))
        if answer["issuedAt"] >= answer["expiresAt"]:
            raise ValueError("the channel ends before it begins")
        unb64u(answer.get("session"), 16)
        if "device" in answer:
            unb64u(answer["device"], 32)
        if ("secret" in answer) != (pair.kind == "RSA"):
            raise ValueError("a secret is missing, or there is one too many")
        text(answer.get("secret", ""))
        jws = text(answer["proof"]).split(".") if "proof" in answer else None
        signer = _signer(jws) if jws else ""
        th = transcript_hash(thumbprint(pair.jwk), answer, signer)
        ss = _open_secret(pair, answer["secret"]) if pair.kind == "RSA" else b""
        shared = b"" if pair.kind == "RSA" else pair.agree(server_key)
    except (ValueError, KeyError) as error:
        raise E2eError("handshake-rejected", str(error)) from None
    if pins is not None:
        _check_proof(jws, th, pins)
    return Channel(pair.kind, server_key, answer, th, ss, shared)


def _signer(jws) -> str:
    if len(jws) != 3:
        raise ValueError("a proof has three parts")
    kid = parse_object(unb64u(jws[0])).get("kid")
    unb64u(kid, 32)
    return kid


def _check_proof(jws, th: bytes, pins) -> None:
    """Raises E2eError `identity-rejected` unless one of the pinned keys (public JWKs) made this proof."""
    try:
        if jws is None:
            raise ValueError("no proof")
        header = parse_object(unb64u(jws[0]))
        pin = next((pin for pin in pins if thumbprint(pin) == header.get("kid")), None)
        if pin is None:
            raise ValueError("made by a key that is not pinned")
        alg = "Ed25519" if kind_of(pin) == "Ed25519" else "ES256"
        if header.get("alg") != alg or header.get("typ") != "e2e-handshake+jws" or "crit" in header:
            raise ValueError("not the header of a proof")
        if unb64u(jws[1]) != b64u(th).encode():
            raise ValueError("made for another handshake")
        verify(pin, unb64u(jws[2]), f"{jws[0]}.{jws[1]}".encode())
    except (ValueError, InvalidSignature) as error:
        raise E2eError("identity-rejected", str(error)) from None


def _open_secret(pair: KeyPair, secret) -> bytes:
    header, encrypted_key, iv, sealed, aad = message.split_compact(text(secret).encode())
    if header != {"alg": "RSA-OAEP-256", "enc": "A256GCM"}:
        raise ValueError("not the header of a secret")
    key = pair.private.decrypt(encrypted_key, OAEP)
    ss = message.decrypt(key, iv, sealed, aad) if len(key) == 32 else b""
    if len(ss) != 32:
        raise ValueError("a secret has 32 bytes")
    return ss


class Channel:
    """The keys of section 3, and the numbers that were used."""

    def __init__(self, kind, server_key, answer, th, ss, shared, cs=None):
        self.kid, self.session = answer["kid"], answer["session"]
        self.expires_at = answer["expiresAt"]
        self._offset = answer["issuedAt"] - time.time()
        self._renew_at = self.expires_at - min(30, (self.expires_at - answer["issuedAt"]) / 10)
        self.ek = None
        ikm = shared
        if kind == "RSA":
            cs = cs or os.urandom(32)
            self.ek = b64u(server_key.encrypt(cs, OAEP))
            ikm = ss + cs
        self.k_req = hkdf(ikm, th, "e2e/1 request")
        self.k_res = hkdf(ikm, th, "e2e/1 response")
        self.f_req = hkdf(ikm, th, "e2e/1 request frames")
        self.f_res = hkdf(ikm, th, "e2e/1 response frames")
        self.a_req = hkdf(ss or ikm, th, "e2e/1 again")
        self._seq = 0

    def now(self) -> float:
        """The server's clock."""
        return time.time() + self._offset

    @property
    def is_expired(self) -> bool:
        return self.now() >= self.expires_at

    @property
    def is_over(self) -> bool:
        """Whether the next message goes on a new channel."""
        return self.now() >= self._renew_at or self._seq >= MAX_MESSAGES

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def again(self, first_seq: int, kid: str, seq: int) -> dict:
        """What message `seq` on channel `kid` says of its first copy, which was number `first_seq` here."""
        tag = hmac.new(self.a_req, f"{first_seq} {kid} {seq}".encode(), hashlib.sha256).digest()[:16]
        return {"kid": self.kid, "seq": first_seq, "tag": b64u(tag)}

    def seal(self, seq: int, members: dict, plaintext: bytes) -> str:
        """A request's message. `members` without those that the channel knows; None stands for absent."""
        header = {"alg": "dir", "enc": "A256GCM", "typ": "e2e-req+jwe", "kid": self.kid, "seq": seq}
        header.update(iat=int(self.now()), **members, ek=self.ek)
        header = {name: value for name, value in header.items() if value is not None}
        encoded = json.dumps(header, separators=(",", ":")).encode()
        if len(encoded) > message.MAX_HEADER:
            raise E2eError("request-unsupported", "the header of the message is too long")
        return message.seal_compact(self.k_req, encoded, plaintext)

    def open(self, seq: int, jwe: bytes, frames=None) -> message.Opened:
        """The response to message `seq`. Raises E2eError `answer-rejected`."""
        try:
            return message.open_response(self.k_res, jwe, self.kid, seq, frames)
        except (ValueError, KeyError) as error:
            raise E2eError("answer-rejected", str(error)) from None

    def request_frames(self, head: str) -> Frames:
        return Frames(self.f_req, head.encode())

    def response_frames(self, head: bytes) -> Frames:
        return Frames(self.f_res, head)
