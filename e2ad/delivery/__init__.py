"""What leaves for the agents: webhooks and sockets.

`egress` decides which addresses may be reached and connects to exactly those; `poster` speaks
HTTP over such a connection; `payloads` makes bodies, headers and frames; `webhook` makes one
attempt and says as a value how it went. `hub` and `sockets` are the push channel.

Rules: nothing here knows SQL, writes a row or decides when to come again; that is the workers'.
Every wait has a deadline, every buffer a bound. An endpoint may do what it likes: refuse, stall,
answer without end, vanish. It costs its own delivery time and nobody else's.
"""
