"""Binary values and JSON, as the section "Encodings" accepts them."""

import base64
import json
import re

MAX_WHOLE = 2**53 - 1


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text, length=None) -> bytes:
    """Canonical base64url without padding, of `length` bytes if that is given. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u(data) != text:
        raise ValueError("not canonical base64url")
    if length is not None and len(data) != length:
        raise ValueError(f"not {length} bytes")
    return data


def parse_object(data: bytes) -> dict:
    """The JSON object in these bytes of UTF-8; an object that names a member twice is refused. Raises ValueError."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse(name):
    raise ValueError(f"{name} is not JSON")


def whole(value, low=0, high=MAX_WHOLE) -> int:
    """A whole number from `low` to `high`, however JSON spells it. Raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"not a whole number from {low} to {high}")
    return value


def text(value) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")
    return value
