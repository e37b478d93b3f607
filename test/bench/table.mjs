// A DynamoDB table of many tasks that only answers, in a process of its own: each answer comes 10 ms after its request.
// dynalite takes longer than that for some of them, and would be measured itself. Started by scale.mjs; ends when its
// parent lets go of it. Its arguments: how many tasks, and how many slots each of them has.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { encodeRow, formatSlot } from '../../dist/core/row/stored-row.js'
import { toItem } from '../../dist/store/dynamodb/item.js'
import { recordOf, rowOf } from './rows.mjs'

const DELAY_MS = 10
const DAY_MS = 86_400_000
const SCHEDULE = { expression: '0 0 * * *', zone: 'UTC' }
/** In every tenth task, this slot failed. */
const FAILED = 2
const NAME = 'name-of-the-task'

const [tasks, slots] = process.argv.slice(2).map(Number)
const newest = Math.floor(Date.now() / DAY_MS) * DAY_MS
const names = Array.from({ length: tasks }, (_, index) => `task-${String(index).padStart(6, '0')}`)
/** The rows of a task as texts, newest first. */
const rows = Array.from({ length: slots }, (_, ago) => itemOf(ago, 'succeeded'))
const failed = itemOf(FAILED, 'failed')
const schedules = toItem({ document: recordOf(SCHEDULE, newest - (slots - 1) * DAY_MS) })
let counts = zero()
let inFlight = 0

const server = createServer(async (request, response) => {
  counts.requests += 1
  inFlight += 1
  counts.atOnce = Math.max(counts.atOnce, inFlight)
  const due = performance.now() + DELAY_MS
  const body = answer(String(request.headers['x-amz-target']).split('.')[1], JSON.parse(await text(request)))
  setTimeout(
    () => {
      inFlight -= 1
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(body)
    },
    Math.max(0, due - performance.now()),
  )
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))
process.on('message', () => {
  process.send(counts)
  counts = zero()
})
process.on('disconnect', () => process.exit())

function zero() {
  return { requests: 0, atOnce: 0 }
}

function answer(action, input) {
  if (action === 'GetItem') return `{"Item":${entry(input.Key.task.S)}}`
  if (action === 'BatchGetItem') {
    const [[table, { Keys }]] = Object.entries(input.RequestItems)
    const items = Keys.map(({ task }) => entry(task.S))
    return `{"Responses":{"${table}":[${items.join(',')}]},"UnprocessedKeys":{}}`
  }
  if (action !== 'Query') throw new Error(`${action} is not answered`)
  const { ':day': day, ':task': task, ':first': first, ':last': last } = input.ExpressionAttributeValues
  if (day !== undefined) {
    return page(listed(input.ExclusiveStartKey?.task.S ?? ''), input.Limit, indexKeyOf, indexKeyOf)
  }
  const start = input.ExclusiveStartKey?.slot.S ?? '9999'
  const within = rowsOf(task.S).filter(({ slot }) => slot >= first.S && slot <= last.S && slot < start)
  const textOf = ({ item }) => item.replaceAll(NAME, task.S)
  return page(within, input.Limit, textOf, ({ slot }) => keyOf(task.S, slot))
}

function page(all, limit = 1_000, textOf, keyOfItem) {
  const items = all.slice(0, limit)
  // A table says that there may be more when a page is full.
  const next = items.length < limit ? '' : `,"LastEvaluatedKey":${keyOfItem(items.at(-1))}`
  return `{"Items":[${items.map(textOf).join(',')}],"Count":${items.length}${next}}`
}

function listed(after) {
  const start = names.findIndex((name) => name > after)
  return start === -1 ? [] : names.slice(start)
}

function rowsOf(task) {
  return Number(task.slice('task-'.length)) % 10 === 0 ? rows.with(FAILED, failed) : rows
}

function keyOf(task, slot) {
  return JSON.stringify(toItem({ task, slot }))
}

function indexKeyOf(name) {
  return JSON.stringify(toItem({ task: name, slot: '#task', day: '#task' }))
}

function entry(name) {
  return JSON.stringify({ ...toItem({ task: name, slot: '#task', day: '#task', version: 1 }), ...schedules })
}

function itemOf(ago, outcome) {
  const slot = newest - ago * DAY_MS
  const row = rowOf(NAME, slot, DAY_MS, SCHEDULE, outcome)
  return { slot: formatSlot(slot), item: JSON.stringify(toItem(encodeRow(row))) }
}
