"""Against the sample of this repository, which must run: E2E_TARGET=http://localhost:3000 python3 sample_test.py"""

import json
import os
import unittest

from e2e_client import Client, E2eError


class Sample(unittest.TestCase):
    def test_messages_and_streams(self):
        for kind in ("RSA", "P-256", "X25519"):
            client = Client(os.environ["E2E_TARGET"], kind)
            note = json.dumps({"title": "From Python", "body": kind}).encode()
            created = client.post("/notes", note, media_type="application/json")
            self.assertEqual(created.status, 201)
            found = json.loads(client.get("/notes?search=From%20Python").read())
            self.assertEqual([each["body"] for each in found], [kind])
            self.assertEqual(client.request("DELETE", f"/notes/{found[0]['id']}").status, 204)

            pieces = [b"a" * 100_000, b"b", b""]
            uploaded = client.post("/files?name=a.bin", lambda: pieces, media_type="text/plain")
            file = json.loads(uploaded.read())
            self.assertEqual(file["size"], 100_001)
            download = client.get(f"/files/{file['id']}")
            self.assertEqual(download.read(), b"".join(pieces))
            self.assertIn("a.bin", download.headers["content-disposition"])

            self.assertEqual(client.get("/drip?count=3").read(), b"line 1\nline 2\nline 3\n")
            with self.assertRaises(E2eError) as caught:
                client.get("/drip?count=3&fail=1").read()
            self.assertIn(caught.exception.code, ("stream-failed", "stream-broken"))
            self.assertEqual(caught.exception.partial, b"line 1\n")


if __name__ == "__main__":
    unittest.main()
