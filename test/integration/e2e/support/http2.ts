import { connect } from 'node:http2';

/** What the client's end of an HTTP/2 connection saw beside bodies, which a tap cannot read: HPACK compresses it. */
export const seenOverHttp2: string[] = [];

/** As much of `fetch` as the client needs. */
export const fetchOverHttp2: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const { origin, pathname, search } = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const hasData = body.length > 0 || request.headers.has('content-length');
  const session = connect(origin, { rejectUnauthorized: false });
  const cookie = new Headers(init?.headers).get('cookie'); // which a Request does not keep
  const stream = session.request(
    {
      ...Object.fromEntries(request.headers),
      ...(cookie && { cookie }),
      ':method': request.method,
      ':path': pathname + search,
    },
    // A body is announced by nothing else. That there is none can also be announced by its length.
    { endStream: !hasData },
  );
  const see = (...given: unknown[]): void => void seenOverHttp2.push(JSON.stringify(given[0]));
  stream.on('response', see).on('trailers', see).on('headers', see).on('push', see);
  session.on('stream', (pushed, headers) => {
    see(headers);
    pushed.on('data', (chunk: Buffer) => see(chunk.toString('latin1'))).on('error', see);
  });
  if (hasData) stream.end(body);
  try {
    return await new Promise<Response>((resolve, reject) => {
      session.on('error', reject);
      init?.signal?.addEventListener('abort', () => {
        session.destroy();
        reject(new Error('aborted'));
      });
      // One that ends without an answer, or within it.
      stream.on('close', () => reject(new Error('the stream was closed')));
      stream.on('error', reject).on('response', ({ ':status': status, ...received }) => {
        const headers = new Headers();
        for (const [name, values] of Object.entries(received)) {
          for (const value of [values].flat()) headers.append(name, String(value));
        }
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => resolve(new Response(Buffer.concat(chunks), { status: Number(status), headers })));
      });
    });
  } finally {
    session.close();
  }
};
