/**
 * One JSON array as it comes, each part on a line of its own. `textOf` is the JSON of a part's item, or of several, with
 * `,\n` between them.
 */
export async function* jsonArray<T>(
  parts: AsyncIterable<T>,
  textOf: (part: T) => string,
): AsyncGenerator<string, void, undefined> {
  let before = '[\n'
  for await (const part of parts) {
    yield before + textOf(part)
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}
