# A shell script that does the same: two calls of the command line of AWS around the batch.
set -e
AWS=/usr/bin/aws
KEY="{\"id\": {\"S\": \"$BENCH_KEY\"}}"
$AWS dynamodb put-item --table-name locks --item "$KEY" --condition-expression 'attribute_not_exists(id)'
sh -c ': > "$BENCH_STARTED"'
$AWS dynamodb update-item --table-name locks --key "$KEY" --update-expression 'SET #s = :s' \
  --expression-attribute-names '{"#s": "state"}' --expression-attribute-values '{":s": {"S": "COMPLETED"}}'
