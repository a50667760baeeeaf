import type { Logger } from '@nestjs/common';
import type { E2eEvents } from '../../channel/events.js';
import type { OpenedMessage } from '../../channel/message.js';
import type { ShownOptions } from '../options/e2e.options.js';
import type { ExchangeState } from '../request/exchange-state.js';
import { HeldBytes } from '../request/held-bytes.js';
import type { PlainAnswer, Sealed, Transform } from '../request/response-capture.js';
import { asPlainAnswer, extraHeaders, withheldAnswer } from './constant-answers.js';
import { afterBody } from './request-body.js';
import { sealAnswer } from './sealed-answer.js';

/** The rest of the request's body may never be read: no client may send another request after it (RFC 9112 §9.6). */
const BODY_LEFT = { Connection: 'close' } as const;

/** Seals responses to messages. If anything fails, no plaintext is sent. */
export class AnswerSealer {
  /** The limit of what all responses together may buffer until they can be sealed. */
  readonly held: HeldBytes;

  constructor(
    private readonly options: Pick<ShownOptions, 'padding' | 'sealedHeaders' | 'maxHeldSize'>,
    private readonly events: E2eEvents,
    private readonly logger: Logger,
  ) {
    this.held = new HeldBytes(options.maxHeldSize);
  }

  /** Seals the response to this message; a success only after the request's body has ended. */
  for(message: OpenedMessage, state: ExchangeState): Transform {
    return afterBody(state, (answer) => this.#seal(state, message, answer));
  }

  #seal(
    { refusal, settled, framed, fields, hasFailed }: ExchangeState,
    message: OpenedMessage,
    answer: PlainAnswer,
  ): Sealed {
    const plain = settled ? asPlainAnswer(settled) : answer;
    const { method } = message.header;
    const from = performance.now();
    const isEarly = framed !== undefined && !framed.hasEnded;
    try {
      const { wire, flaw } = sealAnswer(message, plain, {
        padding: this.options.padding,
        isEarly,
        sealedHeaders: this.options.sealedHeaders.response,
        fields: fields?.isAnswerWhole || hasFailed ? undefined : fields?.sealed,
      });
      if (flaw !== undefined) {
        this.logger.error(`The response to a sealed ${method} request was replaced by an error. ${flaw}`);
      }
      const ms = performance.now() - from;
      const bytes = plain.isPartial ? 0 : plain.body.length;
      if (wire) this.events.emit({ type: 'sealed', status: plain.status, bytes, ms });
      if (!wire || !(refusal || isEarly)) return wire;
      const more = { ...(refusal && extraHeaders(refusal)), ...(isEarly && BODY_LEFT) };
      return { ...wire, headers: { ...more, ...wire.headers } };
    } catch {
      // The cause may hold plaintext.
      this.logger.error(`The response to a sealed ${method} request could not be sealed and was withheld.`);
      return withheldAnswer(500);
    }
  }
}
