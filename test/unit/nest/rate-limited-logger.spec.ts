import { afterEach, describe, expect, it } from '@jest/globals';
import type { Logger } from '@nestjs/common';
import { RateLimitedLogger } from '../../../src/nest/request/rate-limited-logger.js';
import { letTimePass } from '../../support/clock.js';

describe('A log that attackers could fill', () => {
  const lines: string[] = [];
  const logger = { warn: (text: string) => lines.push(text) } as unknown as Logger;
  const putBack: (() => void)[] = [];
  afterEach(() => {
    for (const undo of putBack.splice(0).reverse()) undo();
    lines.length = 0;
  });
  const pass = (seconds: number) => putBack.push(letTimePass(seconds));

  it('says each text once a minute', () => {
    const log = new RateLimitedLogger(logger);
    for (const text of ['one', 'two', 'one', 'two']) log.say('warn', text);
    expect(lines).toEqual(['one', 'two']);
    pass(59);
    log.say('warn', 'one');
    expect(lines).toHaveLength(2);
    pass(2);
    log.say('warn', 'one');
    expect(lines).toEqual(['one', 'two', 'one']);
  });

  it('remembers a hundred texts of the last minute and says no others, even if a text is not a constant', () => {
    const log = new RateLimitedLogger(logger);
    for (let number = 0; number < 1000; number++) log.say('warn', `text ${number}`);
    expect(lines).toHaveLength(100);
    pass(61);
    log.say('warn', 'text 999');
    expect(lines.at(-1)).toBe('text 999');
    expect(lines).toHaveLength(101);
  });

  it('goes on when the clock is set back', () => {
    const log = new RateLimitedLogger(logger);
    log.say('warn', 'one');
    pass(-3600);
    log.say('warn', 'one');
    expect(lines).toEqual(['one', 'one']);
  });
});
