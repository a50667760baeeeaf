import { againRows } from './again.js';
import { deviceRows } from './device.js';
import { downgradeRows } from './downgrade.js';
import { fieldRows } from './fields.js';
import { handshakeRows } from './handshake.js';
import { hybridRows } from './hybrid.js';
import { moveRows } from './relocation.js';
import { pathRows } from './paths.js';
import { replayRows } from './replay.js';
import type { Row } from './row.js';
import { serverRows } from './servers.js';
import { headRows, messageRows } from './sockets.js';
import { downloadRows, uploadRows } from './streams.js';
import { ws } from '../support/socket-stack.js';

/** All that is tried, under the headings of docs/attacks.md. */
export const attacks: Readonly<Record<string, readonly Row[]>> = {
  'In the handshake': handshakeRows,
  'In a hybrid handshake': hybridRows,
  'With device keys': deviceRows,
  'Repeating, delaying, swapping': replayRows,
  'Making the client resend a request': againRows,
  'Between servers, and after a restart': serverRows,
  'Moving and changing': moveRows,
  'In streams, on their way to the client': downloadRows,
  'In streams, on their way to the server': uploadRows,
  'In the messages of sockets': messageRows(ws),
  'In the heads of sockets': headRows(ws),
  'Under sealed paths': pathRows,
  'In single fields': fieldRows,
  'Forging and downgrading': downgradeRows,
};
