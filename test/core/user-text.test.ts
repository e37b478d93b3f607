import { expect, test } from 'vitest'
import { checkTaskName } from '../../src/core/user-text.ts'

test.each(['a', '7', 'nightly', 'team.a/nightly_2-b', 'a'.repeat(128)])('%s is the name of a task', (name) => {
  expect(() => checkTaskName(name)).not.toThrow()
})

test.each(['', '-a', '.a', '/a', '#lock', 'a b', 'a\n', 'ä', 'a'.repeat(129)])('%j is none', (name) => {
  expect(() => checkTaskName(name)).toThrow(/^task ".*" is not a valid name. Use 1 to 128 of /s)
})
