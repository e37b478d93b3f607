import { describe } from 'vitest'
import { memoryStore } from '../support/simulated/memory-store.ts'
import { contract } from './contract.ts'

describe('the store of the tests, in memory', () => {
  const store = memoryStore()
  contract(() => ({
    store,
    writeRaw: async (document) => store.writeRaw(document),
    readRaw: async (key) => store.readRaw(key),
  }))
})
