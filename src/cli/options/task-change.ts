import type { OptionTable } from '../../core/option.ts'
import { COMMON } from './options.ts'

export const TASK_OR_ALL = {
  task: { ...COMMON.task, required: undefined, help: 'Name of the scheduled batch (required without --all)' },
  all: {
    kind: 'switch',
    help: 'All tasks that the ledger knows',
    details:
      'The record of each task is changed by itself. An error of one does not stop the others, and is the exit code.',
  },
} as const satisfies OptionTable

export const TASK_CHANGE = {
  store: COMMON.store,
  task: COMMON.task,
  reason: { ...COMMON.reason, required: true, group: 'Options', help: 'Why; recorded with the task' },
  by: { ...COMMON.by, group: 'Options' },
  from: {
    kind: 'text',
    value: 'TIME',
    otherwise: 'now',
    help: 'From this time on: an instant, local time, or a date',
    details: 'Local time and dates are in the time zone of the task.',
  },
  json: { ...COMMON.json, help: 'Print a JSON object' },
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable
