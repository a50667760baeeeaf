#!/usr/bin/env python3
"""Drives this client for `nestjs-e2e-encryption conformance --client "python3 conformance.py"`.

It reads a command a line on standard input and writes its outcome, a line, on standard output: docs/conformance.md.
"""

import http.client
import json
import sys

from e2e_client import Client, E2eError
from e2e_client.encoding import b64u, unb64u


class Driver:
    client = None

    def open(self, command):
        if command["kind"] not in ("RSA", "P-256", "X25519"):
            return {"unsupported": True}
        pins = command.get("identityKeys")
        self.client = Client(command["baseUrl"], command["kind"], pins, command.get("path", "/e2e"), timeout=10)
        return {}

    def request(self, command):
        response = self.client.request(
            command["method"],
            command["target"],
            self._body(command),
            command.get("type"),
            command.get("headers"),
            command.get("length"),
            command.get("resend"),
            command.get("plain", False),
        )
        return {
            "status": response.status,
            "headers": response.headers,
            "type": response.media_type,
            "body": b64u(response.read()),
        }

    def _body(self, command):
        if "stream" not in command:
            return unb64u(command.get("body", ""))
        pieces = [unb64u(piece) for piece in command["stream"]]
        if not command.get("fails"):
            return lambda: pieces

        def broken():
            yield from pieces
            raise OSError("the body's source failed")

        return broken

    def run(self, command):
        try:
            return {"open": self.open, "request": self.request}[command["do"]](command)
        except E2eError as error:
            facts = {"error": error.code, "problem": error.problem, "body": b64u(error.partial)}
            return {name: value for name, value in facts.items() if value}
        except (OSError, http.client.HTTPException):
            return {"error": "network"}


driver = Driver()
for line in sys.stdin:
    print(json.dumps(driver.run(json.loads(line))), flush=True)
