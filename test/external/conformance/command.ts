import { spawn } from 'node:child_process';

/** Runs a program to its end, and gives what it printed on both streams. */
export async function command(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<{ code: unknown; printed: string }> {
  const child = spawn(program, args, options);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += String(chunk)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, printed };
}
