import { formatInstant } from '../../core/instant.ts'
import type { AttemptRecord, Place } from '../../core/types.ts'
import type { CommandWords, PlaceCommands } from '../command.ts'
import { ECS_COMMANDS, type EcsPlace } from './ecs.ts'
import { KUBERNETES_COMMANDS } from './kubernetes.ts'

export type CommandPlace = EcsPlace | Exclude<Place, { kind: 'ecs' }>

const PLACES: { readonly [Kind in CommandPlace['kind']]: PlaceCommands<Extract<CommandPlace, { kind: Kind }>> } = {
  ecs: ECS_COMMANDS,
  kubernetes: KUBERNETES_COMMANDS,
}

export function commandsOf(place: CommandPlace): PlaceCommands<CommandPlace> {
  return PLACES[place.kind] as PlaceCommands<CommandPlace>
}

/** Returns the command that prints whether the container of an attempt still runs, or null if that is not known. */
export function stateCommand(attempt: AttemptRecord): CommandWords | null {
  const { place } = attempt
  return place === undefined ? null : commandsOf(place).state(place, attempt)
}

/** Returns the command that prints the log of an attempt, or null if it is not known where that is. */
export function logCommand(attempt: AttemptRecord): CommandWords | null {
  const { place } = attempt
  if (place === undefined) return null
  // The claim comes before the first line of the log. The commands take whole seconds.
  const claimedAt = (attempt.phase === 'waiting' ? undefined : attempt.claimedAt) ?? attempt.startedAt
  return commandsOf(place).log(place, formatInstant(claimedAt - (claimedAt % 1_000)))
}
