#!/bin/sh
# A subject has fewer than 100 ASCII characters.
event=$(cat)
subject=$(printf %s "$event" | jq -r '.title | gsub("[^ -~]"; "-") | .[:99]')
printf %s "$event" | aws sns publish --topic-arn "$TOPIC_ARN" --subject "$subject" --message file:///dev/stdin \
  --message-attributes "kind={DataType=String,StringValue=$CRONLEDGER_RUN_KIND}"
