import { expect, test } from 'vitest'
import {
  COMMAND_PLACEHOLDER,
  checkOperator,
  checkOwner,
  checkPlan,
  checkTaskName,
  isPlaceholder,
  REASON_PLACEHOLDER,
} from '../../src/core/user-text.ts'

test.each(['a', '7', 'nightly', 'team.a/nightly_2-b', 'a'.repeat(128)])('%s is the name of a task', (name) => {
  expect(() => checkTaskName(name)).not.toThrow()
})

test.each(['', '-a', '.a', '/a', '#lock', 'a b', 'a\n', 'ä', 'a'.repeat(129)])(
  '%j is not the name of a task',
  (name) => {
    expect(() => checkTaskName(name)).toThrow(/^task ".*" is not a valid name. Use 1 to 128 of /s)
  },
)

test('the id of a repair is one short word: any other one is a usage error that says what is allowed', () => {
  for (const plan of ['b056a0db-dfd7-420e-acf5-51398324ab4e', 'backfill.7', 'a'.repeat(64)])
    expect(() => checkPlan(plan)).not.toThrow()
  for (const plan of ['', 'a b', '-a', 'a\n', 'a'.repeat(65)])
    expect(() => checkPlan(plan)).toThrow(
      /^the id of the repair, ".*", is not valid\. Use up to 64 of the characters /s,
    )
})

test.each(['ada', 'https://wiki.example.org/nightly', 'データ基盤チーム', 'a'.repeat(200)])(
  '%s is a valid owner',
  (owner) => {
    expect(() => checkOwner(owner)).not.toThrow()
  },
)

test.each([
  ['', /^owner is empty\. /],
  [' ', /^owner is empty\. /],
  ['<owner>', /^owner is still the placeholder "<owner>"\. /],
  ['…', /^owner is still the placeholder /],
  ['あ'.repeat(67), /^owner is too long: 201 bytes in UTF-8\. At most 200 are allowed\.$/],
])('%j is not a valid owner', (owner, message) => {
  expect(() => checkOwner(owner)).toThrow(message)
})

test.each(['', ' '])('%j is not a reason', (reason) => {
  expect(() => checkOperator({ by: 'ada', reason })).toThrow('the reason is empty. Give one, because it is recorded.')
})

test.each([REASON_PLACEHOLDER, COMMAND_PLACEHOLDER, 'COMMAND', '<reason>', '…', '...', ' WHY ', '"WHY"'])(
  'a placeholder that is left in a pasted command: %j is recognised',
  (text) => {
    expect(isPlaceholder(text)).toBe(true)
    expect(() => checkOperator({ by: 'ada', reason: text })).toThrow(/the reason is still the placeholder/)
    expect(() => checkOperator({ by: text, reason: 'bad input' })).toThrow(/the name \(by\) is still the placeholder/)
  },
)

test.each(['why not', 'COMMANDS', './batch.sh', 'a < b', 'see <https://example.org> for more', 'command'])(
  '%j is a text of a user',
  (text) => {
    expect(isPlaceholder(text)).toBe(false)
  },
)
