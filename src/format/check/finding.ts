import { elapsed } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import { defined, isKeyOf } from '../../core/objects.ts'
import { attemptCount } from '../../core/row/attempts.ts'
import { decidingAttempt } from '../../core/row/decide.ts'
import { reportMembers } from '../../core/row/report.ts'
import { KEY } from '../../core/row/stored-row.ts'
import type { TimeRange } from '../../core/schedule/time-range.ts'
import type { Instant, Row } from '../../core/types.ts'
import { causeText } from '../../verdict/endings.ts'
import { FINDINGS, type FindingKind, type TaskFinding } from '../../verdict/judge.ts'
import { wordsOf } from '../../verdict/problems.ts'
import { targetOfSlot, type Verdict, verdictOf } from '../../verdict/verdict.ts'
import { zonedTime } from '../local-time.ts'
import type { LogObject } from '../log/log.ts'
import { doubtJson } from '../slot/row.ts'
import { sentenceText, verdictJson } from '../verdict.ts'

export function countsText(count: Readonly<Partial<Record<FindingKind, number>>>): string {
  return Object.entries(count)
    .flatMap(([kind, number]) => (number === 0 ? [] : `${number} ${kind}`))
    .join(', ')
}

export function totalOf(count: Readonly<Record<FindingKind, number>>): number {
  return Object.values(count).reduce((sum, number) => sum + number, 0)
}

/** The zone is that of the reader. */
export interface Checked extends Required<TimeRange> {
  readonly zone: string
  readonly now: Instant
  /** Whose slots, such as `pay/*`. Undefined: those of all tasks. */
  readonly of: string | undefined
  /** This user of the ledger may not see every task. */
  readonly mayHideTasks: boolean
}

export function checkSummary(count: Readonly<Record<FindingKind, number>>, checked: Checked): string {
  const { mayHideTasks } = checked
  const total = totalOf(count)
  const visible = mayHideTasks ? ' that this user may see' : ''
  const { of = `all tasks${visible}` } = checked
  if (total === 0) return `no problems found in the slots of ${of} ${rangeText(checked)}`
  const where = visible && ` in the tasks${visible}`
  return `${total} ${total === 1 ? 'slot needs' : 'slots need'} attention${where}: ${countsText(count)}`
}

function rangeText({ since, until, zone, now }: Checked): string {
  const begin = zonedTime(since, zone)
  return until < now ? `from ${begin} until ${zonedTime(until, zone)}` : `since ${begin} (${elapsed(now - since)})`
}

export function findingJson(found: TaskFinding, store: string): Record<string, unknown> {
  const { kind, status, task, slot, schedule, owner, own, doubt, blockedBy } = found
  const verdict = verdictOf(found, store)
  const { words } = wordsOf(found)
  return {
    kind,
    ...(words !== null && { words }),
    status,
    task,
    slot: formatInstant(slot),
    zone: schedule.zone,
    ...(own !== null && { state: own.state, attempts: attemptCount(own) }),
    ...(doubt !== undefined && { doubt: doubtJson(doubt) }),
    ...(blockedBy !== undefined && { blockedBy: KEY.encode(blockedBy) }),
    local: zonedTime(slot, schedule.zone),
    ...(owner !== undefined && { owner }),
    ...(own !== null && endingJson(own)),
    ...verdictJson(verdict, slot, schedule.zone),
    message: messageOf(found, verdict),
  }
}

function endingJson(row: Row) {
  const attempt = decidingAttempt(row)
  const { outcome, exitCode, signal, report } = attempt?.phase === 'ended' ? attempt : {}
  return { ...defined({ host: attempt?.host, outcome, exitCode, signal }), ...reportMembers(report) }
}

function messageOf({ slot, schedule, kind }: TaskFinding, { happened }: Verdict): string {
  return `${zonedTime(slot, schedule.zone)} ${FINDINGS[kind]}: ${sentenceText(happened, slot, schedule.zone)}`
}

/** Returns why a slot failed, or what is unusual or late about it. Null: it is something else. */
export function whyFound(found: TaskFinding): string | null {
  const { kind, own, slot, schedule, remarks, of } = found
  const attempt = own === null ? undefined : decidingAttempt(own)
  if (kind === 'failed' && attempt?.phase === 'ended') return causeText(attempt)
  const remark = isKeyOf(kind, remarks) ? remarks[kind] : undefined
  const said = remark && sentenceText(remark.words(targetOfSlot(found, '')).happened, slot, schedule.zone)
  const runs =
    kind === 'unusual' && attempt?.phase === 'running' ? `running for ${elapsed(of.now - attempt.startedAt)}, ` : ''
  return said?.replace(/^(, but |, which is |\. )/, runs) ?? null
}

export function findingEvent(found: TaskFinding, now: Instant, store: string): LogObject {
  const { kind, message, ...fields } = findingJson(found, store)
  const { task, slot } = found
  return {
    time: formatInstant(now),
    level: 'error',
    event: found.kind,
    task,
    slot: formatInstant(slot),
    ...fields,
    message: String(message),
  }
}

export function findingDetail(found: TaskFinding): string {
  // The sentence about a slot does not depend on its ledger.
  return sentenceText(verdictOf(found, '').happened, found.slot, found.schedule.zone)
}
