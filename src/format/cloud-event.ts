import type { LogObject } from './log/log.ts'

/** An event that is sent twice has the same id both times. Source: CloudEvents 1.0.2, "JSON event format", structured mode. */
export function cloudEvent(event: LogObject, store: string) {
  // A finding of a check has no run, and its row may have attempts.
  const [runId, attempt = 0, attempts = 0] = ['runId', 'attempt', 'attempts'].map((name) => event[name])
  const subject = `${event.task}/${event.slot}`
  const id = runId === undefined ? [subject, event.event, attempts] : [runId, event.event, attempt]
  return {
    specversion: '1.0',
    id: id.join('/'),
    source: encodeURI(store),
    type: `cronledger.${event.event}`,
    subject,
    time: event.time,
    datacontenttype: 'application/json',
    data: event,
  }
}
