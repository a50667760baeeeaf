import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CookieFile } from '../../../src/cli/cookie-file.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cookies-'));
  path = join(folder, 'jar.txt');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const stored = (line: string, url: string, ...asked: string[]): string[] => {
  const file = CookieFile.open(join(folder, 'none.txt'));
  file.store(new URL(url), new Headers([['set-cookie', line]]));
  return [url, ...asked].map((each) => file.header(new URL(each)));
};

function save(): void {
  const file = CookieFile.open(path);
  file.store(new URL('https://a.example.com/'), new Headers([['set-cookie', 'sid=1; Path=/']]));
  file.save();
}

describe('the cookie file', () => {
  it('has mode 0600, whatever the umask and the file before', () => {
    const before = process.umask(0);
    try {
      save();
      expect(statSync(path).mode & 0o777).toBe(0o600);
      save();
      expect(statSync(path).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
    expect(readdirSync(folder)).toEqual(['jar.txt']);
    expect(CookieFile.open(path).header(new URL('https://a.example.com/'))).toBe('sid=1');
  });

  it.each([0o644, 0o640, 0o604, 0o620, 0o602, 0o660])('is refused where others have access: %o', (mode) => {
    save();
    chmodSync(path, mode);
    expect(() => CookieFile.open(path)).toThrow(/--cookie-jar .*others may read or write it.*chmod 600/);
  });

  it('follows no link: to read, to write, or that leads nowhere', () => {
    const target = join(folder, 'target.txt');
    writeFileSync(target, 'precious', { mode: 0o600 });
    symlinkSync(target, path);
    expect(() => CookieFile.open(path)).toThrow(/symbolic link/);
    rmSync(path);
    const file = CookieFile.open(path);
    symlinkSync(target, path);
    expect(() => file.save()).toThrow(/symbolic link/);
    expect(readFileSync(target, 'utf8')).toBe('precious');
    rmSync(target);
    expect(() => CookieFile.open(path)).toThrow(/symbolic link/);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
  });

  it('is a regular file', () => {
    expect(() => CookieFile.open(folder)).toThrow(/--cookie-jar .*(not a regular file|EISDIR)/);
  });

  it('is written beside its place, and put there at once', () => {
    save();
    const { ino } = statSync(path);
    save();
    expect(statSync(path).ino).not.toBe(ino);
  });
});

describe('a cookie for a domain', () => {
  it.each([
    ['com', 'https://shop.example.com/'],
    ['.com', 'https://example.com/'],
    ['co.uk', 'https://shop.co.uk/'],
    ['com.au', 'https://a.b.com.au/'],
    ['localhost', 'http://app.localhost/'],
    ['0.0.1', 'http://127.0.0.1/'],
    ['1', 'http://127.0.0.1/'],
    ['other.com', 'https://example.com/'],
    ['ple.com', 'https://example.com/'],
    ['a.example.com', 'https://example.com/'],
  ])('%s from %s is refused', (domain, url) => {
    expect(stored(`sid=1; Domain=${domain}; Path=/`, url)).toEqual(['']);
  });

  it.each([
    ['example.com', 'https://shop.example.com/', 'https://other.example.com/', 'sid=1'],
    ['example.co.uk', 'https://a.example.co.uk/', 'https://b.example.co.uk/', 'sid=1'],
    ['EXAMPLE.com', 'https://example.com/', 'https://a.example.com/', 'sid=1'],
    ['localhost', 'http://localhost/', 'http://a.localhost/', ''],
    ['127.0.0.1', 'http://127.0.0.1/', 'http://1.127.0.0.1.example/', ''],
  ])('%s from %s is taken', (domain, url, other, seen) => {
    expect(stored(`sid=1; Domain=${domain}; Path=/`, url, other)).toEqual(['sid=1', seen]);
  });
});
