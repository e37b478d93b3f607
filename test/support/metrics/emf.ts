import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import type { Loose } from '../cli.ts'

const file = new URL('../../fixtures/aws/embedded-metric-format.schema.json', import.meta.url)
const validate = new Ajv2020({ strict: true }).compile(JSON.parse(readFileSync(file, 'utf8')))

/** Fails if the line breaks AWS's schema, or a rule that AWS states only in its documentation. */
export function readEmf(line: string): Loose {
  const root = JSON.parse(line)
  validate(root)
  expect(validate.errors).toBe(null)
  const directives: readonly Loose[] = root._aws.CloudWatchMetrics
  for (const name of directives.flatMap(({ Dimensions }) => Dimensions.flat()))
    expect(root[name]).toEqual(expect.any(String))
  const metrics = directives
    .flatMap(({ Metrics }) => Metrics)
    .map(({ Name, Unit }: Loose) => {
      expect(root[Name as string]).toEqual(expect.any(Number))
      return [Name, `${root[Name as string]} ${Unit}`]
    })
  return Object.fromEntries(metrics)
}
