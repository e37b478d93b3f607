#!/bin/sh
# PutEvents answers with success when an entry failed, so the answer is looked at.
error=$(jq -c '[{Source: "cronledger", DetailType: .type, Detail: tojson, Time: .time, EventBusName: env.EVENT_BUS}]' |
  aws events put-events --entries file:///dev/stdin --query 'Entries[].ErrorMessage' --output text) || exit
[ -z "$error" ] || { echo "$error" >&2; exit 1; }
