import { shellWord } from '../text.ts'

// The parts of the printed script that do not depend on its slots, for any POSIX shell: dash, the ash of busybox, and bash.

/** A pasted script must not change the traps of the terminal. In a file, the shell around `sh` must wait for it, too. */
export const OUTER_TRAP = 'case $- in *i*) ;; *) trap : INT ;; esac'

/** A batch gets no Ctrl-C of the terminal. macOS has no `setsid`. */
export const OWN_SESSION = '  command -v setsid >/dev/null || setsid() { "$@"; }'

interface RunParts {
  readonly store: string
  /** How many slots the script runs. */
  readonly count: number
  readonly keepGoing: boolean
  /** The operator named the slot, so it is a failure if it is done. */
  readonly isNamed: boolean
}

/** `run` runs a slot, and `tell` counts and says how it ended. */
export function runLines({ store, count, keepGoing, isNamed }: RunParts): readonly string[] {
  const isDone = `cronledger show --store ${shellWord(store)} --task "$3" --slot "$4" | grep -Eq '^ +status +(completed|skipped)'`
  const ifRefused = `
  # Refused: if another run has completed it since, all is well.
  [ "$code" != 65 ] || ! ${isDone} || code=0`
  const begin = `
if [ -n "$CRONLEDGER_NOTIFY" ] && [ -z "$CRONLEDGER_NOTIFY_ON" ]; then
  # check --once tells what is repaired.
  export CRONLEDGER_NOTIFY_ON=refused,skipped,failed
fi`
  return `left=${count} good=0 failed=0 first= stop=${count === 1 ? '' : begin}
run() { # as slot
  trap '' INT TERM HUP
  name="$3 $5"
  "\${6:-run_$1}" "$4"
  code=$?${isNamed ? '' : ifRefused}
  return "$code"
}
ended() { # the functions of a place call it with the slot, its exit code, and what ran it
  case $2 in
    '' | None) echo "$1: $3 ended without an exit code" >&2; return 1 ;;
    *) return "$2" ;;
  esac
}
tell() { # an exit code, a task, its slot, the local time of that
  left=$((left - 1)) is=ended
  if [ "$1" = 0 ]; then
    good=$((good + 1))
    echo "$2 $4: done ($left left)" >&2
  else
    failed=$((failed + 1)) first=\${first:-$1}${keepGoing ? '' : ' is=failed'}
    echo "$2 $4: exit code $1 ($left left)" >&2
    echo '  see what happened:' ${shellWord(`cronledger show --store ${shellWord(store)}`)} --task "$2" --slot "$3" >&2
  fi
}`.split('\n')
}

/** One slot after the other. The trap runs when the slot has ended. */
export function oneByOne(list: readonly string[], end: readonly string[]): readonly string[] {
  const begin = `out=' '
trap 'stop=130' INT TERM HUP
slot() { # the number of a task, of those that it comes after, its name, slot, the local time of that
  [ -z "$stop" ] || return
  for task in $1 $2; do
    case $out in *" $task "*) out="$out$1 " left=$((left - 1)); return ;; esac
  done
  (run "$@")
  tell "$?" "$3" "$4" "$5"
  [ "$is" != failed ] || out="$out$1 "
}`
  return [...begin.split('\n'), ...list, ...end]
}

/**
 * `slots` is called after each end: it starts those before which, for their task and those that it comes after, all have ended. The
 * scheduler ignores signals, and so do all that it starts, from their begin on. The shell that waits for it passes them on.
 */
export function sideBySide(jobs: number, list: readonly string[], end: readonly string[]): readonly string[] {
  const before = `folder=$(mktemp -d) && mkfifo "$folder/ends" && exec 3<>"$folder/ends" && rm -r "$folder" || exit
trap 'echo stop >&3' INT TERM HUP
slot() { # the number of a task, of those that it comes after, its name, slot, the local time of that
  number=$((number + 1))
  [ "$running" -lt ${jobs} ] || return
  eval "is=\\$is_$number"
  case $is in
    ended) return ;;
    '')
      # Those above it decide, in this scan.
      for task in $1 $2; do
        eval "case \\$above_$task in '$scan failed') is=failed ;; '$scan open') [ -n '$is' ] || is=open ;; esac"
      done
      if [ "$is" = failed ]; then
        left=$((left - 1))
        eval "is_$number=failed"
      elif [ -z "$is$stop" ]; then
        running=$((running + 1))
        eval "is_$number=open"
        (run "$@" 3>&-; echo "$number $? $3 $4 $5" >&3) &
      fi ;;
  esac
  [ -n "$is" ] || is=open
  eval "above_$1='$scan $is'"
}
slots() {`
  const after = `}
(
  trap '' INT TERM HUP
  running=0 scan=0
  while
    number=0 scan=$((scan + 1))
    slots
    [ "$running" -gt 0 ]
  do
    read -r number code name at local <&3
    if [ "$number" = stop ]; then
      stop=130
      echo "Nothing more starts. Waiting for the $running that run." >&2
      continue
    fi
    running=$((running - 1))
    tell "$code" "$name" "$at" "$local"
    eval "is_$number=$is"
  done`
  return [
    ...before.split('\n'),
    ...list.map(indented),
    ...after.split('\n'),
    ...end.map(indented),
    ') &',
    '# A signal ends the wait.',
    'while wait "$!"; code=$?; [ "$code" -gt 128 ] && kill -0 "$!" 2>/dev/null; do :; done',
    'exit "$code"',
  ]
}

export function indented(line: string): string {
  return `  ${line}`
}

export function endLines(count: number): readonly string[] {
  return `again=
[ "$good" = ${count} ] || again=' Run the same command again to continue.'
echo "$good done, $failed failed, $((${count} - good - failed)) not run.$again" >&2
[ "$left" != 0 ] || stop=
exit "\${first:-\${stop:-0}}"`.split('\n')
}
