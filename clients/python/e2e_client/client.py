"""A client of `e2e/1` over http.client: sections 2, 4, 6 and 8."""

import http.client
import json
import threading
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from . import frames as framing
from . import message
from .channel import accept_handshake
from .encoding import parse_object
from .errors import E2eError
from .keys import KeyPair

PROBLEMS = ["handshake-required", "message-required", "message-rejected", "message-stale", "message-replayed"]
PROBLEMS += ["key-rejected", "too-large", "stream-broken", "busy"]
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 20
MAX_RESPONSE_SIZE = 16 * 2**20
# Header fields of the outer response that a caller never sees, besides those that appear inside (section 4).
DROPPED = "content-type content-length transfer-encoding connection keep-alive etag last-modified content-encoding"
DROPPED += " content-location content-range content-md5 digest content-digest repr-digest want-digest"
DROPPED += " want-content-digest want-repr-digest expect trailer location content-disposition content-language link"
# What ends a connection before the answer does.
CUT = (http.client.HTTPException, OSError)


class Response:
    """An opened answer. Read it whole with `read()`, or a piece at a time by iterating."""

    def __init__(self, status, headers, media_type, pieces, sealed=True):
        self.status, self.headers, self.media_type = status, headers, media_type
        self.sealed = sealed
        self._pieces = pieces

    def __iter__(self):
        return iter(self._pieces)

    def read(self) -> bytes:
        """The whole body. Raises E2eError `stream-broken` or `stream-failed`, with what was opened as `partial`."""
        body = b""
        try:
            for piece in self._pieces:
                body += piece
        except E2eError as error:
            error.partial = body
            raise
        return body


