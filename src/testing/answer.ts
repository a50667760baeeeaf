/** A sealed call's answer, opened. */
export interface TestAnswer {
  /** The true status, out of the message. */
  readonly status: number;
  readonly ok: boolean;
  /** What JSON says, where the answer is JSON; else `{}`, as with supertest. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test reads of it is the test's to say
  readonly body: any;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** By names in lower case; `set-cookie` is a list. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** The media type without its parameters. */
  readonly type: string;
  /** A header, whatever the case of its name. */
  get(name: string): string | undefined;
}

const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/;
/** How much of a body an error shows. */
const SHOWN = 2000;

export async function readAnswer(response: Response): Promise<TestAnswer> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  const type = (response.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase();
  return {
    status: response.status,
    ok: response.ok,
    body: readBody(type, text),
    text,
    bytes,
    headers,
    type,
    get: (name) => response.headers.get(name) ?? undefined,
  };
}

function readBody(type: string, text: string): unknown {
  if (!JSON_TYPE.test(type) || text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return {}; // The text is beside it, and in the error.
  }
}

/** The opened answer, for an error's message. */
export function showAnswer(call: string, { status, type, text, bytes }: TestAnswer): string {
  const isText = type === '' || type.startsWith('text/') || JSON_TYPE.test(type) || type.endsWith('urlencoded');
  const body = isText ? text.slice(0, SHOWN) + (text.length > SHOWN ? '…' : '') : `(${bytes.length} bytes)`;
  return `The opened answer to ${call}:\n  ${status} ${type || '(no media type)'}\n  ${body || '(no body)'}`;
}
