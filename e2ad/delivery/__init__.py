"""What leaves for the agents: webhooks and sockets.

- `egress` decides which addresses may be reached and connects to exactly those; `poster` speaks HTTP over
  such a connection; `payloads` makes bodies, headers and frames; `webhook` makes one attempt.
- `fetch` gets one small document, or sends one form, through the same guard, `sns` says whether a message of Amazon
  SNS is believed.
- `screening_model` asks a model about a mail, through the guard as well, with a deadline and a breaker.
- `hub` is the push channel: who listens to which inbox. `sockets` keeps what is known of one listener,
  `ports` names what the hub asks of others, `recent` remembers what was told already.

Rules. Nothing here knows SQL, writes a row or decides when to come again; that is the workers'.
Every wait has a deadline, every buffer a bound. An endpoint may do what it likes: refuse, stall,
answer without end, vanish. It costs its own delivery time and nobody else's.

What may go wrong. An attempt ends as a value, `core.delivery.Outcome`, and does not raise for anything
that an endpoint did. A socket that does not read is closed with 1013; what it missed comes again.
"""
