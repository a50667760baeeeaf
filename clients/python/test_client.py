"""What needs no server: the worked example of docs/protocol.md, and what must be refused. Run: python3 -m unittest"""

import http.server
import json
import re
import threading
import unittest
from pathlib import Path

from e2e_client import Client, E2eError
from e2e_client import frames as framing
from e2e_client.channel import Channel, transcript_hash
from e2e_client.encoding import b64u, parse_object, unb64u, whole
from e2e_client.frames import Frames
from e2e_client.keys import KeyPair, read_public, thumbprint
from e2e_client.message import check_media_type, decrypt, may_travel_inside, seal_compact, split_compact
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def reader(data):
    """What `read` of an HTTP answer does."""
    rest = bytearray(data)

    def read(n):
        taken = bytes(rest[:n])
        del rest[:n]
        return taken

    return read


class WorkedExample(unittest.TestCase):
    example = json.loads(re.search(r"## A worked example.*?```json\n(.*?)```", PAGE.read_text("utf-8"), re.S)[1])

    def channel(self):
        example = self.example
        server_key = {name: example["serverKey"][name] for name in ("kty", "crv", "x")}
        answer = {name: example[name] for name in ("kid", "session", "issuedAt", "expiresAt")}
        th = transcript_hash(example["jkt"], answer, "")
        self.assertEqual(b64u(th), example["th"])
        private = X25519PrivateKey.from_private_bytes(unb64u(example["clientKey"]["d"]))
        shared = private.exchange(read_public(server_key, "X25519"))
        self.assertEqual(b64u(shared), example["IKM"])
        return Channel("X25519", None, answer, th, b"", shared)

    def test_thumbprints_and_keys(self):
        channel = self.channel()
        self.assertEqual(thumbprint(self.example["clientKey"]), self.example["jkt"])
        self.assertEqual(thumbprint(self.example["serverKey"]), self.example["kid"])
        for name in ("k_req", "k_res", "f_req", "f_res", "a_req"):
            self.assertEqual(b64u(getattr(channel, name)), self.example[name])

    def test_request_byte_for_byte(self):
        jwe = self.example["request"]["jwe"]
        _, _, iv, _, aad = split_compact(jwe.encode())
        plaintext = self.example["request"]["plaintext"].encode()
        self.assertEqual(seal_compact(self.channel().k_req, unb64u(aad.decode()), plaintext, iv), jwe)

    def test_response(self):
        opened = self.channel().open(1, self.example["response"]["jwe"].encode())
        self.assertEqual((opened.header["status"], opened.body), (201, b'{"id":1}'))
        self.assertEqual(opened.headers, {"location": "/notes/1"})
        with self.assertRaises(E2eError):
            self.channel().open(2, self.example["response"]["jwe"].encode())

    def test_again(self):
        channel, again = self.channel(), self.example["again"]
        self.assertEqual(channel.again(again["seq"], channel.kid, 2), again)

    def test_frames(self):
        stream = self.example["stream"]
        frames = Frames(self.channel().f_req, stream["head"].encode())
        self.assertEqual(b64u(frames.key), stream["key"])
        for frame in stream["frames"]:
            self.assertEqual(b64u(frames.seal(frame["kind"], frame["plaintext"].encode())), frame["bytes"])

    def test_frames_cut_anywhere(self):
        stream = self.example["stream"]
        wire = b"".join(unb64u(frame["bytes"]) for frame in stream["frames"])

        def body(data):
            frames = Frames(self.channel().f_req, stream["head"].encode())
            return b"".join(framing.open_body(frames, reader(data), 11))

        self.assertEqual(body(wire), b"hello world")
        for end in range(len(wire)):
            with self.assertRaises(E2eError):
                body(wire[:end])
        with self.assertRaises(E2eError):
            body(wire + b"\0")


