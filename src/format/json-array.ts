/**
 * Yields one JSON array, piece by piece, with each part on its own line. `textOf` returns the JSON of the item of a
 * part, or of several items with `,\n` between them.
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
