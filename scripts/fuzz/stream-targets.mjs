// What reads bodies in frames, and meta objects: as in targets.mjs. Bytes are written as text, one character each.
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { FrameOpener, FrameSealer, streamKey } from '../../dist/esm/channel/frames.js';
import { SocketOpener, SocketSealer } from '../../dist/esm/channel/sockets.js';
import { FrameOpener as ClientFrameOpener } from '../../dist/esm/client/channel/frames.js';
import { SocketOpener as ClientSocketOpener } from '../../dist/esm/client/channel/sockets.js';
import { EventParser } from '../../dist/esm/client/events/parser.js';
import { E2eClientError } from '../../dist/esm/client/index.js';
import { shakeHands } from '../../dist/esm/client/handshake/handshake.js';
import { openAnswerStream } from '../../dist/esm/client/stream/answer-stream.js';
import { nodeEngine } from '../../dist/esm/crypto/node.js';
import { collectHead } from '../../dist/esm/nest/request/body-collector.js';
import {
  FRAME_KIND,
  FrameReader,
  MAX_FRAME_BYTES,
  MAX_HEAD_BYTES,
  StreamError,
} from '../../dist/esm/protocol/frames.js';
import { parseJsonObject, utf8 } from '../../dist/esm/protocol/json.js';
import { parsePublicKey } from '../../dist/esm/protocol/keys.js';
import { parseRequestMeta, parseResponseMeta, renderMeta } from '../../dist/esm/protocol/meta.js';
import { isSocketEndCode, SocketReader } from '../../dist/esm/protocol/socket.js';
import { makeChannels, SESSION } from '../support/loopback.mjs';
import { LOADERS } from '../../dist/esm/client/on-demand/loaders.js';
import { provide } from '../../dist/esm/client/parts.js';

provide(LOADERS);

const { more: MORE, last: LAST } = FRAME_KIND;
const bytesOf = (text) => Buffer.from(text, 'latin1');
const textOf = (bytes) => Buffer.from(bytes).toString('latin1');

/** Bytes in pieces of one to a few bytes, as their sum says. */
function* piecesOf(bytes) {
  let size = 1 + (bytes.reduce((sum, byte) => sum + byte, 0) % 97);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What a stream's frames are by the text of PROTOCOL §6, read from all of it at once. */
function framesOf(bytes, length) {
  const frames = [];
  let at = 0;
  let left = length ?? Infinity;
  for (let isLast = false; !isLast;) {
    const [kind, high, middle, low] = bytes.subarray(at, at + 4);
    const size = (high << 16) | (middle << 8) | low;
    if (at + 4 > bytes.length || kind > 2 || size < 16 || size > MAX_FRAME_BYTES + 16) return { frames };
    if (at + 4 + size > bytes.length) return { frames };
    frames.push(textOf(bytes.subarray(at, at + 4 + size)));
    at += 4 + size;
    left -= size - 16;
    isLast = kind === LAST;
    if (kind === 2 || left < 0) return { frames };
  }
  return { frames, isWhole: at === bytes.length && (length === undefined || left === 0) };
}

function unlessBroken(read) {
  try {
    read();
    return true;
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return false;
  }
}

/** @type {[0 | 1 | 2, string][]} */
const BODY = [
  [MORE, 'first '],
  [MORE, ''],
  [LAST, 'second'],
];
const PLAINTEXT = BODY.map(([, text]) => text).join('');
const seal = (sealer) => Buffer.concat(BODY.map(([kind, text]) => sealer.seal(kind, utf8(text))));

/** The events of a stream by the text of HTML §9.2.6, read from all of it at once. */
function eventsOf(bytes) {
  const events = [];
  let [type, lastEventId, id] = ['', '', ''];
  let data = [];
  // What no end of a line follows is dropped.
  for (const line of new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\r|\n/)
    .slice(0, -1)) {
    if (line === '') {
      lastEventId = id;
      if (data.length > 0) events.push({ type: type || 'message', data: data.join('\n'), lastEventId });
      [type, data] = ['', []];
      continue;
    }
    const [, name = line, value = ''] = /^([^:]*): ?([^]*)$/.exec(line) ?? [];
    if (name === 'event') type = value;
    if (name === 'data') data.push(value);
    if (name === 'id' && !value.includes('\0')) id = value;
  }
  return { events, lastEventId };
}

