import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // They take minutes and tools of their own: `npm run test:image`.
    exclude: ['test/image/**'],
    // Real servers and real processes: a hang must end as a failure that names the test, not as a stuck CI.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Files run side by side on two cores; tests inside a file in order.
    maxWorkers: 2,
    // Of the tests that say so, which wait for processes of theirs most of the time.
    maxConcurrency: 10,
    reporters: ['default', './test/support/summary.ts'],
  },
})
