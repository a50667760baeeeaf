import { pointerTo } from '../../protocol/field.js';

/** A value in a JSON string. */
export interface Place {
  /** Its JSON pointer. */
  readonly pointer: string;
  /** The names and indexes that lead to it. */
  readonly steps: readonly string[];
  readonly start: number;
  readonly end: number;
}

/**
 * Finds values in a valid JSON string, so that the rest of it, including numbers and spaces, stays unchanged.
 *
 * @param isWanted whether a value is one of them; its content is not searched.
 */
export function findPlaces(
  json: string,
  isWanted: (steps: readonly string[], text: string, pointer: string) => boolean,
): Place[] {
  const places: Place[] = [];
  let at = 0;

  const skipSpace = (): void => {
    while (' \t\n\r'.includes(json.charAt(at)) && at < json.length) at++;
  };
  const skipString = (): void => {
    for (at++; json.charAt(at) !== '"'; at++) if (json.charAt(at) === '\\') at++;
    at++;
  };
  const skipMembers = (read: (index: number) => void): void => {
    at++;
    for (let index = 0; ; index++) {
      skipSpace();
      if (json.charAt(at) === ',') at++;
      skipSpace();
      if (']}'.includes(json.charAt(at))) break;
      read(index);
    }
    at++;
  };
  const skipValue = (steps: readonly string[], pointer: string): void => {
    skipSpace();
    const start = at;
    const before = places.length;
    const first = json.charAt(at);
    if (first === '[') {
      skipMembers((index) => skipValue([...steps, String(index)], pointerTo(pointer, index)));
    } else if (first === '{') {
      skipMembers(() => {
        const from = at;
        skipString();
        const name = JSON.parse(json.slice(from, at)) as string;
        skipSpace();
        at++;
        skipValue([...steps, name], pointerTo(pointer, name));
      });
    } else if (first === '"') skipString();
    else while (at < json.length && !' \t\n\r,]}'.includes(json.charAt(at))) at++;
    if (!isWanted(steps, json.slice(start, at), pointer)) return;
    places.length = before;
    places.push({ pointer, steps, start, end: at });
  };
  skipValue([], '');
  return places;
}

/** The string with the values at these places replaced. */
export function replacePlaces(json: string, places: readonly Place[], values: readonly string[]): string {
  let [text, from] = ['', 0];
  for (const [index, { start, end }] of places.entries()) {
    text += json.slice(from, start) + values[index]!;
    from = end;
  }
  return text + json.slice(from);
}
