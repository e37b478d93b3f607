import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { isOpenToAll, isRoot } from './support/processes/programs.ts'

/** The folders whose tests need no build, no process and no server: `npm run test:unit`. */
const UNIT = ['core', 'verdict', 'format', 'web/views', 'run', 'audit'].map((folder) => `test/${folder}/**/*.test.ts`)

/** The folders whose tests need a build, and leave nothing behind in their own process. */
const SHARED = ['cli/commands', 'cli/options', 'web/server', 'web/browser', 'docs', 'messages'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

/** The files that take longest, by wall time. One of them that starts last would run alone. */
const LONGEST = [
  'faults/hosts',
  'faults/wire',
  'store/dynamodb/dynamodb-store',
  'docs/guides',
  'faults/matrix',
  'faults/kill',
  'cli/stories',
  'cli/race',
  'package',
  'cli/commands/pause',
  'cli/overlap',
  'cli/commands/template/stack-text',
  'cli/commands/template/stack',
  'cli/commands/setup/check',
  'faults/crash',
  'faults/hostile',
  'cli/commands/run',
  'cli/commands/rerun',
  'cli/night',
  'cli/binary',
  'sim/sim',
].map((name) => `/test/${name}.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.some((name) => moduleId.endsWith(name))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** Some servers and programs of a test that root starts run as another user, who must reach the temporary folder. */
function servesOtherUsers(folder: string): boolean {
  const isThere = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
  return isThere && (statSync(folder).mode & 0o002) !== 0 && isOpenToAll(folder)
}

if (isRoot) {
  const folder = [tmpdir(), '/tmp', '/var/tmp'].find(servesOtherUsers)
  if (folder !== undefined) process.env['TMPDIR'] = folder
}

/** What all tests have in common, also those of `npm run test:image`, `test:aws` and `test:cdk`. */
export const common = {
  root: new URL('..', import.meta.url).pathname,
  // Only a hang takes this long: it must end as a failure that names the test, not as a stuck CI. A test waits for events
  // and states, so a machine without free CPU makes it slow, and must not make it fail.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // Four files run side by side on two cores, because many wait for processes and leases; tests inside a file run in order. Those of
  // `npm run test:unit` wait for nothing, and each further worker imports all modules once more, so they have two workers.
  maxWorkers: 4,
  // For the tests that are marked for it, because they mostly wait for their processes.
  maxConcurrency: 10,
  reporters: ['default', './test/summary.ts'],
}

export default defineConfig({
  test: {
    ...common,
    sequence: { sequencer: LongestFirst },
    projects: [
      // Files that share a process save its start and its imports.
      { extends: true, test: { name: 'unit', include: UNIT, isolate: false, setupFiles: ['test/support/seed.ts'] } },
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          // The last ones need tools or an account of their own.
          exclude: [...UNIT, ...SHARED, 'test/image/**', 'test/aws/**', 'test/cdk/**'],
        },
      },
    ],
  },
})
