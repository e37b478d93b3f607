import { defineConfig } from 'vitest/config'
import base from '../vitest.config.ts'

// Apart from the other tests: an image is built from Debian packages, which takes minutes.
export default defineConfig({
  test: { ...base.test, include: ['test/image/*.test.ts'], exclude: [], hookTimeout: 1_200_000 },
})