class Encodings(unittest.TestCase):
    def refuses(self, function, *values):
        for value in values:
            with self.subTest(value), self.assertRaises(ValueError):
                function(value)

    def test_base64url(self):
        self.assertEqual(unb64u("_-8"), b"\xff\xef")
        self.refuses(unb64u, "_-9", "_-8=", "/+8", "A", " AA", "AA\n", None, 1)

    def test_json(self):
        self.assertEqual(parse_object(b' { "a" : 1.0 } '), {"a": 1})
        twice = [b'{"a":1,"a":1}', b'{"a":{"b":1,"\\u0062":2}}']
        self.refuses(parse_object, *twice, b"[]", b"null", b'{"a":NaN}', b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b"{}{}")

    def test_whole_numbers(self):
        self.assertEqual(whole(1.0), 1)
        self.refuses(whole, True, "1", None, 1.5, -1, 2**53, float("inf"))

    def test_media_types(self):
        for good in ("text/plain", 'a/b; charset="UTF-8"; x=y', "a/b;"):
            check_media_type(good)
        bad = ["text", "a/b; charset=latin1", "a/b; x=1; X=2", "application/jose", "Application/Vnd.E2E.stream; a=b", "a/b; x"]
        self.refuses(check_media_type, *bad, "a/b; x=" + "y" * 255)


class Keys(unittest.TestCase):
    def test_own_keys_keep_the_rules(self):
        for kind in ("RSA", "P-256", "X25519"):
            pair = KeyPair(kind)
            self.assertEqual(len(thumbprint(pair.jwk)), 43)
            read_public(pair.jwk, kind)
            for other in {"RSA", "P-256", "X25519"} - {kind}:
                with self.assertRaises(ValueError):
                    read_public(pair.jwk, other)
            for extra in ({"d": ""}, {"k": None}, {"pub": "AA"}):
                with self.assertRaises(ValueError):
                    read_public({**pair.jwk, **extra}, kind)
            read_public({**pair.jwk, "alg": "any", "key_ops": []}, kind)

    def test_weak_keys(self):
        good = KeyPair("RSA").jwk
        n = int.from_bytes(unb64u(good["n"]), "big")
        flawed = [n - 1, n - n % 3, n >> 1, n << 2049 | 1]
        for jwk in [{**good, "n": b64u(m.to_bytes((m.bit_length() + 7) // 8, "big"))} for m in flawed] + [
            {**good, "e": "Aw"},
            {**good, "n": b64u(b"\0" + unb64u(good["n"]))},
        ]:
            with self.assertRaises(ValueError):
                read_public(jwk, "RSA")
        with self.assertRaises(ValueError):
            read_public({"kty": "EC", "crv": "P-256", "x": b64u(bytes(32)), "y": b64u(bytes(32))}, "P-256")
        with self.assertRaises(ValueError):
            KeyPair("X25519").agree(read_public({"kty": "OKP", "crv": "X25519", "x": b64u(bytes(32))}, "X25519"))


class Requests(unittest.TestCase):
    def test_what_does_not_fit_is_an_error(self):
        client = Client("http://127.0.0.1:9")
        for target, options in [("/x?" + "a" * 8193, {}), ("/x", {"body": b"x", "media_type": "text"})]:
            with self.assertRaises(E2eError) as caught:
                client.request("GET", target, **options)
            self.assertEqual(caught.exception.code, "request-unsupported")

    def test_no_empty_list_of_pins(self):
        for empty in ([], ()):
            with self.assertRaises(ValueError):
                Client("http://127.0.0.1:9", identity_keys=empty)
        for size in (0, -1, True, 1.5, None):
            with self.assertRaises(ValueError):
                Client("http://127.0.0.1:9", max_response_size=size)

    def test_what_the_server_must_not_take_from_inside(self):
        for name in ("e2e-request", "e2e-fields", "cookie", "x-forwarded-for"):
            self.assertFalse(may_travel_inside(name))
        self.assertTrue(may_travel_inside("last-event-id"))

    def test_a_response_is_read_up_to_a_size(self):
        class Long(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b" " * 1000)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Long) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                for size, code in [(999, "answer-too-large"), (1000, "handshake-rejected")]:
                    client = Client(f"http://127.0.0.1:{server.server_port}", "X25519", max_response_size=size)
                    with self.assertRaises(E2eError) as caught:
                        client.get("/")
                    self.assertEqual(caught.exception.code, code)
            finally:
                server.shutdown()


if __name__ == "__main__":
    unittest.main()
