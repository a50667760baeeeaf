export const HELP = `nestjs-e2e-encryption <command>

  get|post|put|patch|delete URL [name=value ...]   calls a sealed route
  connect URL                                      opens a sealed WebSocket
  doctor URL                                       checks a running deployment from outside
  inspect [MESSAGE|@FILE|-]                        shows what is visible of a message without keys
  keygen                                           creates a secret and an identity key
  conformance --client CMD|--server URL            tries a client or a server in any language against the protocol
  help [command]                                   shows the options of a command

Exit codes: 0 for a response with 2xx or 3xx, 4 for 4xx, 5 for 5xx, 1 if the command line is wrong, 2 if there is no
response: no connection, no handshake, or a response that the client rejects.
`;

const CALL = `nestjs-e2e-encryption get|post|put|patch|delete URL [name=value ...]

Calls a sealed route on a new channel, and prints the decrypted response. In URL, http:// and localhost can be omitted:
:3000/notes.

What to send
  name=value           a member of a JSON body, as a string; with get, a member of the query, which is sealed
  name:=json           a member of a JSON body, any JSON: count:=3 tags:='["a","b"]'
  name==value          a member of the query
  -d, --data DATA      the whole body, as JSON unless -H sets another type; @FILE reads a file, - reads standard input
  --data-binary DATA   the whole body, as bytes; @FILE and - (standard input) are streamed
  -F, --form name=value
                       a field of a multipart/form-data body; name=@FILE for a file, with ;type=text/plain and
                       ;filename=a.txt after it; can be given several times
  -H, --header 'name: value'
                       a header, which is sent in the clear
  --plain-request      sends the body in the clear, for @Encrypted({ request: false })
  --plain-answer       accepts a response in the clear, for @Encrypted({ response: false })
  --field NAME         encrypts this value of a JSON body, and nothing else of it, for @EncryptedField(): card.number,
                       items.*.pin, or a JSON pointer; with ? at the end it may be absent; can be given several times
  --answer-field NAME  a value of the response that must have been encrypted, if it is there; can be given several times
  --in-fields          decrypts single values of the response; implied by --field and --answer-field

How to reach the server
  --path PATH          the module's path, with the global prefix if there is one (default e2e)
  --kind KIND          RSA (default), P-256, X25519 or MLKEM768-X25519; or several
                       by preference, separated by commas
  --identity-key THUMBPRINT
                       a trusted identity key of the server; can be given several times
  --cookie-jar FILE    keeps the session's cookies in FILE between runs, as curl does. Keys are never saved: each run opens
                       a new channel on that session.
  -L, --location       follows redirects
  --timeout SECONDS    the time limit (default 30); with -o and -N, until the response begins

What to do with the response
  -o, --output FILE    saves the body in FILE, which exists only when the body is complete; shows a progress bar on a
                       terminal. A response with 4xx or 5xx is printed and not saved.
  -N, --no-buffer      prints the body as it arrives, for example server-sent events

What to show
  -v, --verbose        the bytes on the wire next to the plain content, on standard error
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

Exit codes: 0 for a response with 2xx or 3xx, 4 for 4xx, 5 for 5xx, 1 if the command line is wrong, 2 if there is no
response: no connection, no handshake, or a response that the client rejects.
`;

const CONNECT = `nestjs-e2e-encryption connect URL [options]

Opens a sealed WebSocket on a new channel. Each line that you type is sent as a message, and each message from the server
is printed as a line. URL is http://, https://, ws:// or wss://. http:// and localhost can be omitted: :3000/live.

  --protocol NAME      a subprotocol of the application, which is sealed; can be given several times
  --wait SECONDS       how long to wait after the end of the input, and after each later message (default 1)
  -v, --verbose        each message next to its bytes on the wire, on standard error
  --path, --kind, --identity-key, --cookie-jar, --timeout
                       as for calls: help get

Examples
  npx nestjs-e2e-encryption connect :3000/live -v
  echo '{"event":"echo","data":1}' | npx nestjs-e2e-encryption connect localhost:3000/live
  npx nestjs-e2e-encryption connect :3000/live --cookie-jar ada.txt

Exit codes: 0 for an orderly close, 4 for the codes 4400 to 4499 (4401: the session has ended), 5 for 1011 and 4500 to 4599,
1 if the command line is wrong, 2 if the socket could not be opened, was cut, or was changed on the way.
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
  --kind KINDS         the kinds of key to try (default: all), separated by commas
  --timeout SECONDS    how long each request may take (default 10)
  --json               the findings as one JSON object, for scripts

Examples
  npx nestjs-e2e-encryption doctor https://example.com/api
  npx nestjs-e2e-encryption doctor :3000 --stream /events --socket /live --json

Exit codes: 0 without warnings and failures, 2 with one, 1 if the command line is wrong.
`;

const INSPECT = `nestjs-e2e-encryption inspect [MESSAGE|@FILE|-] [--json]

Shows what is visible of a message without keys: its protected header and its sizes. MESSAGE is a compact JWE, from a body
of type application/jose or the header E2e-Request. Without it, or with -, it is read from standard input. A body in
frames (application/vnd.e2e.stream), from @FILE or standard input, is shown with its frames.

Examples
  npx nestjs-e2e-encryption inspect eyJhbGciOiJkaXIi...
  pbpaste | npx nestjs-e2e-encryption inspect
`;

const KEYGEN = `nestjs-e2e-encryption keygen [--alg Ed25519|ES256] [--json]

Creates a secret and an identity key, and shows where to put them.

  --alg   the identity key's signature algorithm (default Ed25519; use ES256 if clients lack Ed25519)
  --json  the result as one JSON object, for scripts
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

Exit codes: 0 if every case passed, 2 if one failed, 1 if the command line is wrong.
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
