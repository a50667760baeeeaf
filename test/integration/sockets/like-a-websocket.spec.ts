import { expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { record, SCRIPTS, type AnySocket } from '../../support/socket-scripts.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { liveGateway } from './support/gateway.js';

const Live = liveGateway('/live', Encrypted());
const Plain = liveGateway('/plain');

/** With the default of the standard. */
class StandardSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols);
    this.binaryType = 'blob' as 'arraybuffer';
  }
}

onEachPlatform('a sealed socket is like a WebSocket', (platform) => {
  const app = useApp(platform, {
    providers: [Live, Plain],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  const scripts = Object.entries(SCRIPTS).filter(([, { notIn }]) => !notIn?.includes('ws'));

  it.each(scripts)('of the package ws: it %s', async (_, script) => {
    const client = app().client({ webSocket: WebSocket });
    const plain = await record(
      (protocols) => new StandardSocket(`${app().url.replace('http', 'ws')}/plain`, protocols) as unknown as AnySocket,
      script,
    );
    const sealed = await record((protocols) => client.webSocket('live', protocols), script);
    expect(sealed).toEqual(plain);
  });
});
