"""Mail by SMTP. In: a machine without I/O and a small Trio server around it. Out: a client for one relay.

- `replies`: every reply by name. `grammar`: command lines. `transitions`: states and moves, a table.
  `lines`: content octets. `protocol`: the machine made of these, `events` what it tells. `proxy`: PROXY
  headers. All pure.
- `settings`, `receiver`: what the server is told, and whom it asks. `limits`: connections. `spool`:
  content in memory or on disk. `tls`: the certificate. `wire`: one connection's octets. `session`: one
  peer. `server`: the door.
- `client`: connections to the relay, each a `client_connection`; `client_protocol` and `client_replies` are
  its conversations without I/O, `client_mail` and `client_settings` what it is given.

Rules. The room knows nothing of storage: a `Receiver` is handed in. 250 after the content means that
`Receiver.accept` returned. Nothing is handed over from a DATA or BDAT that did not end. What is
unexpected is answered 4yz, never 5yz. Every wait has a deadline, and one peer's trouble ends that
peer's session only.

What may go wrong. Whatever the receiver raises becomes a reply by the table in `core.errors`. A peer that
is too slow, too loud or silent is told so by name and closed. `serve` itself ends only when told to, or
when a listener breaks.
"""
