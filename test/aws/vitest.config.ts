import { defineConfig } from 'vitest/config'
import { common } from '../vitest.config.ts'

// Apart from the other tests: these need a table, and a table of an account costs money.
export default defineConfig({
  test: { ...common, include: ['test/aws/*.test.ts'], reporters: ['default'] },
})
