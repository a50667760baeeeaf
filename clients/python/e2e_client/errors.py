"""The one error of this client."""


class E2eError(Exception):
    """What went wrong, under the names of section 8 of the protocol.

    `code`     one of the names in the table "What a client reports"
    `problem`  the problem that the server named, if any; only `refused` vouches for it
    `status`   the HTTP status that came with it; only `refused` vouches for it
    `partial`  of a body in frames, what was opened before the error: genuine, and not the whole
    """

    def __init__(self, code, message, problem=None, status=None, partial=b""):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.problem = problem
        self.status = status
        self.partial = partial
