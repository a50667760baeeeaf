import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import {
  Body,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  Post,
  UseInterceptors,
  Version,
  VersioningType,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';

const KEY = randomBytes(32);

/** The interceptor of docs/migrating.md. */
@Injectable()
class BodyCipher implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<{ data: string }> {
    const request = context.switchToHttp().getRequest<{ body?: { data?: string } }>();
    if (request.body?.data) request.body = JSON.parse(decrypt(request.body.data)) as object;
    return next.handle().pipe(map((value) => ({ data: encrypt(JSON.stringify(value)) })));
  }
}

function encrypt(text: string): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', KEY, iv);
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}

function decrypt(data: string): string {
  const bytes = Buffer.from(data, 'base64');
  const decipher = createDecipheriv('aes-256-cbc', KEY, bytes.subarray(0, 16));
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString('utf8');
}

@Controller('invoices')
class InvoiceController {
  @Post()
  @Version('1')
  @UseInterceptors(BodyCipher)
  createTheOldWay(@Body() invoice: { total: number }) {
    return this.create(invoice);
  }

  @Post()
  @Version('2')
  @Encrypted()
  create(@Body() invoice: { total: number }) {
    return { id: 1, ...invoice };
  }
}

const headers = { 'content-type': 'application/json' };

onEachPlatform('routes that were sealed beside routes with a cipher of their own', (platform) => {
  const app = useApp(platform, {
    controllers: [InvoiceController],
    configure: (nest) => nest.enableVersioning({ type: VersioningType.URI }),
  });

  const callTheOldWay = (path: string) =>
    fetch(app().url + path, { method: 'POST', headers, body: JSON.stringify({ data: encrypt('{"total":7}') }) });

  it('leave the old ones as they were', async () => {
    const response = await callTheOldWay('/v1/invoices');
    expect(response.status).toBe(201);
    const { data } = (await response.json()) as { data: string };
    expect(JSON.parse(decrypt(data))).toEqual({ id: 1, total: 7 });
  });

  it('see plain DTOs, and answer the client', async () => {
    const response = await app().client().fetch('v2/invoices', { method: 'POST', headers, body: '{"total":7}' });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ id: 1, total: 7 });
  });

  it('refuse calls of the old kind', async () => {
    const response = await callTheOldWay('/v2/invoices');
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ type: 'urn:e2e:problem:message-required' });
  });
});
