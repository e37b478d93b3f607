import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const FOLDER = fileURLToPath(new URL('../../../src/web/browser/style', import.meta.url))
const FILES = readdirSync(FOLDER)
const textOfFile = (name: string) => readFileSync(join(FOLDER, name), 'utf8')

/** The colours of each token: `[light, dark]`. */
const COLOURS = new Map(
  [...textOfFile('tokens.css').matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name = '', light = '', dark = '']) => [name, [light, dark]] as const,
  ),
)

/** The relative luminance of WCAG 2.2. */
function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrastOf(one: string, other: string, mode: 0 | 1): number {
  const [dark = 0, light = 0] = [one, other]
    .map((name) => luminanceOf(COLOURS.get(name)?.[mode] ?? ''))
    .sort((less, more) => less - more)
  return (light + 0.05) / (dark + 0.05)
}

/** axe checks the contrast of texts, in light and in dark (test/web/browser). What must be seen against the page: fills and borders of marks, borders of fields, and the focus. */
const SHAPES = ['completed-edge', 'failed', 'running', 'stale', 'missed', 'edge', 'focus', 'ink']

describe.each([
  ['light', 0],
  ['dark', 1],
] as const)('on the %s screen', (_, mode) => {
  test.each(SHAPES.flatMap((shape) => ['paper', 'raised'].map((ground) => [shape, ground] as const)))(
    'the shape in %s on %s has the contrast of WCAG AA',
    (shape, ground) => {
      expect(contrastOf(shape, ground, mode)).toBeGreaterThanOrEqual(3)
    },
  )
})

test('every token is used, and every token that is used exists', () => {
  const all = FILES.map(textOfFile).join('\n')
  const defined = new Set([...all.matchAll(/^ +(--[a-z\d-]+):/gm)].map(([, name]) => name))
  const used = new Set([...all.matchAll(/var\((--[a-z\d-]+)/g)].map(([, name]) => name))
  expect([...used].sort()).toEqual([...defined].sort())
})

test('nothing moves by itself, so a reader who wants less motion needs no rule', () => {
  expect(FILES.filter((name) => /transition|animation|@keyframes|smooth/.test(textOfFile(name)))).toEqual([])
})
