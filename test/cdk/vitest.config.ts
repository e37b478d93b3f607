import { defineConfig } from 'vitest/config'
import { common } from '../vitest.config.ts'

// Apart from the other tests: the packages of the CDK have 190 MB, and the registry gives them each time.
export default defineConfig({
  test: { ...common, include: ['test/cdk/*.test.ts'] },
})
