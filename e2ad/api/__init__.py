"""The HTTP door: both APIs, their documents, health, and the way to the sockets.

- `front` owns connections: accept, head, deadlines, closing. Hypercorn speaks HTTP/1.1 for it (`protocol`),
  trio-websocket the other protocol (`sockets`); `peek` tells which is wanted.
- `app` puts everything together, `routing` finds what a path means, `services` is what handlers work with.
- An operation of `/v1` is declared once, with `operation`, in the module of its resource: `meta`, `account`,
  `agents`, `messages`, `sending`, `suppressions`, `lifecycle`, `protection`, `reviews`, `conversations`, `domains`,
  `webhooks`, `events`. Their shapes are in `views`, `message_views`, `review_views` and `webhook_views`, their
  pages in `cursors`.
- Around a handler: `exchange` reads the request (`bodies` has the memory for large ones), `shapes` turns it into
  attrs classes, `dispatch` runs the checks in their order, `errors` turns a failure into the envelope.
- Beside them: `downloads` (signed links), `magic_links` with `review_pages` (a decision by a mailed
  link), `unsubscribe` (the page behind a mail's List-Unsubscribe),
  `provider_feedback` (what a mail provider has to say), `stream` (the sockets' handshake) and `upgrade` (its
  refusal), `health`, and `openapi`, `documents` and `page`, which tell the world.
- `classic` is a translator to the same services and storage: other words, no other rules.

Rules. A handler gets a checked `Call` and returns a view; it raises `core.errors.Failure` and
nothing else on purpose. No limit and no state lives here: they are in `gateway` and `storage`.

What may go wrong. An unexpected exception is 500 `internal_error` with the request id in the log;
a client that leaves before its request is complete is nobody to answer; a client that does not
read is cut off after `front.Settings.send_seconds`.
"""