export const STREAM_TARGETS = {
  /** The client's reader of server-sent events: in pieces of any size, what a reader of the whole makes of them. */
  async events() {
    return {
      seeds: [
        'data: a\n\nid: 1\r\nevent: b\r\ndata\r\ndata:c\r\n\r\n',
        '\u00ef\u00bb\u00bf: comment\rretry: 10\rdata:  d\r\rid\0: 2\nid: 3\n\ndata: incomplete\n',
        'id: 4\0\ndata: \u00c3\u00bc\n\n\n\nevent:x\ndata:y\n\n',
      ],
      run(text) {
        const bytes = bytesOf(text);
        const parser = new EventParser();
        const events = [...piecesOf(bytes)].flatMap((piece) => [...parser.push(piece)]);
        const { lastEventId } = parser;
        assert.deepEqual({ events, lastEventId }, eventsOf(bytes));
        return events.length > 0;
      },
    };
  },

  /** The frame reader, without keys: a length or none, a line feed, and bytes in pieces of any size. */
  async frames() {
    const frame = (kind, text) => textOf([kind, 0, 0, 16 + text.length]) + text + '0123456789abcdef';
    const whole = frame(0, 'abc') + frame(0, '') + frame(1, 'de');
    return {
      seeds: [
        `5\n${whole}`,
        `\n${whole}`,
        `\n${frame(1, '')}`,
        `70000\n${frame(0, 'x'.repeat(239))}`,
        `\n${frame(2, '')}`,
      ],
      run(text) {
        const at = text.indexOf('\n');
        const length = /^\d{1,9}$/.test(text.slice(0, at)) ? Number(text.slice(0, at)) : undefined;
        const bytes = bytesOf(text.slice(at + 1));
        const reader = new FrameReader(length);
        const seen = [];
        const isWhole = unlessBroken(() => {
          for (const piece of piecesOf(bytes)) {
            for (const { number, kind, header, ciphertext, tag } of reader.push(piece)) {
              assert.equal(number, seen.length);
              seen.push(textOf(header) + textOf(ciphertext) + textOf(tag));
              reader.accept(kind, ciphertext.length);
            }
          }
          reader.end();
        });
        const expected = framesOf(bytes, length);
        assert.equal(isWhole, expected.isWhole ?? false);
        assert.deepEqual(seen, expected.frames);
        return isWhole;
      },
    };
  },

  /** The openers of both ends: what they read is what was sealed, or a prefix of it that ends in an error. */
  async stream() {
    const key = streamKey(nodeEngine, nodeEngine.randomBytes(32), 'a head');
    const honest = textOf(seal(new FrameSealer(nodeEngine, key)));
    const openers = [
      (length) => new FrameOpener(nodeEngine, key, length),
      (length) => new ClientFrameOpener({ engine: nodeEngine, key }, length),
    ];
    return {
      seeds: [honest],
      async run(text) {
        const bytes = bytesOf(text);
        const isHonest = textOf(bytes) === honest;
        for (const open of openers) {
          for (const length of [undefined, PLAINTEXT.length]) {
            const opener = open(length);
            let read = '';
            let isWhole = true;
            try {
              for (const piece of piecesOf(bytes)) for await (const part of opener.push(piece)) read += textOf(part);
              opener.end();
            } catch (error) {
              if (!(error instanceof StreamError)) throw error;
              isWhole = false;
            }
            assert.equal(isWhole, isHonest);
            assert(PLAINTEXT.startsWith(read));
          }
        }
        return isHonest;
      },
    };
  },

  /** The reader of sockets' messages, without keys: lines, each a message in hexadecimal whose ciphertext is its plaintext. */
  async 'socket-messages'() {
    const message = (kind, text) =>
      Buffer.from(`${String.fromCharCode(kind)}${text}0123456789abcdef`, 'latin1').toString('hex');
    return {
      seeds: [
        [message(3, 'text'), message(0, '\u00ff'), message(1, '\u0003\u00e8bye')].join('\n'),
        [message(0, ''), message(1, '')].join('\n'),
        message(2, ''),
      ],
      run(text) {
        const reader = new SocketReader(100);
        let isWhole = false;
        for (const line of text.split('\n')) {
          const bytes = Buffer.from(line, 'hex');
          const read = unlessBroken(() => {
            const { kind, header, ciphertext, tag } = reader.read(bytes);
            assert.equal(textOf(header) + textOf(ciphertext) + textOf(tag), textOf(bytes));
            const opened = reader.accept(kind, ciphertext);
            assert(!isWhole && ciphertext.length <= 100);
            assert.equal(opened.kind, bytes[0]);
            if (opened.kind === 3) assert.deepEqual(Buffer.from(opened.text), Buffer.from(ciphertext));
            if (opened.kind !== 1) return;
            isWhole = true;
            assert(opened.code === undefined ? ciphertext.length === 0 : isSocketEndCode(opened.code));
            assert.deepEqual(Buffer.from(opened.reason), Buffer.from(ciphertext.subarray(2)));
          });
          if (!read) return false;
        }
        return isWhole;
      },
    };
  },

  /** The openers of sockets at both ends: what they read is what was sealed, or a prefix of it that ends in an error. */
  async socket() {
    const key = streamKey(nodeEngine, nodeEngine.randomBytes(32), 'a head');
    const sealer = new SocketSealer(nodeEngine, key);
    const sealed = [
      sealer.seal(3, utf8('first')),
      sealer.seal(0, utf8('second')),
      sealer.end({ code: 1000, reason: 'x' }),
    ];
    const honest = sealed.map((message) => message.toString('hex'));
    const openers = [
      () => new SocketOpener(nodeEngine, key, 100),
      () => new ClientSocketOpener({ engine: nodeEngine, key }, 100),
    ];
    return {
      seeds: [honest.join('\n')],
      async run(text) {
        const messages = text.split('\n').map((line) => Buffer.from(line, 'hex'));
        for (const open of openers) {
          const opener = open();
          let read = 0;
          try {
            for (const message of messages) {
              await opener.open(message);
              assert.equal(message.toString('hex'), honest[read++]);
            }
          } catch (error) {
            if (!(error instanceof StreamError)) throw error;
          }
        }
        return (
          messages.length === honest.length && messages.every((message, at) => message.toString('hex') === honest[at])
        );
      },
    };
  },

  /** The server's reader of heads: what stands before the first line feed, and nothing of what follows is lost. */
  async 'request-head'() {
    return {
      seeds: ['head\nframes', 'head\n', '\nframes', `${'x'.repeat(16_000)}\nframes`],
      async run(text) {
        // The longest heads are longer than an input.
        const bytes = bytesOf(text.length > 12_000 ? text.slice(0, 11_000).repeat(2) + text : text);
        const request = new IncomingMessage(new Socket());
        for (const piece of piecesOf(bytes)) request.push(piece);
        request.push(null);
        const head = await collectHead(request);
        const end = bytes.indexOf('\n');
        assert.equal(head !== undefined, end >= 0 && end <= MAX_HEAD_BYTES);
        if (!head) return false;
        const rest = [];
        for await (const chunk of request) rest.push(chunk);
        assert.equal(`${textOf(head)}\n${textOf(Buffer.concat(rest))}`, textOf(bytes));
        return true;
      },
    };
  },

  /** The client's reader of answers in frames: the honest answer, or a refusal of its head, or a stream that breaks. */
  async 'answer-stream'() {
    const channels = makeChannels();
    const post = async (body) => {
      const answer = await channels.handshake(SESSION, parsePublicKey(parseJsonObject(body).publicKey));
      return parseJsonObject(JSON.stringify(answer));
    };
    const settings = /** @type {const} */ ({ keyKind: 'X25519', rsaModulusLength: 2048 });
    const channel = await shakeHands(nodeEngine, settings, undefined, new Set(), undefined, post, false);
    const seq = channel.claim();
    const route = { method: 'GET', target: '/file' };
    const message = await channel.seal(seq, route, new Uint8Array(0), new Uint8Array(0));
    const opened = await channels.open(SESSION.id, message, { ...route, place: 'header', idem: undefined });
    const { head, frames } = opened.sealHead({ status: 200, cty: 'text/plain', iat: 1, length: PLAINTEXT.length });
    const honest = `${head}\n${textOf(seal(frames))}`;
    return {
      seeds: [honest],
      async run(text) {
        const bytes = bytesOf(text);
        const isHonest = textOf(bytes) === honest;
        const answer = await openAnswerStream(new Response(bytes), channel, seq, undefined);
        assert.equal(answer !== undefined, textOf(bytes).startsWith(`${head}\n`));
        if (!answer) return false;
        let read = '';
        let isWhole = true;
        try {
          for await (const part of answer.body) read += textOf(part);
        } catch (error) {
          if (!(error instanceof E2eClientError) || error.code !== 'stream-broken') throw error;
          isWhole = false;
        }
        assert.equal(isWhole, isHonest);
        assert(PLAINTEXT.startsWith(read));
        return isWhole;
      },
    };
  },

  /** The meta object of either end: what was accepted fits a second table of the rules, and is written as it was read. */
  async meta() {
    const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
    const isValue = (value, highest) =>
      typeof value === 'string' &&
      value.length <= 8192 &&
      value === value.replace(/^[ \t]+|[ \t]+$/g, '') &&
      [...value].every((c) => c === '\t' || (c >= ' ' && c <= '~') || (c >= '\x80' && c <= highest));
    const ends = /** @type {const} */ ([
      ['client', parseRequestMeta, (value) => isValue(value, '')],
      ['server', parseResponseMeta, (value) => isValue(value, '\xff')],
    ]);
    return {
      seeds: [
        '{"query":"a=b&c=d","headers":{"last-event-id":"7"},"protocols":["a","b"]}',
        '{"headers":{"location":"/a","content-disposition":"attachment; filename=\\"caf\u00e9.txt\\""},"protocol":"a"}',
        '{"headers":{"__proto__":"a","constructor":"b"}}',
        '{}',
      ],
      run(text) {
        let isAccepted = false;
        for (const [from, parse, fits] of ends) {
          const meta = parse(text);
          if (!meta) continue;
          isAccepted = true;
          const { query, headers = [], protocols, protocol } = meta;
          assert(query === undefined || (/^[!-~]{1,8192}$/.test(query) && !query.includes('#')));
          assert(headers.length <= 64);
          for (const [name, value] of headers) assert(NAME.test(name) && fits(value), `${name}: ${value}`);
          assert.equal(new Set(headers.map(([name]) => name)).size, headers.length);
          assert(protocols === undefined || (protocols.length <= 16 && new Set(protocols).size === protocols.length));
          assert(protocol === undefined || /^[\w!#$%&'*+\-.^`|~]{1,128}$/.test(protocol));
          const again = renderMeta(meta, from);
          assert.deepEqual(parse(again === '' ? '{}' : again), { ...meta, headers });
        }
        return isAccepted;
      },
    };
  },
};
