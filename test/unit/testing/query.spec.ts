import { expect, it } from '@jest/globals';
import { toQuery } from '../../../src/testing/query.js';

// What superagent 10 makes of the same objects.
it.each<[object, string]>([
  [{ b: 'x y', c: [1, 2], d: undefined, e: true }, 'b=x%20y&c=1&c=2&e=true'],
  [{ f: { g: "it's", h: { i: [1, 'ü'] } } }, 'f%5Bg%5D=it%27s&f%5Bh%5D%5Bi%5D=1&f%5Bh%5D%5Bi%5D=%C3%BC'],
  [{ n: null, day: new Date(0), '(a)': '~*!' }, 'n&day=1970-01-01T00%3A00%3A00.000Z&%28a%29=~%2A%21'],
  [{ list: [] }, ''],
])('writes %j', (object, query) => {
  expect(toQuery(object)).toBe(query);
});
