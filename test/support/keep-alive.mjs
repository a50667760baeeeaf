// Node's servers close a connection that is idle for five seconds. On a slow machine as much can pass between two calls
// of a test, and the second may be sent just before its client sees that the connection is closed. A server that sets a
// time of its own keeps it.
import { hasSubscribers, subscribe } from 'node:diagnostics_channel';

const CHANNEL = 'http.server.request.start';
const DEFAULT_MS = 5000;
const LONG_MS = 600_000;

// Once a worker, for all its test files.
if (!hasSubscribers(CHANNEL)) {
  subscribe(CHANNEL, (message) => {
    const { server } = /** @type {{ server: import('node:http').Server }} */ (message);
    if (server.keepAliveTimeout === DEFAULT_MS) server.keepAliveTimeout = LONG_MS;
  });
}
