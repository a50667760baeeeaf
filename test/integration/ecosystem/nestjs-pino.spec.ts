import { expect, it } from '@jest/globals';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { until } from '../../support/clock.js';
import { useApplications } from './support/process.js';

onEachPlatform('nestjs-pino', (platform) => {
  const applications = useApplications(platform, 'nestjs-pino.app.ts');

  /** What the application logs of three sealed requests. */
  async function logOf(name: string): Promise<string> {
    applications.output = '';
    const agent = await e2eAgent(applications.url(name));
    await agent.post('/notes').send({ text: CANARY }).expect(201, { text: CANARY });
    await agent.get('/notes').query({ text: CANARY }).expect(200, { text: CANARY });
    await agent.post('/notes/fail').send({ text: CANARY }).expect(500);
    await until(() => applications.output.includes('request errored'));
    return applications.output;
  }

  it('logs sealed requests, and nothing of what they say', async () => {
    const log = await logOf('Default');
    expect(log).toMatch(/"url":"\/notes".*"msg":"a handler logs"/);
    expect(log).toMatch(/"url":"\/notes".*"statusCode":201.*"msg":"request completed"/);
    expect(log).toMatch(/"url":"\/notes\/fail".*"message":"a handler fails".*"msg":"request errored"/);
    expect(log).not.toContain(CANARY);
  });

  it('has nothing for a serializer that takes bodies and queries: it runs before the message is opened', async () => {
    expect(await logOf('Serializer')).not.toContain(CANARY);
  });

  it('logs them where it is told to when the response ends: on Express the request has them then', async () => {
    const log = await logOf('Late');
    if (platform === 'express') {
      expect(log).toContain(`"body":{"text":"${CANARY}"}`);
      expect(log).toContain(`"query":{"text":"${CANARY}"}`);
    } else {
      expect(log).not.toContain(CANARY);
    }
  });
});
