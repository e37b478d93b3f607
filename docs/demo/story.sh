#!/bin/sh
# The story of cronledger, on a ledger in one file: a scheduled batch runs, the scheduler delivers the same trigger a second
# time after the batch has finished, and the history shows both.
set -eu
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CRONLEDGER_STORE="file:$folder/ledger.db"
export CRONLEDGER_TASK=nightly
export CRONLEDGER_LOG=text
# The scheduled time, which EventBridge passes to the container. Here, it is the latest 03:00 in Tokyo.
CRONLEDGER_EVENT_TIME=$(node -p 'new Date(Date.now() - 18 * 36e5).toISOString().slice(0, 10)')T18:00:00Z
export CRONLEDGER_EVENT_TIME

node dist/cli/main.js setup >/dev/null
export CRONLEDGER_SCHEDULE='0 3 * * *' CRONLEDGER_TIMEZONE=Asia/Tokyo
node dist/cli/main.js declare nightly --from "$CRONLEDGER_EVENT_TIME" >/dev/null

trigger() { node dist/cli/main.js run -- docs/demo/batch.sh; }

echo '# The trigger of the night arrives: the batch runs.'
trigger
echo '# The same trigger arrives again, after the batch has finished: nothing starts.'
trigger
echo '# The history shows one run and its duplicate.'
unset CRONLEDGER_LOG CRONLEDGER_EVENT_TIME
node dist/cli/main.js history nightly
