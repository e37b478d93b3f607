import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // They need tools or an account of their own: `npm run test:image`, `test:aws`, `test:cdk`.
    exclude: ['test/image/**', 'test/aws/**', 'test/cdk/**'],
    // Only a hang takes this long: it must end as a failure that names the test, not as a stuck CI. A test waits for events
    // and states, so a machine without free CPU makes it slow, and must not make it fail.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Files run side by side on two cores; tests inside a file in order.
    maxWorkers: 2,
    // For the tests that are marked for it, because they mostly wait for their processes.
    maxConcurrency: 10,
    reporters: ['default', './test/support/summary.ts'],
  },
})
