// Bodies in frames (PROTOCOL §6).
import { row } from '../row.mjs';

const SPLICING = 'test/security/attack/stream-splicing.spec.ts';
const ENDS = 'test/integration/streams/ends.spec.ts';
const REFUSALS = 'test/integration/streams/upload-refusals.spec.ts';

export const streams = [
  row('a frame has one of three kinds', SPLICING, 'upload.*X25519.*odd kind', [
    'src/protocol/frames.ts',
    'kind > FRAME_KIND.failed || ',
    '',
  ]),
  row('a stream that was given up has failed', SPLICING, 'answer on X25519, web.*gave up', [
    'src/protocol/frames.ts',
    "if (kind === FRAME_KIND.failed) throw new StreamError(plaintextLength === 0 ? 'stream-failed' : 'stream-broken');",
    '',
  ]),
  row('a refused upload is read on before its connection closes', REFUSALS, 'express.*is read on', [
    'src/nest/exchange/request-body.ts',
    'node.prependOnceListener(',
    'node.once(',
  ]),
  row('an upload is let go with its connection', REFUSALS, 'express.*goes away', [
    'src/nest/request/framed-body.ts',
    "if (request.httpVersionMajor === 1) socket.once('close', cutOff);",
    '',
  ]),
  row('a stream ends with its session, whichever server ended that', ENDS, 'express.*another one soon', [
    'src/nest/keys/running-streams.ts',
    'if (mayGoOn === false || (mayGoOn === undefined && stream.isDoubtful)) stream.fail();',
    '',
  ]),
  row('an answer in frames is among the streams that end', ENDS, 'express.*another one soon', [
    'src/nest/exchange/answer-supervision.ts',
    'fail: () => stream.fail() });',
    'fail: () => undefined });',
  ]),
];
