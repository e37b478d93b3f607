import { defineConfig } from 'vitest/config'
import base from '../vitest.config.ts'

// Apart from the other tests: these need a table, and a table of an account costs money. `main.mjs` asks before it starts.
export default defineConfig({
  test: { ...base.test, include: ['test/aws/*.test.ts'], exclude: [], reporters: ['default'] },
})
