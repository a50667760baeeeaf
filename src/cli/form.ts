import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { isMediaType, OCTETS_MEDIA_TYPE } from '../protocol/media-type.js';
import { UsageError } from './terminal.js';

/** A body that is read as it is sent. */
export interface StreamedBody {
  readonly type: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

interface FormFile {
  readonly path: string;
  readonly name: string;
  readonly type: string;
}

/** `-F name=value` and `-F name=@file;type=text/plain;filename=a.txt`, as `multipart/form-data` (RFC 7578). @throws UsageError */
export function readForm(items: readonly string[]): StreamedBody {
  const boundary = `----e2e-${crypto.randomUUID()}`;
  const parts = items.map((item): readonly [string, FormFile?] => {
    const [, name = '', value = ''] = /^([^=]+)=([^]*)$/.exec(item) ?? [];
    if (!name) throw new UsageError(`-F "${item}" is neither name=value nor name=@file`);
    const start = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(name)}"`;
    if (!value.startsWith('@')) return [`${start}\r\n\r\n${value}\r\n`];
    const file = readFilePart(item, value.slice(1));
    return [`${start}; filename="${escape(file.name)}"\r\nContent-Type: ${file.type}\r\n\r\n`, file];
  });
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (const [text, file] of parts) {
      yield Buffer.from(text);
      if (!file) continue;
      for await (const chunk of createReadStream(file.path)) yield chunk as Uint8Array;
      yield Buffer.from('\r\n');
    }
    yield Buffer.from(`--${boundary}--\r\n`);
  }
  return { type: `multipart/form-data; boundary=${boundary}`, bytes: bytes() };
}

/** A file to read. @throws UsageError if there is none. */
export function readableFile(option: string, path: string): string {
  try {
    if (!statSync(path).isDirectory()) return path;
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
  throw new UsageError(`${option}: ${path} is a directory`);
}

function readFilePart(item: string, value: string): FormFile {
  const [path = '', ...parameters] = value.split(';');
  let [name, type] = [basename(path), OCTETS_MEDIA_TYPE];
  for (const parameter of parameters) {
    const [, key, its = ''] = /^\s*(type|filename)=(.*)$/.exec(parameter) ?? [];
    if (key === 'filename') name = its;
    else if (key === 'type' && isMediaType(its)) type = its;
    else throw new UsageError(`-F "${item}": only ;type=MEDIA/TYPE or ;filename=NAME may follow a file`);
  }
  return { path: readableFile(`-F "${item}"`, path), name, type };
}

/** As browsers write names (HTML, multipart/form-data encoding algorithm). */
function escape(name: string): string {
  return name.replace(/[\r\n"]/g, (character) => encodeURIComponent(character));
}
