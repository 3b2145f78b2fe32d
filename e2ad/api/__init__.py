"""The HTTP door: both APIs, their documents, health, and the way to the sockets.

- `front` owns connections: accept, head, deadlines, closing. Hypercorn speaks HTTP/1.1 for it (`protocol`),
  trio-websocket the other protocol (`sockets`); `peek` tells which is wanted.
- `app` puts everything together, `routing` finds what a path means, `services` is what handlers work with.
- An operation of `/v1` is declared once, with `operation`, in the module of its resource: `meta`, `account`,
  `account_data`, `connections`, `agents`, `messages`, `sending`, `suppressions`, `lifecycle`, `protection`, `reviews`,
  `conversations`, `contacts`, `engagements`, `domains`, `templates`, `webhooks`, `metrics`, `events`. Their shapes are
  in `views`, `export_views` and `export_people` (with `export_document`, which writes them while they are
  read), `message_views`,
  `model_views`, `contact_views`, `review_views`, `template_views` and `webhook_views`, their pages in `cursors`.
- Around a handler: `exchange` reads the request (`bodies` has the memory for large ones), `shapes` turns it into
  attrs classes, `dispatch` runs the checks in their order, `credentials` says who calls, `errors` turns a failure into
  the envelope.
- Beside them: `downloads` (signed links), `magic_links` with `review_pages` (a decision by a mailed
  link; `review_words` says to a person what a hold is, there and in the dashboard),
  `unsubscribe` (the page behind a mail's List-Unsubscribe),
  `sign_in` with `sign_in_links`, `sign_in_oidc` and `sign_in_sessions` (a person with a browser; `sign_in_door` and
  `sign_in_pages` are what they share), `identity` (tokens of agents),
  `oauth` with `oauth_answers` (programs that fetch tokens), `oauth_consent` with `oauth_pages` (a person lets
  one in; the `frame` of its pages is that of signing in), `internal` (the operator's own programs),
  `provider_feedback` (what a mail provider has to say), `tools` (who may come to `/mcp`), `stream` (the
  sockets' handshake) and `upgrade` (its refusal), `health`, and `openapi`, `documents` and `page`, which tell the
  world.
- `classic` is a translator to the same services and storage: other words, no other rules.

Rules. A handler gets a checked `Call` and returns a view; it raises `core.errors.Failure` and
nothing else on purpose. No limit and no state lives here: they are in `gateway` and `storage`.

What may go wrong. An unexpected exception is 500 `internal_error` with the request id in the log;
a client that leaves before its request is complete is nobody to answer; a client that does not
read is cut off after `front.Settings.send_seconds`.
"""