class Client:
    """One browser, so to speak: a channel on one session of one server.

    `base_url`       `https://api.example.com`
    `kind`           of key: "RSA", "P-256" or "X25519"
    `identity_keys`  the public JWKs (Ed25519 or P-256) of which the server must prove one; None, the default, pins none.
                     An empty list raises ValueError: it would look like a pin
    `path`           of the server's module
    `inside`         names of header fields that the server takes from inside requests
    `max_response_size`  bytes, as they travel, of a response that is read whole; 16 MiB by default. A longer one raises
                     E2eError `answer-too-large`. A body in frames is read a piece at a time, and has no limit here
    """

    def __init__(
        self,
        base_url,
        kind="RSA",
        identity_keys=None,
        path="/e2e",
        inside=("last-event-id",),
        timeout=30,
        max_response_size=MAX_RESPONSE_SIZE,
    ):
        if identity_keys is not None and not identity_keys:
            raise ValueError("identity_keys is empty: give the keys, or None to pin none")
        if isinstance(max_response_size, bool) or not isinstance(max_response_size, int) or max_response_size < 1:
            raise ValueError("max_response_size is a positive number of bytes")
        self._base = urllib.parse.urlsplit(base_url)
        self._kind, self._pins, self._path = kind, identity_keys, path
        self._inside, self._timeout, self._max_size = inside, timeout, max_response_size
        self._cookies, self._seen = CookieJar(), set()
        self._lock, self._channel = threading.Lock(), None

    def get(self, target, **options) -> Response:
        return self.request("GET", target, **options)

    def post(self, target, body=b"", **options) -> Response:
        return self.request("POST", target, body, **options)

    def request(self, method, target, body=b"", media_type=None, headers=None, length=None, resend=None, plain=False):
        """Sends a sealed request, and follows redirects within the origin.

        `target`  path and query; the query travels inside the message
        `body`    bytes, or a function that gives an iterable of bytes, which travels in frames (called again for a
                  copy), or such an iterable, which is sent once
        `length`  of a body in frames, if it is known
        `resend`  whether the request may be sent twice; by default GET, PUT, DELETE, OPTIONS, and what has an
                  Idempotency-Key may
        `plain`   whether the route is declared to answer in the clear

        Raises E2eError.
        """
        for _ in range(MAX_REDIRECTS + 1):
            call = _Call(method, target, body, media_type, headers, length, resend, plain, self._inside)
            response = self._exchange(call)
            location = response.headers.get("location") if response.status in REDIRECTS else None
            if location is None:
                return response
            target = self._resolve(target, location)
            if response.status == 303 and method != "GET" or response.status < 303 and method == "POST":
                method, body, media_type, length = "GET", b"", None, None
            elif not call.is_repeatable:
                raise E2eError("redirect-refused", "the body cannot be read again")
        raise E2eError("redirect-refused", f"more than {MAX_REDIRECTS} redirects")

    def _resolve(self, target, location) -> str:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(f"{self._base.scheme}://{self._base.netloc}{target}", location))
        if (url.scheme, url.netloc) != (self._base.scheme, self._base.netloc):
            raise E2eError("redirect-refused", "it leads to another origin")
        path = urllib.parse.quote(url.path or "/", safe="/%!$&'()*+,;=:@~")
        query = urllib.parse.quote(url.query, safe="/%!$&()*+,;=:@~?")
        return path + (f"?{query}" if query else "")

    # Section 8: a request goes twice at most.
    def _exchange(self, call) -> Response:
        channel = self._open_channel()
        seq = channel.next_seq()
        try:
            return self._send(call, channel, seq, None)
        except E2eError as error:
            is_lost = error.problem == "handshake-required"
            is_stale = error.problem == "message-stale" and error.code == "refused"
            if not is_lost and not is_stale:
                raise
            self._drop(channel)
            if not call.may_repeat or channel.is_expired:
                raise
            second = self._open_channel()
            # The handshake took time. After the first channel's end the server no longer knows whether that copy ran.
            if channel.is_expired:
                raise
            second_seq = second.next_seq()
            return self._send(call, second, second_seq, channel.again(seq, second.kid, second_seq))

    def _open_channel(self):
        with self._lock:
            if self._channel is None or self._channel.is_over:
                self._channel = self._handshake()
            return self._channel

    def _drop(self, channel):
        with self._lock:
            if self._channel is channel:
                self._channel = None

    def _handshake(self):
        pair = KeyPair(self._kind)
        body = json.dumps({"publicKey": pair.jwk}).encode()
        answer = self._http("POST", f"{self._path}/handshake", {"Content-Type": "application/json"}, body)
        data = self._read_all(answer)
        if answer.status != 201 or _essence(answer) != "application/json":
            raise E2eError("handshake-failed", f"status {answer.status}", _problem(_essence(answer), data), answer.status)
        try:
            members = parse_object(data)
        except ValueError as error:
            raise E2eError("handshake-rejected", str(error)) from None
        return accept_handshake(pair, members, self._pins, self._seen)

    def _send(self, call, channel, seq, again) -> Response:
        members = {"method": call.method, "target": call.target, "idem": call.idem, "again": again}
        members.update(cty=call.media_type, meta=len(call.meta) or None)
        members.update(frames="body" if call.in_frames else None, length=call.length)
        jwe = channel.seal(seq, members, call.meta + (b"" if call.in_frames else call.body))
        headers, failures = dict(call.headers), []
        if call.in_frames:
            headers["Content-Type"] = "application/vnd.e2e.stream"
            body = call.stream(jwe, channel.request_frames(jwe), failures)
        elif call.body:
            headers["Content-Type"] = "application/jose"
            body = jwe.encode()
        else:
            if len(jwe) > message.MAX_E2E_REQUEST:
                raise E2eError("request-unsupported", "the message does not fit into E2e-Request")
            headers["E2e-Request"], body = jwe, None
        answer = self._http(call.method, call.target, headers, body)
        if failures:
            answer.close()
            raise E2eError("body-failed", "the body could not be read to its end") from failures[0]
        return self._read(call, channel, seq, answer)

    def _read(self, call, channel, seq, answer) -> Response:
        kind = _essence(answer)
        if kind == "application/jose":
            opened = channel.open(seq, self._read_all(answer))
            pieces = [opened.body] if opened.body else []
        elif kind == "application/vnd.e2e.stream":
            head = _read_head(answer)
            opened = channel.open(seq, head, "body")
            pieces = _open_frames(channel, head, answer, opened.header.get("length"))
        else:
            return self._read_plain(call, kind, answer)
        status, media_type = opened.header["status"], opened.header.get("cty")
        if opened.header.get("early") and status < 400:
            answer.close()
            raise E2eError("stream-broken", "an answer before the end of the request's body was read")
        problem = _problem((media_type or "").split(";")[0].strip().lower(), opened.body)
        if problem:
            raise E2eError("refused", problem, problem, status)
        dropped = {*DROPPED.split(), *opened.headers}
        headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in dropped}
        return Response(status, {**headers, **opened.headers}, media_type, pieces)

    def _read_plain(self, call, kind, answer) -> Response:
        data = self._read_all(answer) if call.plain or kind == "application/problem+json" else b""
        answer.close()
        problem = _problem(kind, data)
        if call.plain and not problem:
            if answer.status in REDIRECTS:
                raise E2eError("redirect-refused", "a redirect in the clear")
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, headers, answer.getheader("content-type"), [data], sealed=False)
        raise E2eError("plain-answer", f"status {answer.status}, not sealed", problem, answer.status)

    def _read_all(self, answer) -> bytes:
        with answer:
            data = answer.read(self._max_size + 1)
        if len(data) > self._max_size:
            raise E2eError("answer-too-large", f"the response has more than {self._max_size} bytes", status=answer.status)
        # Of a read that names its length, http.client does not say that the body ended before its Content-Length.
        if answer.length:
            raise http.client.IncompleteRead(data, answer.length)
        return data

    def _http(self, method, target, headers, body):
        secure = self._base.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(self._base.hostname, self._base.port, timeout=self._timeout)
        request = urllib.request.Request(f"{self._base.scheme}://{self._base.netloc}{target}", method=method)
        self._cookies.add_cookie_header(request)
        headers = {**headers, **request.unredirected_hdrs, "Connection": "close"}
        if body is None and method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            headers["Content-Length"] = "0"
        elif body is not None and not isinstance(body, bytes):
            headers["Transfer-Encoding"] = "chunked"
        try:
            connection.request(method, target, body, headers, encode_chunked="Transfer-Encoding" in headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The server may have answered before the body's end.
        answer = connection.getresponse()
        self._cookies.extract_cookies(answer, request)
        return answer


class _Call:
    """A request, as it is sealed once or twice."""

    def __init__(self, method, target, body, media_type, headers, length, resend, plain, inside):
        self.method, self.body, self.length, self.plain = method, body, length, plain
        self.in_frames = not isinstance(body, bytes)
        self.media_type = (media_type or "application/octet-stream") if self.in_frames or body else None
        named = {name.lower(): value for name, value in (headers or {}).items()}
        sealed = {name: named.pop(name) for name in inside if name in named}
        self.headers, self.idem = named, named.get("idempotency-key")
        self.target, _, query = target.partition("?")
        try:
            if self.media_type:
                message.check_media_type(self.media_type)
            if query:
                message.check_query(query)
            meta = {**({"query": query} if query else {}), **({"headers": sealed} if sealed else {})}
            message.read_headers(meta)
        except ValueError as error:
            raise E2eError("request-unsupported", str(error)) from None
        self.meta = json.dumps(meta, separators=(",", ":")).encode() if meta else b""
        if len(self.meta) > message.MAX_META:
            raise E2eError("request-unsupported", "query and header fields do not fit into a message")
        self.is_repeatable = not self.in_frames or callable(body)
        safe = method in ("GET", "PUT", "DELETE", "OPTIONS") or self.idem is not None
        self.may_repeat = self.is_repeatable and (safe if resend is None else resend)

    def stream(self, jwe, frames, failures):
        """The head, a line feed and the frames; an error of the body's source ends them with kind 2."""
        yield jwe.encode() + b"\n"
        try:
            yield from framing.seal_body(frames, self.body() if callable(self.body) else self.body)
        except Exception as error:
            failures.append(error)


def _essence(answer) -> str:
    return (answer.getheader("content-type") or "").split(";")[0].strip().lower()


def _problem(kind, data):
    if kind != "application/problem+json":
        return None
    try:
        name = parse_object(data).get("type")
    except ValueError:
        return None
    return next((problem for problem in PROBLEMS if name == f"urn:e2e:problem:{problem}"), None)


def _read_head(answer) -> bytes:
    head = b""
    while len(head) <= framing.MAX_HEAD:
        byte = answer.read(1)
        if byte in (b"", b"\n"):
            break
        head += byte
    return head


def _open_frames(channel, head, answer, length):
    def read(size):
        data = answer.read(size)
        # http.client says nothing of a body that ends before its Content-Length.
        if len(data) < size and answer.length:
            raise http.client.IncompleteRead(data)
        return data

    try:
        with answer:
            yield from framing.open_body(channel.response_frames(head), read, length)
    except CUT as error:
        raise E2eError("stream-broken", "the connection was cut") from error
