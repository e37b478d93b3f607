#!/bin/sh
jq -c '
  def block($text; $more): {type: "RichTextBlock", inlines: [{type: "TextRun", text: $text} + $more]};
  {type: "message", attachments: [{
    contentType: "application/vnd.microsoft.card.adaptive",
    content: {
      "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", type: "AdaptiveCard", version: "1.4",
      body: [
        block(.title; {weight: "Bolder"}),
        (select(.event == "digest").groups // [] | .[:20][] | block("\(.change): \(.title)"; {})),
        block(.message; {fontType: "Monospace"}),
        (.command // empty | block("see the commands: \(.)"; {fontType: "Monospace"}))
      ]
    }
  }]}
' | curl -sSf -m 8 --retry 3 --retry-max-time 8 -H 'Content-Type: application/json' --data-binary @- "$WEBHOOK_URL"
