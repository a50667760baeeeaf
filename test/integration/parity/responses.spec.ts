import { expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { onEachPlatform } from '../e2e/support/apps.js';
import { usePair } from './support/compare.js';

@Controller('responses')
class ResponseController {
  @Get('object')
  object(): object {
    return { text: 'ü' };
  }
}

onEachPlatform('A sealed route answers what the plain one does', (platform) => {
  const pair = usePair(platform, { controllers: [ResponseController] });

  it.each(['object'])('%s', async (name) => {
    const { plain, sealed } = await pair().both(`/responses/${name}`);
    expect(sealed).toEqual(plain);
  });
});
