"""Section 1: keys as JWKs, and their rules."""

import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .encoding import b64u, text, unb64u

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
RAW = (Encoding.Raw, PublicFormat.Raw)

MEMBERS = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
KEY_MEMBERS = {"n", "e", "crv", "x", "y", "pub"}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
PRIMES = [n for n in range(2, 4096) if all(n % d for d in range(2, int(n**0.5) + 1))]


def thumbprint(jwk: dict) -> str:
    """RFC 7638: SHA-256 over the members that make the key, in order, without spaces."""
    members = {name: jwk[name] for name in sorted(("kty", *MEMBERS[jwk["kty"]]))}
    return b64u(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def kind_of(jwk: dict):
    return "RSA" if jwk.get("kty") == "RSA" else jwk.get("crv")


class KeyPair:
    """A new pair of one kind, made for one handshake."""

    def __init__(self, kind: str):
        self.kind = kind
        if kind == "RSA":
            self.private = rsa.generate_private_key(65537, 2048)
            n = self.private.public_key().public_numbers().n
            self.jwk = {"kty": "RSA", "n": b64u(n.to_bytes(256, "big")), "e": "AQAB"}
        elif kind == "P-256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            point = self.private.public_key().public_numbers()
            x, y = (b64u(number.to_bytes(32, "big")) for number in (point.x, point.y))
            self.jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        elif kind == "X25519":
            self.private = x25519.X25519PrivateKey.generate()
            x = b64u(self.private.public_key().public_bytes(*RAW))
            self.jwk = {"kty": "OKP", "crv": "X25519", "x": x}
        else:
            raise ValueError(f"unsupported kind of key: {kind}")

    def agree(self, public) -> bytes:
        """The ECDH shared secret. Raises ValueError if it is all zeros (RFC 7748 section 6.1)."""
        if self.kind == "P-256":
            return self.private.exchange(ec.ECDH(), public)
        return self.private.exchange(public)


def read_public(jwk, kind: str):
    """The public key in a JWK of this kind. Raises ValueError for whatever breaks a rule of section 1."""
    if not isinstance(jwk, dict) or PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("not a public JWK")
    kty = {"RSA": "RSA", "P-256": "EC"}.get(kind, "OKP")
    if jwk.get("kty") != kty or kind_of(jwk) != kind:
        raise ValueError(f"not a key of kind {kind}")
    if (KEY_MEMBERS & jwk.keys()) - set(MEMBERS[kty]):
        raise ValueError("members of another kind of key")
    if kind == "RSA":
        return _read_rsa(jwk)
    x = unb64u(jwk.get("x"), 32)
    if kind == "P-256":
        y = unb64u(jwk.get("y"), 32)
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
        return numbers.public_key()  # raises ValueError off the curve
    if kind == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(x)
    if x[31] & 0x80:
        raise ValueError("the top bit is set")
    return x25519.X25519PublicKey.from_public_bytes(x)


def _read_rsa(jwk):
    modulus = unb64u(text(jwk.get("n")))
    n = int.from_bytes(modulus, "big")
    if jwk.get("e") != "AQAB" or modulus[:1] == b"\0" or not 2048 <= n.bit_length() <= 4096:
        raise ValueError("an RSA key has 2048 to 4096 bits, no leading zeros, and e = 65537")
    if any(n % prime == 0 for prime in PRIMES) or _is_roca(n):
        raise ValueError("a weak modulus")
    return rsa.RSAPublicNumbers(65537, n).public_key()


def _is_roca(n: int) -> bool:
    """CVE-2017-15361: n modulo each small prime is a power of 65537."""
    return all(n % p in {pow(65537, i, p) for i in range(p)} for p in PRIMES if 2 < p < 168)


def verify(jwk: dict, signature: bytes, data: bytes) -> None:
    """Checks a signature of a JWS by an identity key (`Ed25519` or `ES256`). Raises InvalidSignature or ValueError."""
    key = read_public(jwk, kind_of(jwk))
    if len(signature) != 64:
        raise ValueError("a signature has 64 bytes")
    if kind_of(jwk) == "Ed25519":
        return key.verify(signature, data)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    return key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
