import { setImmediate as idle } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { grouped } from '../../src/cli/output.ts'
import { gate } from '../support/gate.ts'

describe('items that come one by one', () => {
  /** Each after a while in which there is nothing else to do. */
  async function* oneByOne(count: number, told: (item: number) => void = () => {}) {
    for (let item = 1; item <= count; item++) {
      await idle()
      await idle()
      await idle()
      told(item)
      yield item
    }
  }
  const groupsOf = async (...given: Parameters<typeof grouped<number>>) => {
    const groups: (readonly number[])[] = []
    for await (const group of grouped(...given)) groups.push(group)
    return groups
  }

  test('are shown one by one', async () => {
    expect(await groupsOf(oneByOne(3), idle)).toEqual([[1], [2], [3]])
  })

  test('are one group where they all come in the time that a table waits for its first', async () => {
    const ever = new Promise(() => {})
    expect(await groupsOf(oneByOne(3), idle, ever)).toEqual([[1, 2, 3]])
    const sizes = (await groupsOf(oneByOne(103), idle, ever)).map(({ length }) => length)
    expect(sizes, 'and one by one after it').toEqual([100, 1, 1, 1])
  })

  test('are shown one by one from the end of that time on', async () => {
    const { opened: patience, open: end } = gate()
    const items = oneByOne(4, (item) => {
      if (item === 2) end()
    })
    expect(await groupsOf(items, idle, patience)).toEqual([[1, 2], [3], [4]])
  })
})
