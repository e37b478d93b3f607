#!/bin/sh
jq -r '
  . as $event
  | if .groups then .groups[] | . + {is_over: (.change == "over")}
    elif .runId then {id: env.CRONLEDGER_RUN_KEY, title, is_over: (env.CRONLEDGER_RUN_KIND | IN("succeeded", "recovered"))}
      | select(.is_over or (env.CRONLEDGER_RUN_KIND | IN("failed", "refused")))
    else empty end
  | if .is_over then
      "/\(.id | @uri)/close?identifierType=alias", ({source: "cronledger", note: .title[:25000]} | tojson)
    else
      "", ({message: .title[:130], alias: .id, description: $event.message[:15000], source: "cronledger"} | tojson)
    end
' | while IFS= read -r path && IFS= read -r body; do
  printf %s "$body" | curl -sSf -m 8 --retry 3 --retry-max-time 8 -H "Authorization: GenieKey $OPSGENIE_KEY" \
    -H 'Content-Type: application/json' --data-binary @- "${OPSGENIE_URL:-https://api.opsgenie.com}/v2/alerts$path" || exit
done
