/** What a command talks to: two outputs, one input. */
export interface Terminal {
  /** Resolves when more can be taken. */
  readonly out: (text: string | Uint8Array) => unknown;
  readonly err: (text: string) => void;
  /** Standard input, to its end. */
  readonly input: () => AsyncIterable<Uint8Array>;
  /** Whether an output is a terminal: then it may be coloured and laid out, and holds no control characters. */
  readonly isTerminal: { readonly out: boolean; readonly err: boolean };
  readonly colours: boolean;
  readonly columns: number;
}

/** What the command line ends with. */
export const EXIT = { ok: 0, usage: 1, failed: 2, refused: 4, broken: 5 } as const;

/** The command was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

/** Uses colours only on a terminal, and not if NO_COLOR is set (https://no-color.org). */
export function painter(terminal: Terminal, output: 'out' | 'err'): Paint {
  if (!terminal.colours || !terminal.isTerminal[output]) return (_colour, text) => text;
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}

/** All of standard input. */
export async function readInput({ input }: Terminal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Text from elsewhere, unable to steer a terminal. */
export function harmless(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
