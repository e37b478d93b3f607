#!/bin/sh
case $CRONLEDGER_RUN_KIND in
  started) action=/start ;;
  # The URL without an action reports a success.
  succeeded | recovered) action= ;;
  failed | refused | missed | stale | overdue | digest) action=/fail ;;
  # An entry in the log of the check, which does not change its status.
  *) action=/log ;;
esac
jq -r '.report // (.facts // empty | tojson) // .message' |
  curl -sSf -m 8 --retry 3 --retry-max-time 8 --data-binary @- \
    "$HEALTHCHECK_URL$action${CRONLEDGER_RUN_KEY:+?rid=$CRONLEDGER_RUN_KEY}"
