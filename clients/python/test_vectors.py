"""The vectors that the package publishes (docs/conformance.md), of the three kinds that this client has."""

import json
import unittest
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from e2e_client import frames as framing
from e2e_client import message
from e2e_client.channel import Channel, accept_handshake, transcript_hash
from e2e_client.encoding import b64u, unb64u
from e2e_client.errors import E2eError
from e2e_client.frames import Frames
from e2e_client.keys import OAEP, KeyPair, read_public, thumbprint
from test_client import reader

FILE = Path(__file__).parents[2] / "vectors" / "e2e-1.json"
CHANNELS = [each for each in json.loads(FILE.read_text("utf-8"))["channels"] if each["kind"] != "MLKEM768-X25519"]


def number(jwk, name):
    return int.from_bytes(unb64u(jwk[name]), "big")


def private_key(jwk, kind):
    if kind == "X25519":
        return x25519.X25519PrivateKey.from_private_bytes(unb64u(jwk["d"]))
    if kind == "P-256":
        return ec.derive_private_key(number(jwk, "d"), ec.SECP256R1())
    p, q, d, dp, dq, qi = (number(jwk, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
    public = rsa.RSAPublicNumbers(65537, number(jwk, "n"))
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()


def open_channel(vector):
    """The client's side of a vector, with the client's key and its half of the secret in place of random ones."""
    kind = vector["kind"]
    pair = KeyPair.__new__(KeyPair)
    pair.kind, pair.jwk = kind, vector["clientPublicKey"]
    pair.private = private_key(vector["clientKey"], kind)
    handshake = vector["handshake"]
    accepted = accept_handshake(pair, dict(handshake), [vector["identityKey"]], set())
    if kind != "RSA":
        return accepted
    server_key = read_public(handshake["publicKey"], kind)
    th, ss = unb64u(vector["transcriptHash"]), unb64u(vector["ss"])
    return Channel(kind, server_key, handshake, th, ss, b"", unb64u(vector["cs"]))


class Vectors(unittest.TestCase):
    def each(self):
        for vector in CHANNELS:
            with self.subTest(vector["kind"]):
                yield vector, open_channel(vector)

    def test_three_kinds(self):
        self.assertEqual([vector["kind"] for vector in CHANNELS], ["RSA", "P-256", "X25519"])

    def test_handshake_and_keys(self):
        for vector, channel in self.each():
            self.assertEqual(thumbprint(vector["clientPublicKey"]), vector["jkt"])
            signer = thumbprint(vector["identityKey"])
            self.assertEqual(b64u(transcript_hash(vector["jkt"], vector["handshake"], signer)), vector["transcriptHash"])
            names = dict(k_req="requestKey", k_res="responseKey", f_req="requestFrames", f_res="responseFrames")
            for own, name in {**names, "a_req": "againKey"}.items():
                self.assertEqual(b64u(getattr(channel, own)), vector[name])

    def test_ek_opens_at_the_server(self):
        server = private_key(CHANNELS[0]["serverKey"], "RSA")
        self.assertEqual(b64u(server.decrypt(unb64u(CHANNELS[0]["ek"]), OAEP)), CHANNELS[0]["cs"])
        self.assertEqual(len(server.decrypt(unb64u(open_channel(CHANNELS[0]).ek), OAEP)), 32)

    def test_another_identity(self):
        for index, (vector, _) in enumerate(self.each()):
            other = {**vector, "identityKey": CHANNELS[index - 1]["identityKey"]}
            with self.assertRaises(E2eError) as caught:
                open_channel(other)
            self.assertEqual(caught.exception.code, "identity-rejected")

    def test_requests_byte_for_byte(self):
        for vector, channel in self.each():
            for request in vector["requests"]:
                header = json.dumps(request["header"], separators=(",", ":"), ensure_ascii=False).encode()
                sealed = message.seal_compact(channel.k_req, header, unb64u(request["plaintext"]), unb64u(request["iv"]))
                self.assertEqual(sealed, request["jwe"])
                again = request["header"].get("again")
                if again:
                    self.assertEqual(channel.again(again["seq"], channel.kid, request["header"]["seq"]), again)

    def test_responses(self):
        for vector, channel in self.each():
            for response in vector["responses"]:
                opened = channel.open(response["header"]["seq"], response["jwe"].encode())
                self.assertEqual(opened.body.decode(), response.get("body", ""))
                self.assertEqual(opened.headers, response.get("meta", {}).get("headers", {}))
                for jwe, seq in [(response["jwe"], 99), (response["jwe"][:-1], response["header"]["seq"])]:
                    with self.assertRaises(E2eError):
                        channel.open(seq, jwe.encode())

    def test_streams(self):
        for vector, channel in self.each():
            for stream in vector["streams"]:
                head = stream["jwe"].encode()
                base = channel.f_req if stream["direction"] == "request" else channel.f_res
                sealer = Frames(base, head)
                self.assertEqual(b64u(sealer.key), stream["frameKey"])
                for frame in stream["frames"]:
                    self.assertEqual(b64u(sealer.seal(frame["kind"], frame["body"].encode())), frame["bytes"])
                if stream["direction"] == "response":
                    self.assertEqual(channel.open(stream["header"]["seq"], head, "body").body, b"")
                wire = reader(unb64u(stream["wire"])[len(head) + 1 :])
                body, failed = b"", stream["frames"][-1]["kind"] == framing.FAILED
                try:
                    for piece in framing.open_body(Frames(base, head), wire, stream["header"].get("length")):
                        body += piece
                except E2eError as error:
                    self.assertEqual((error.code, failed), ("stream-failed", True))
                self.assertEqual(body.decode(), "".join(frame["body"] for frame in stream["frames"]))


if __name__ == "__main__":
    unittest.main()
