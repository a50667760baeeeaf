export const HELP = `nestjs-e2e-encryption <command>

  get|post|put|patch|delete URL [name=value ...]   calls a sealed route
  connect URL                                      opens a sealed WebSocket
  doctor URL                                       checks a running deployment from outside
  inspect [MESSAGE|@FILE|-]                        shows what is to be seen of a message, without keys
  keygen                                           makes a secret and an identity key
  conformance --client CMD|--server URL            tries a client or a server in any language against the protocol
  help [command]                                   says more

Exit codes: 0 for an answer with 2xx or 3xx, 4 for 4xx, 5 for 5xx, 1 where the command line was not understood, 2 where
there was no answer: no connection, no handshake, or an answer that the client refuses.
`;

const CALL = `nestjs-e2e-encryption get|post|put|patch|delete URL [name=value ...]

Calls a sealed route over a channel of its own, and prints the opened answer. URL may leave out http:// and, as in :3000/notes,
localhost.

What to send
  name=value           a member of a JSON body, a text; with get, of the query, which travels sealed
  name:=json           a member of a JSON body, any JSON: count:=3 tags:='["a","b"]'
  name==value          a member of the query
  -d, --data DATA      the whole body, as JSON unless -H says otherwise; @FILE for a file's, - for standard input's
  --data-binary DATA   the whole body, as bytes; @FILE is read as it is sent, so is - (standard input)
  -F, --form name=value
                       a field of a multipart/form-data body; name=@FILE for a file, with ;type=text/plain and
                       ;filename=a.txt after it; may be given several times
  -H, --header 'name: value'
                       a header, which travels in the clear
  --plain-request      sends the body in the clear, for @Encrypted({ request: false })
  --plain-answer       takes an answer in the clear, for @Encrypted({ response: false })

How to reach the server
  --path PATH          the module's path, with the global prefix if there is one (default e2e)
  --kind KIND          RSA (default), P-256, X25519 or MLKEM768-X25519; or several
                       by preference, separated by commas
  --identity-key THUMBPRINT
                       the server's identity key that is trusted; may be given several times
  --cookie-jar FILE    keeps the session's cookies in FILE (as curl does), from run to run. Channel keys are made anew for
                       each run and never written down: a run opens its own channel on the session that it finds.
  -L, --location       follows redirects
  --timeout SECONDS    how long it may take (default 30); with -o and -N, until the answer begins

What to do with the answer
  -o, --output FILE    saves the body in FILE, which is there only once all of it is; with a progress bar on a terminal.
                       An answer with 4xx or 5xx is printed, and not saved.
  -N, --no-buffer      prints the body as it comes: server-sent events, for one

What to see
  -v, --verbose        what went over the wire beside what was meant, on standard error
  --json               everything as one JSON object, for scripts

Examples
  npx nestjs-e2e-encryption get localhost:3000/notes search=hello
  npx nestjs-e2e-encryption post :3000/notes title=Hello stars:=5 -v
  npx nestjs-e2e-encryption post :3000/auth/login name=ada password=x --cookie-jar ada.txt
  npx nestjs-e2e-encryption get :3000/auth/me --cookie-jar ada.txt
  npx nestjs-e2e-encryption post :3000/files -F title=Report -F file=@report.pdf
  npx nestjs-e2e-encryption get :3000/files/7 -o report.pdf
  npx nestjs-e2e-encryption get :3000/events -N
  npx nestjs-e2e-encryption put https://api.example.com/notes/7 -d @note.json --identity-key NzbLsXh8uDCcd-6MNw...

Exit codes: 0 for an answer with 2xx or 3xx, 4 for 4xx, 5 for 5xx, 1 where the command line was not understood, 2 where
there was no answer: no connection, no handshake, or an answer that the client refuses.
`;

