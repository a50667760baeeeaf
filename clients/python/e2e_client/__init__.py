"""A client of `e2e/1`, written from docs/protocol.md alone: RSA, P-256 and X25519, messages and streams."""

from .client import Client, Response
from .errors import E2eError

__all__ = ["Client", "E2eError", "Response"]
