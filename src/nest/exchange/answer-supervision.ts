import type { IncomingMessage } from 'node:http';
import type { RunningStreams } from '../keys/running-streams.js';
import { stateOf } from '../request/exchange-state.js';
import type { ResponseStream } from '../request/response-stream.js';

/** Ends a response in frames with its session, and with the application. */
export function superviseAnswer(raw: IncomingMessage, stream: ResponseStream, streams: RunningStreams): void {
  const { message, request = raw } = stateOf(raw);
  // Its message was not accepted yet.
  if (!message) return stream.fail();
  const { httpVersionMajor, socket } = raw;
  const noteOver = streams.add('response', { request, channel: message.channel, fail: () => stream.fail() });
  stream.onClose((hasEnded) => {
    noteOver(hasEnded, stream.progress);
    // A closing server waits for its connections, and a kept-alive one would never end.
    if (streams.isClosing && httpVersionMajor === 1) socket.destroySoon();
  });
}
