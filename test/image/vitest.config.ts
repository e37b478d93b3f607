import { defineConfig } from 'vitest/config'
import { common } from '../vitest.config.ts'

// Apart from the other tests: an image is built from Debian packages, which takes minutes.
export default defineConfig({
  test: { ...common, include: ['test/image/*.test.ts'], hookTimeout: 1_200_000 },
})
