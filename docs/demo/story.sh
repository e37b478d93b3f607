#!/bin/sh
# The story of cronledger, on a ledger in one file: a scheduled batch runs; the scheduler delivers the same trigger a
# second time, after the batch has finished; the history shows both.
set -eu
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CRONLEDGER_STORE="file:$folder/ledger.db"
export CRONLEDGER_TASK=nightly
export CRONLEDGER_LOG=text
# What EventBridge puts into the container: the time that the trigger stands for. Here, the latest 03:00 in Tokyo.
CRONLEDGER_EVENT_TIME=$(node -p 'new Date(Date.now() - 18 * 36e5).toISOString().slice(0, 10)')T18:00:00Z
export CRONLEDGER_EVENT_TIME

trigger() {
  node dist/cli/main.js run --schedule '0 3 * * *' --timezone Asia/Tokyo -- docs/demo/batch.sh
  echo "exit code $?"
}

echo '# The trigger of the night: the batch runs.'
trigger
echo
echo '# The same trigger, delivered again after the batch has finished: nothing starts.'
trigger
echo
echo '# What is on record.'
unset CRONLEDGER_LOG CRONLEDGER_EVENT_TIME
node dist/cli/main.js history
