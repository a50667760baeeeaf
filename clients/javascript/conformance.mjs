// Drives this package's client for `nestjs-e2e-encryption conformance --client "node conformance.mjs"`. It reads a command a
// line on standard input and writes its outcome, a line, on standard output: docs/conformance.md.
import { createInterface } from 'node:readline';
import { createE2eClient } from 'nestjs-e2e-encryption/client';

let client;

const commands = {
  async open({ baseUrl, path, kind, identityKeys }) {
    client?.close();
    client = createE2eClient({ baseUrl, path, keyKind: kind, ...(identityKeys && { identityKeys }) });
    return {};
  },

  async request({ method, target, headers, type, plain, resend, ...body }) {
    const response = await client.fetch(target, {
      method,
      headers: { ...headers, ...(type && { 'content-type': type }) },
      body: bodyOf(body),
      duplex: 'half',
      e2e: { ...(plain && { response: false }), ...(resend !== undefined && { resend }) },
    });
    const { status } = response;
    const facts = { status, headers: Object.fromEntries(response.headers), type: response.headers.get('content-type') };
    const pieces = [];
    try {
      for await (const piece of response.body ?? []) pieces.push(piece);
    } catch (error) {
      return { ...failure(error), body: Buffer.concat(pieces).toString('base64url') };
    }
    return { ...facts, body: Buffer.concat(pieces).toString('base64url') };
  },
};

function bodyOf({ body, stream, fails }) {
  if (!stream) return body === undefined ? undefined : Buffer.from(body, 'base64url');
  const pieces = stream.map((piece) => Buffer.from(piece, 'base64url'));
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else if (fails) controller.error(new Error('the source of the body failed'));
      else controller.close();
    },
  });
}

function failure({ code, problem, name }) {
  return { error: name === 'E2eClientError' ? code : 'network', ...(problem && { problem }) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const outcome = await commands[command.do](command).catch(failure);
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
