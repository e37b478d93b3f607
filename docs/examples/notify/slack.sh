#!/bin/sh
# Without the escapes, a reason with <!channel> in it would notify everyone.
jq -c '
  def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
  def step: "\n\(.what):\n```\(.command)```";
  # The lines of problems are a table.
  def lines: if .problems then "```\(.message | gsub("`"; "\u0027"))```" else .message end;
  (if .event == "digest" then [{what: "see the commands", command}] else .steps[:1] // [] end) as $steps
  | "*\(.title)*\n\(lines)" + ($steps | map(step) | add // "")
  | {text: escaped}
' | curl -sSf -m 8 --retry 3 --retry-max-time 8 -H 'Content-Type: application/json' --data-binary @- "$WEBHOOK_URL"
