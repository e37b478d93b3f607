import { expect, test } from 'vitest'
import { COMMAND_PLACEHOLDER, isPlaceholder, REASON_PLACEHOLDER } from '../../src/core/placeholder.ts'
import { checkOperator } from '../../src/core/user-text.ts'

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
