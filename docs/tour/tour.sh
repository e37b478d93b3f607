#!/bin/sh
# A tour in four minutes, most of them waiting: two hosts and one ledger, a trigger that is lost, and its repair. It needs Docker with Compose, or
# COMPOSE=podman-compose. It removes what it made when it ends.
set -eu
cd "$(dirname "$0")"

compose() { ${COMPOSE:-docker compose} "$@"; }
say() { printf '\n# %s\n' "$*"; }
desk() { compose exec -T desk cronledger "$@"; }
# Waits for a command for up to two minutes. A host that cannot start its batch says why in its log.
await() {
  for _ in $(seq 60); do "$@" && return; sleep 2; done
  compose logs --tail 20 >&2
  exit 1
}
are_set_up() { desk setup >/dev/null 2>&1; }
have_run() { [ "$(desk history invoices 2>/dev/null | grep -c 'completed .* 1$')" -ge 2 ]; }
trap 'compose down >/dev/null 2>&1' EXIT

say 'Start PostgreSQL, two hosts that fire the same batch each minute, and the pages: http://127.0.0.1:8276/'
log=$(mktemp)
compose up -d >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
rm "$log"
await are_set_up
say 'Wait for two slots. Both hosts fire, and each slot has one run and one duplicate.'
await have_run
say 'cronledger history invoices'
desk history invoices

say 'Lose a trigger: both hosts are down over a full minute.'
compose stop host-a host-b >/dev/null
sleep $((75 - $(date +%s) % 60))
say 'A slot was missed, and this says so: cronledger check'
desk check && exit 1

say "Start the hosts again, and run the batch in that slot: cronledger rerun --from 1h --status missed --reason '…' -- COMMAND"
compose start host-a host-b >/dev/null
desk rerun --from 1h --status missed --reason 'both hosts were down' -- sh -c 'echo paying the invoices of $CRONLEDGER_RUN_LOCAL'
say 'cronledger check'
desk check
