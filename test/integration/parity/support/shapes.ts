import { All, Controller, Header, Param, Res } from '@nestjs/common';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';

/** How a server answers: its head, and the writes of its body. */
export interface Shape {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: readonly (string | Buffer)[];
}

const LONG = Buffer.alloc(200 * 1024, 'häl\0o\xff');
const FORM =
  '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nhä\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="ä.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n--b--\r\n';

export const SHAPES: Record<string, Shape> = {
  json: { headers: { 'content-type': 'application/json' }, body: ['{"text":"hä"}'] },
  'json with a byte order mark': { headers: { 'content-type': 'application/json' }, body: ['\uFEFF{"a":1}'] },
  'json that is not JSON': { headers: { 'content-type': 'application/json' }, body: ['{"a":'] },
  text: { headers: { 'content-type': 'text/plain; charset=utf-8' }, body: ['hä\r\nlo'] },
  'text of broken UTF-8': { headers: { 'content-type': 'text/plain' }, body: [Buffer.from([0xff, 0x61, 0xc3])] },
  'a media type in capitals': { headers: { 'content-type': 'Text/HTML; Charset="UTF-8"' }, body: ['<p>'] },
  'no media type': { body: ['hello'] },
  'a short body': { headers: { 'content-type': 'application/octet-stream' }, body: [Buffer.from([0, 255])] },
  'a long body': { headers: { 'content-type': 'application/x-long' }, body: [LONG] },
  'a length': { headers: { 'content-type': 'image/png', 'content-length': '5' }, body: ['12345'] },
  'a body in pieces': { headers: { 'content-type': 'text/plain' }, body: ['one ', 'two ', 'three'] },
  'a long body in pieces': { headers: { 'content-type': 'text/plain' }, body: [LONG, 'and', LONG] },
  'a file': {
    headers: {
      'content-type': 'application/pdf',
      'content-length': String(2 * LONG.length),
      'content-disposition': `attachment; filename="a.pdf"; filename*=UTF-8''%C3%A4.pdf`,
    },
    body: [LONG, LONG],
  },
  events: { headers: { 'content-type': 'text/event-stream' }, body: ['id: 1\ndata: a\n\n', 'data: b\n\n'] },
  'a form': { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: ['a=1&a=2&b=h%C3%A4+'] },
  'a multipart form': { headers: { 'content-type': 'multipart/form-data; boundary=b' }, body: [FORM] },
  'fields and cookies': {
    headers: {
      'content-type': 'text/plain',
      'content-language': 'de',
      link: '</a>; rel=next, </b>; rel=last',
      'x-own': 'own',
      vary: 'Accept',
      'set-cookie': ['a=1', 'b=2; Path=/'],
    },
    body: ['fields'],
  },
  empty: { headers: { 'content-type': 'text/plain' } },
  'no content': { status: 204 },
  'reset content': { status: 205 },
  'not modified': { status: 304 },
  created: { status: 201, headers: { 'content-type': 'application/json' }, body: ['{}'] },
  'a status of its own': { status: 299, headers: { 'content-type': 'text/plain' }, body: ['299'] },
  'not found': { status: 404, headers: { 'content-type': 'application/json' }, body: ['{"statusCode":404}'] },
  'an error in pieces': { status: 500, headers: { 'content-type': 'text/plain' }, body: ['one', 'two'] },
  'a redirect': { status: 302, headers: { location: '/shapes/json' } },
  'a redirect with a body': { status: 307, headers: { location: 'json', 'content-type': 'text/plain' }, body: ['to'] },
  'a redirect twice': { status: 301, headers: { location: './a%20redirect#part' } },
  'a redirect without a location': { status: 302 },
};

/** `begun` where a response has begun that never ends. */
export const endless = new EventEmitter();

@Controller('endless')
export class EndlessController {
  @All(':what')
  endless(
    @Param('what') what: string,
    @Res() reply: ServerResponse & { raw?: ServerResponse; hijack?: () => void },
  ): void {
    reply.hijack?.();
    const response = reply.raw ?? reply;
    response.setHeader('content-type', 'text/plain');
    if (what === 'head') response.flushHeaders();
    if (what === 'body') response.write('begun');
    endless.emit('begun');
  }
}

@Controller('shapes')
export class ShapeController {
  @All(':name')
  @Header('Cache-Control', 'no-cache')
  shape(
    @Param('name') name: string,
    @Res() reply: ServerResponse & { raw?: ServerResponse; hijack?: () => void },
  ): void {
    const { status = 200, headers = {}, body = [] } = SHAPES[name]!;
    reply.hijack?.();
    const response = reply.raw ?? reply;
    response.statusCode = status;
    for (const [field, value] of Object.entries(headers)) response.setHeader(field, value);
    if (body.length > 1) for (const piece of body) response.write(piece);
    response.end(body.length === 1 ? body[0] : undefined);
  }
}
