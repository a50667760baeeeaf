import { describe, expect, it } from '@jest/globals';
import { fromUtf8 } from '../../../src/protocol/json.js';
import { joinSecrets, transcriptInput } from '../../../src/protocol/schedule.js';

const transcript = { jkt: 'J', kid: 'K', issuedAt: 1795392000, expiresAt: 1795395600, session: 'S' };

describe('the transcript', () => {
  it('is nine lines without a newline at the end', () => {
    expect(fromUtf8(transcriptInput({ ...transcript, secret: 'a.b.c.d.e', device: 'D', identity: 'I' }))).toBe(
      'e2e/1\nJ\nK\na.b.c.d.e\n1795392000\n1795395600\nS\nD\nI',
    );
  });

  it('has an empty line where there is no secret, no device and no proof', () => {
    const expected = 'e2e/1\nJ\nK\n\n1795392000\n1795395600\nS\n\n';
    expect(fromUtf8(transcriptInput(transcript))).toBe(expected);
    expect(fromUtf8(transcriptInput({ ...transcript, secret: undefined, device: undefined }))).toBe(expected);
  });
});

describe('the key material of an RSA channel', () => {
  it("is the server's half and then the client's", () => {
    const ikm = joinSecrets(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
    expect([...ikm]).toEqual([...Array<number>(32).fill(1), ...Array<number>(32).fill(2)]);
  });
});
