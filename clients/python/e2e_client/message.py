"""Section 4: compact JWEs, and what their headers and meta objects may say."""

import os
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .encoding import b64u, parse_object, text, unb64u, whole

MAX_HEADER, MAX_META, MAX_E2E_REQUEST = 4096, 16384, 6144
BODILESS = (204, 205, 304)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(f"({_TOKEN}/{_TOKEN})(.*)", re.DOTALL)
_PARAMETER = re.compile(rf' *; *(?:({_TOKEN})=({_TOKEN}|"(?:[ !#-\[\]-~]|\\[ -~])*"))?')
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_FIELD_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,8190}[!-~\x80-\xff])?)?")
_QUERY = re.compile(r"[!\"$-~]{1,8192}")
_NEVER_INSIDE = re.compile(
    "cookie|set-cookie|host|origin|referer|content-(type|length|encoding|range)|transfer-encoding|te|trailer|connection"
    "|keep-alive|upgrade|expect|range|if-.*|cache-control|pragma|expires|age|date|etag|last-modified|vary|via|forwarded"
    "|x-forwarded|x-forwarded-.*|x-real-ip|x-client-.*|x-cluster-client-ip|true-client-ip|client-ip|client-cert.*"
    "|ssl-.*|cf-.*|fastly-.*|fly-.*|x-amz.*|x-ms-.*|x-goog-.*|x-envoy-.*|x-auth-request-.*|x-middleware-.*"
    "|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override|x-accel-.*|x-sendfile|accept-encoding|proxy-.*"
    "|sec-.*|access-control-.*|idempotency-key|e2e-request|e2e-fields"
)


class Opened(NamedTuple):
    header: dict
    headers: dict
    body: bytes


def may_travel_inside(name: str) -> bool:
    return not _NEVER_INSIDE.fullmatch(name)


def check_media_type(value: str) -> None:
    """Raises ValueError unless this may stand as `cty`."""
    match = _TYPE.fullmatch(text(value))
    if not match or len(value) > 255:
        raise ValueError("not a media type")
    if match[1].lower() in ("application/jose", "application/vnd.e2e.stream"):
        raise ValueError("a message inside a message")
    rest, names = match[2], set()
    while rest:
        parameter = _PARAMETER.match(rest)
        if not parameter:
            raise ValueError("not a parameter")
        rest = rest[parameter.end() :]
        if parameter[1] is None:
            continue
        name, value = parameter[1].lower(), parameter[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if name in names or (name == "charset" and value.lower() != "utf-8"):
            raise ValueError("a parameter twice, or another charset")
        names.add(name)


def check_query(value: str) -> None:
    if not _QUERY.fullmatch(value):
        raise ValueError("not a query")


def seal_compact(key: bytes, header: bytes, plaintext: bytes, iv: bytes = None) -> str:
    """A compact JWE under `dir`. `iv` is for vectors alone; a message has a random one."""
    protected = b64u(header)
    iv = iv or os.urandom(12)
    sealed = AESGCM(key).encrypt(iv, plaintext, protected.encode())
    return f"{protected}..{b64u(iv)}.{b64u(sealed[:-16])}.{b64u(sealed[-16:])}"


def split_compact(jwe: bytes):
    """Header, encrypted key, IV, ciphertext with tag, AAD. Raises ValueError."""
    parts = jwe.decode("ascii").split(".")
    if len(parts) != 5:
        raise ValueError("a message has five parts")
    header, encrypted_key, iv, ciphertext, tag = (unb64u(part) for part in parts)
    if len(header) > MAX_HEADER or len(iv) != 12 or len(tag) != 16:
        raise ValueError("a part of another length")
    return parse_object(header), encrypted_key, iv, ciphertext + tag, parts[0].encode()


def decrypt(key: bytes, iv: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(iv, sealed, aad)
    except InvalidTag:
        raise ValueError("it does not decrypt") from None


def open_response(key: bytes, jwe: bytes, kid: str, seq: int, frames) -> Opened:
    """The response to message `seq` of channel `kid`; `frames` says what must follow it. Raises ValueError."""
    header, encrypted_key, iv, sealed, aad = split_compact(jwe)
    check_response_header(header, frames)
    if encrypted_key or header["kid"] != kid or header["seq"] != seq:
        raise ValueError("not the response to this request")
    plaintext = decrypt(key, iv, sealed, aad)
    meta = header.get("meta", 0)
    if meta > len(plaintext):
        raise ValueError("a meta object that is longer than the plaintext")
    headers = read_headers(parse_object(plaintext[:meta])) if meta else {}
    body = plaintext[meta:]
    if body and (frames or "cty" not in header or header["status"] in BODILESS):
        raise ValueError("a body where there is none, or without a media type")
    return Opened(header, headers, body)


def check_response_header(header: dict, frames) -> None:
    """Raises ValueError; turns the whole numbers into integers."""
    if (header.get("alg"), header.get("enc"), header.get("typ")) != ("dir", "A256GCM", "e2e-res+jwe"):
        raise ValueError("another alg, enc or typ")
    if {"zip", "crit"} & header.keys():
        raise ValueError("zip or crit")
    text(header.get("kid"))
    header["seq"] = whole(header.get("seq"), 1, 2**32)
    header["iat"] = whole(header.get("iat"))
    header["status"] = whole(header.get("status"), 200, 599)
    if ("frames" in header) != (frames is not None) or header.get("frames") != frames:
        raise ValueError("a kind of message that its place does not have")
    if frames and ("cty" not in header or header["status"] in BODILESS):
        raise ValueError("frames of a body without a media type, or of no body")
    if "cty" in header:
        check_media_type(header["cty"])
    if "meta" in header:
        header["meta"] = whole(header["meta"], 2, MAX_META)
    if "length" in header:
        if not frames:
            raise ValueError("a length without frames")
        header["length"] = whole(header["length"])
    if header.get("early", True) is not True:
        raise ValueError("early is true, or absent")


def read_headers(meta: dict) -> dict:
    """The header fields in a response's meta object, without those that never travel inside. Raises ValueError."""
    headers = meta.get("headers", {})
    if not isinstance(headers, dict) or len(headers) > 64:
        raise ValueError("not header fields")
    for name, value in headers.items():
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(text(value)):
            raise ValueError("not a header field")
    return {name: value for name, value in headers.items() if may_travel_inside(name)}
