import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { preallocateProperties, REQUEST_MEMBERS, RESPONSE_MEMBERS } from '../../../src/nest/request/preallocate.js';

/** All that can be read from an object, its prototypes' members included. */
function readable(value: object): Map<string, unknown> {
  const members = new Map<string, unknown>();
  for (let at: object | null = value; at; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (!members.has(name)) members.set(name, (value as Record<string, unknown>)[name]);
    }
  }
  return members;
}

function exchange() {
  const request = new IncomingMessage(new Socket());
  return { request, response: new ServerResponse(request) };
}

describe('room for what a sealed request will be given', () => {
  it('changes nothing that can be read', () => {
    const { request, response } = exchange();
    const before = [readable(request), readable(response)];
    preallocateProperties(request, response, express());
    const after = [readable(request), readable(response)];
    for (const [index, members] of before.entries()) {
      for (const [name, value] of members) expect([name, after[index]!.get(name)]).toEqual([name, value]);
      const added = [...after[index]!].filter(([name]) => !members.has(name));
      expect(added.filter(([, value]) => value !== undefined)).toEqual([]);
    }
    const own = (object: object, names: readonly string[]) => names.filter((name) => Object.hasOwn(object, name));
    expect(own(request, REQUEST_MEMBERS)).toEqual([...REQUEST_MEMBERS]);
    expect(own(response, RESPONSE_MEMBERS)).toEqual([...RESPONSE_MEMBERS]);
  });

  it('leaves what Express has had, and HTTP/2, as they are', () => {
    const { request, response } = exchange();
    const ofExpress = Object.setPrototypeOf(
      request,
      Object.create(IncomingMessage.prototype) as object,
    ) as IncomingMessage;
    preallocateProperties(ofExpress, response, express());
    expect([Object.hasOwn(ofExpress, 'session'), Object.hasOwn(response, 'locals')]).toEqual([false, false]);
    const compat = {
      get statusCode() {
        return 200;
      },
      set statusCode(_: number) {
        throw new RangeError();
      },
    };
    const bare = exchange().request;
    expect(() => preallocateProperties(bare, compat as never, express())).not.toThrow();
    expect(Object.hasOwn(bare, 'session')).toBe(false);
  });

  it.each(REQUEST_MEMBERS.map((name) => [name]))('is not made where a parent has put %s on the request', (name) => {
    const { request, response } = exchange();
    Object.assign(request, { [name]: 'of the parent' });
    preallocateProperties(request, response, express());
    expect((request as unknown as Record<string, unknown>)[name]).toBe('of the parent');
    expect(RESPONSE_MEMBERS.some((each) => Object.hasOwn(response, each))).toBe(false);
  });

  it('is not made where the prototypes of Express have members of the application', () => {
    const app = express();
    Object.defineProperty(app.request, 'session', { get: () => 'of the application' });
    const other = express();
    Object.defineProperty(other.response, 'statusCode', { value: 203, writable: true });
    for (const prototypes of [app, other]) {
      const { request, response } = exchange();
      preallocateProperties(request, response, prototypes);
      expect(Object.hasOwn(request, 'session') || Object.hasOwn(response, 'statusCode')).toBe(false);
    }
  });

  it('lets a response leave as usual', async () => {
    const server = createServer((request, response) => {
      preallocateProperties(request, response, express());
      response.statusCode = 201;
      response.end('done');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([201, 'Created', 'done']);
    server.close();
    server.closeAllConnections();
  });
});
