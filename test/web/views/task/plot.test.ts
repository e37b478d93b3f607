import { describe, expect, test } from 'vitest'
import { Plot, type Point } from '../../../../src/web/views/task/plot.tsx'
import { axisOf, HEIGHT, medianOf, ZERO } from '../../../../src/web/views/task/plot-axis.ts'

describe('an axis', () => {
  test.each([
    [0, ['0', '0.5 s', '1 s']],
    [800, ['0', '500 ms', '1000 ms']],
    [1_000, ['0', '0.5 s', '1 s']],
    [1_500, ['0', '1 s', '2 s']],
    [100_000, ['0', '50 s', '100 s']],
    [389_000, ['0', '5 min', '10 min']],
    [7_200_000, ['0', '1 h', '2 h']],
    [40 * 86_400_000, ['0', '20 d', '40 d']],
  ])('up to %i ms has few ticks in a unit that is easy to read', (ms, texts) => {
    expect(axisOf(ms).ticks.map(({ text }) => text)).toEqual(texts)
  })

  test('begins at the lower edge, and the largest value leaves room for the sign above it', () => {
    const { yOf } = axisOf(60_000)
    expect(yOf(0)).toBe(ZERO)
    expect(yOf(60_000)).toBe(18)
    expect(yOf(30_000)).toBe(57)
  })
})

test.each([
  [[], null],
  [[7], 7],
  [[9, 1], 5],
  [[3, 1, 2], 2],
  [[4, 4, 4, 4], 4],
])('the median of %j is %j', (values, median) => {
  expect(medianOf(values)).toBe(median)
})

/** The columns of a plot, each with its bar and its sign. */
function columnsOf(points: readonly Pick<Point, 'mark' | 'ms'>[]) {
  const html = String(
    Plot({
      title: 'Duration',
      columns: 20,
      points: points.map((point, index) => ({ ...point, facts: [`slot ${index}`, '<b>'] })),
    }),
  )
  const columns = [...html.matchAll(/<g class="(\w+)"[\s\S]*?<\/g>/g)].map(([text, mark]) => ({
    mark,
    bar: Number(/class="bar"[^>]* height="(\d+)"/.exec(text)?.[1] ?? 0),
    sign: /<text[^>]*>([^<]*)<\/text>/.exec(text)?.[1] ?? '',
  }))
  return { html, columns }
}

test('a failure has a sign and not only a height, and a slot without a run is a gap with its sign', () => {
  const { columns } = columnsOf([
    { mark: 'completed', ms: 60_000 },
    { mark: 'failed', ms: 30_000 },
    { mark: 'missed', ms: null },
    { mark: 'completed', ms: 0 },
  ])
  expect(columns).toEqual([
    { mark: 'completed', bar: ZERO - 18, sign: '' },
    { mark: 'failed', bar: 38, sign: 'F' },
    { mark: 'missed', bar: 0, sign: 'M' },
    { mark: 'completed', bar: 2, sign: '' },
  ])
})

test('the title says the median and the longest, and each column what its popover shows', () => {
  const { html } = columnsOf([
    { mark: 'completed', ms: 60_000 },
    { mark: 'completed', ms: 180_000 },
  ])
  expect(html).toContain('median 2m 0s (dashed line), longest 3m 0s')
  expect(html).toContain('data-facts="slot 1; &lt;b&gt;"><title>slot 1\n&lt;b&gt;</title>')
  expect([...html.matchAll(/<span class="aside">([^<]*)/g)].map(([, text]) => text)).toEqual(['1m 0s', '3m 0s'])
})

test('one value, equal values and no value can be shown', () => {
  expect(columnsOf([{ mark: 'completed', ms: 5_000 }]).html).toContain('<span class="quiet">5s</span>')
  const { html, columns } = columnsOf(Array.from({ length: 20 }, () => ({ mark: 'completed', ms: 4_000 })))
  expect(html).toContain('median 4s (dashed line), longest 4s')
  expect(new Set(columns.map(({ bar }) => bar)).size).toBe(1)
  expect(columnsOf([{ mark: 'missed', ms: null }]).html).toMatch(/no data<\/span><\/th><\/tr><\/tbody>$/)
  expect(HEIGHT).toBeGreaterThan(ZERO)
})
