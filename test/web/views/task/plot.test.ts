import { expect, test } from 'vitest'
import { Plot } from '../../../../src/web/views/task/plot.tsx'

test.each([
  [800, ['0 ms', '200 ms', '400 ms', '600 ms', '800 ms']],
  [1_000, ['0 s', '0.2 s', '0.4 s', '0.6 s', '0.8 s', '1 s']],
  [1_500, ['0 s', '0.5 s', '1 s', '1.5 s']],
  [100_000, ['0 s', '20 s', '40 s', '60 s', '80 s', '100 s']],
  [7_200_000, ['0 h', '0.5 h', '1 h', '1.5 h', '2 h']],
])('an axis up to %i ms', (ms, labels) => {
  const html = String(Plot({ title: 'Delay', points: [{ name: 'a', status: 'completed', ms }] }))
  expect([...html.matchAll(/text-anchor="end">([^<]*? m?[smhd])</g)].map(([, label]) => label)).toEqual(labels)
})