const CONNECT = `nestjs-e2e-encryption connect URL [options]

Opens a sealed WebSocket over a channel of its own: each line that you type is sent as a message, and each message from the
server is printed as a line. URL is http://, https://, ws:// or wss://, and may leave out http:// and, as in :3000/live,
localhost.

  --protocol NAME      a subprotocol of the application, which travels sealed; may be given several times
  --wait SECONDS       how long to stay after the end of the input, and after each message from then on (default 1)
  -v, --verbose        each message beside what the wire carries for it, on standard error
  --path, --kind, --identity-key, --cookie-jar, --timeout
                       as for calls: help get

Examples
  npx nestjs-e2e-encryption connect :3000/live -v
  echo '{"event":"echo","data":1}' | npx nestjs-e2e-encryption connect localhost:3000/live
  npx nestjs-e2e-encryption connect :3000/live --cookie-jar ada.txt

Exit codes: 0 for a close in order, 4 for the codes 4400 to 4499 (4401: the session has ended), 5 for 1011 and 4500 to 4599,
1 where the command line was not understood, 2 where the socket was not opened, was cut, or was changed on the way.
`;

const DOCTOR = `nestjs-e2e-encryption doctor URL [options]

Checks a running deployment from outside, as a client: handshakes by kind of key, the identity key, the session cookie,
clocks, and what is changed on the way to the server. URL is the address of the application, with the prefix that clients
use. Each line says what was seen and what it means; where something is wrong, also what to do.

  --route PATH         a sealed route that is called by GET (default: a path that does not exist)
  --stream PATH        a sealed route that responds in pieces, such as server-sent events
  --socket PATH        a sealed WebSocket gateway
  --origin ORIGIN      the origin of pages that call the server: checks CORS
  --identity-key THUMBPRINT
                       the server's identity key that is trusted; may be given several times
  --path PATH          the module's path (default e2e)
  --timeout SECONDS    how long each request may take (default 10)
  --json               the findings as one JSON object, for scripts

Examples
  npx nestjs-e2e-encryption doctor https://example.com/api
  npx nestjs-e2e-encryption doctor :3000 --stream /events --socket /live --json

Exit codes: 0 where nothing is wrong, 2 where something is, 1 where the command line was not understood.
`;

const INSPECT = `nestjs-e2e-encryption inspect [MESSAGE|@FILE|-] [--json]

Shows what anyone sees of a message who has no keys: its protected header, and its sizes. MESSAGE is a compact JWE, as it
stands in a body of type application/jose or in the header E2e-Request; without it, or with -, it is read from standard
input. A body in frames (application/vnd.e2e.stream), from @FILE or standard input, is shown with its frames.

Examples
  npx nestjs-e2e-encryption inspect eyJhbGciOiJkaXIi...
  pbpaste | npx nestjs-e2e-encryption inspect
`;

const KEYGEN = `nestjs-e2e-encryption keygen [--alg Ed25519|ES256] [--json]

Makes a secret and an identity key, and says what to put where.

  --alg   the identity key's signature algorithm (default Ed25519; ES256 where clients lack Ed25519)
  --json  the same as one JSON object, for scripts
`;

const CONFORMANCE = `nestjs-e2e-encryption conformance --client CMD [options]
nestjs-e2e-encryption conformance --server URL [options]

Tries a client or a server in any language. CMD drives a client: it reads a command a line from standard input and writes an outcome a line to
standard output (docs/conformance.md). The runner's server is honest first, and then breaks each rule of the protocol that a
client must check.

  --client CMD         the command that drives the client; a shell runs it
  --server URL         the origin of a running server; it needs no routes of its own. Do not try one that people use.
  --path PATH          the server's module path, with the global prefix if there is one (default e2e)
  --only TEXT          runs only the cases that have TEXT in their name
  --timeout SECONDS    how long the client may take for one command, and the server for one request
                       (default 15)
  --json               the results as one JSON object

Example
  npx nestjs-e2e-encryption conformance --client 'python3 clients/python/conformance.py'
  npx nestjs-e2e-encryption conformance --server localhost:3000

Exit codes: 0 if every case passed, 2 if one failed, 1 where the command line was not understood.
`;

/** What `help` says of a command. */
export function helpOf(command: string | undefined): string {
  if (command === 'keygen') return KEYGEN;
  if (command === 'connect') return CONNECT;
  if (command === 'conformance') return CONFORMANCE;
  if (command === 'doctor') return DOCTOR;
  if (command === 'inspect') return INSPECT;
  return command && isCall(command) ? CALL : HELP;
}

export function isCall(command: string): boolean {
  return ['get', 'post', 'put', 'patch', 'delete'].includes(command.toLowerCase());
}
