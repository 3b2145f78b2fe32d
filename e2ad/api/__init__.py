"""The HTTP door: both APIs, their documents, health, and the way to the sockets.

- `front` owns connections: accept, head, deadlines, closing. Hypercorn speaks HTTP/1.1 for it,
  trio-websocket the other protocol; `peek` tells which is wanted.
- `app` knows the paths. An operation of `/v1` is declared once, with `operation`, in the module of
  its resource; `shapes` reads requests into attrs classes, `dispatch` runs the checks in their
  order, `errors` turns a failure into the envelope, `openapi` and `page` tell the world.
- `classic` is a translator to the same services and storage: other words, no other rules.

Rules: a handler gets a checked `Call` and returns a view; it raises `core.errors.Failure` and
nothing else on purpose. No limit and no state lives here: they are in `gateway` and `storage`.

What may go wrong: an unexpected exception is 500 `internal_error` with the request id in the log;
a client that leaves before its request is complete is nobody to answer; a client that does not
read is cut off after `front.Settings.send_seconds`.
"""
