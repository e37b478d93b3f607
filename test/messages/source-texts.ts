import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SOURCE = new URL('../../src/', import.meta.url).pathname

/** The calls whose first text is shown to a user. */
const CALLS =
  /(?<!function )\b(?:usageError|new LedgerError|new AmbiguousTime|make|problem|malformed|damaged|wrongName|describeLoss)\((?=[^)])/g

/**
 * Returns every text of an error as the source has it, by file. It needs no sample that makes the error, so a new error
 * is in the catalogue as soon as it is in the source.
 */
export function sourceTexts(): readonly string[] {
  return sourceFiles().flatMap((file) => {
    const source = readFileSync(join(SOURCE, file), 'utf8')
    const texts = [...source.matchAll(CALLS)].flatMap(({ 0: call, index }) => {
      const text = argumentsAt(source, index + call.length)
      return /['"`]/.test(text) ? [`  ${text}`] : []
    })
    return texts.length === 0 ? [] : [`${file}:`, ...texts]
  })
}

function sourceFiles(): readonly string[] {
  return readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .sort()
}

/** Returns the text from an opening parenthesis to the one that closes it, on one line. */
function argumentsAt(source: string, start: number): string {
  let depth = 1
  let end = start
  for (; depth > 0 && end < source.length; end++) {
    if (source[end] === '(') depth += 1
    if (source[end] === ')') depth -= 1
  }
  return source
    .slice(start, end - 1)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/,$/, '')
}
