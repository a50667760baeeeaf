import { createHash } from 'node:crypto';

/** JSON of exactly so many bytes, as an application sends it: records of numbers, texts and flags. Always the same. */
export function jsonOf(bytes) {
  const records = [];
  const textWith = (padding) => JSON.stringify({ items: records, note: padding });
  let length = textWith('').length;
  for (let index = 0; ; index++) {
    const record = recordOf(index);
    const added = JSON.stringify(record).length + 1;
    if (length + added > bytes) break;
    records.push(record);
    length += added;
  }
  const rest = bytes - textWith('').length;
  if (rest < 0) throw new Error(`no JSON of ${bytes} bytes`);
  return textWith('n'.repeat(rest));
}

function recordOf(index) {
  const digest = createHash('sha256').update(String(index)).digest('hex');
  return {
    id: index + 1,
    name: `Customer ${digest.slice(0, 8)}`,
    email: `${digest.slice(8, 18)}@example.com`,
    amount: parseInt(digest.slice(18, 24), 16) / 100,
    active: index % 3 > 0,
    tags: [digest.slice(24, 29), digest.slice(29, 36)],
  };
}

export const SIZE_NAMES = { 200: '200 B', 1024: '1 KiB', 16384: '16 KiB', 65536: '64 KiB', 1048576: '1 MiB' };
