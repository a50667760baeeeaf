import type { CDPSession, Page } from 'playwright-core';
import { STREAM_MEDIA_TYPE } from '../../../../src/protocol/media-type.js';

/** One thing that the network view of the devtools can show. */
export interface Shown {
  readonly what: 'url' | 'request headers' | 'request body' | 'response headers' | 'response body';
  readonly of: string;
  readonly text: string;
}

/** All that the DevTools protocol's Network domain reports of a page, whole bodies included. */
export class Devtools {
  readonly shown: Shown[] = [];
  /** Requests without a whole answer; what they carried cannot be looked through. */
  readonly failed: string[] = [];
  readonly #urls = new Map<string, string>();
  readonly #reading = new Set<Promise<void>>();

  private constructor(private readonly session: CDPSession) {}

  static async open(page: Page): Promise<Devtools> {
    const session = await page.context().newCDPSession(page);
    const devtools = new Devtools(session);
    devtools.#listen();
    const bytes = 2 ** 26;
    await session.send('Network.enable', {
      maxTotalBufferSize: bytes,
      maxResourceBufferSize: bytes,
      maxPostDataSize: bytes,
    });
    return devtools;
  }

  /** Waits for the bodies that are still being read: ask before the page goes elsewhere, and its bodies with it. */
  async settle(): Promise<void> {
    while (this.#reading.size > 0) await Promise.all(this.#reading);
  }

  /** The sealed messages: requests (in bodies and headers) and responses. */
  sealed(): { requests: Shown[]; responses: Shown[] } {
    const message = /(^|[\s"])eyJ[\w-]+\.[\w-]*\.[\w-]{16}\.[\w-]*\.[\w-]{22}($|[\s"])/;
    const sealed = (what: Shown['what']) => this.shown.filter((each) => each.what === what && message.test(each.text));
    return {
      requests: [...sealed('request body'), ...sealed('request headers')],
      responses: sealed('response body').filter(({ of }) => !of.endsWith('/e2e/handshake')),
    };
  }

  #listen(): void {
    const { session } = this;
    session.on('Network.requestWillBeSent', ({ requestId, request, redirectResponse }) => {
      const of = `${request.method} ${request.url}`;
      this.#urls.set(requestId, of);
      this.#show('url', of, request.url + (request.urlFragment ?? ''));
      this.#show('request headers', of, JSON.stringify(request.headers));
      if (redirectResponse) this.#show('response headers', of, JSON.stringify(redirectResponse.headers));
      if (request.hasPostData) this.#read(this.#postData(requestId, of));
    });
    // What is really sent and received, cookies and browser-made headers among it. Its other copy is in requestWillBeSent.
    session.on('Network.requestWillBeSentExtraInfo', ({ requestId, headers }) =>
      this.#show('request headers', `extra info of ${this.#of(requestId)}`, Object.entries(headers).flat().join('\n')),
    );
    session.on('Network.responseReceived', ({ requestId, response }) => {
      this.#show('response headers', this.#of(requestId), JSON.stringify(response.headers));
      // What a script reads as a stream has no body afterwards: the devtools show it as it comes.
      if (response.mimeType === STREAM_MEDIA_TYPE) this.#read(this.#streamed(requestId));
    });
    session.on('Network.dataReceived', ({ requestId, data }) => {
      if (data !== undefined) this.#showBody(requestId, data, true);
    });
    session.on('Network.responseReceivedExtraInfo', ({ requestId, headers, headersText = '' }) =>
      this.#show('response headers', this.#of(requestId), JSON.stringify(headers) + headersText),
    );
    session.on('Network.loadingFinished', ({ requestId }) => this.#read(this.#responseBody(requestId)));
    session.on('Network.loadingFailed', ({ requestId, errorText }) =>
      this.failed.push(`${this.#of(requestId)}: ${errorText}`),
    );
  }

  #of(requestId: string): string {
    return this.#urls.get(requestId) ?? requestId;
  }

  #show(what: Shown['what'], of: string, text: string): void {
    this.shown.push({ what, of, text });
  }

  #read(reading: Promise<void>): void {
    const noted: Promise<void> = reading
      .catch((error: unknown) => void this.failed.push(String(error)))
      .finally(() => this.#reading.delete(noted));
    this.#reading.add(noted);
  }

  async #postData(requestId: string, of: string): Promise<void> {
    const { postData } = await this.session.send('Network.getRequestPostData', { requestId });
    this.#show('request body', of, postData);
  }

  async #responseBody(requestId: string): Promise<void> {
    const { body, base64Encoded } = await this.session.send('Network.getResponseBody', { requestId });
    this.#showBody(requestId, body, base64Encoded);
  }

  async #streamed(requestId: string): Promise<void> {
    const { bufferedData } = await this.session.send('Network.streamResourceContent', { requestId });
    this.#showBody(requestId, bufferedData, true);
  }

  #showBody(requestId: string, body: string, isBase64: boolean): void {
    this.#show('response body', this.#of(requestId), isBase64 ? Buffer.from(body, 'base64').toString('latin1') : body);
  }
}
