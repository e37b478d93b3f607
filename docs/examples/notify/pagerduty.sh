#!/bin/sh
jq -c '
  . as $event
  | if .groups then .groups[] | . + {is_over: (.change == "over"), owner: .owners}
    elif .runId then {id: env.CRONLEDGER_RUN_KEY, title, owner, is_over: (env.CRONLEDGER_RUN_KIND | IN("succeeded", "recovered"))}
      | select(.is_over or (env.CRONLEDGER_RUN_KIND | IN("failed", "refused")))
    else empty end
  | {routing_key: env.ROUTING_KEY, dedup_key: .id, event_action: (if .is_over then "resolve" else "trigger" end)}
  + (if .is_over then {} else {payload: {
      summary: .title[:1024], source: "cronledger", severity: "error",
      custom_details: {message: $event.message, owner, next: ($event.command // $event.steps[:1])}
    }} end)
' | while IFS= read -r body; do
  printf %s "$body" | curl -sSf -m 8 --retry 3 --retry-max-time 8 -H 'Content-Type: application/json' --data-binary @- \
    "${PAGERDUTY_URL:-https://events.pagerduty.com/v2/enqueue}" || exit
done
