"""Mail in by SMTP: a machine without I/O, and a small Trio server around it.

- `replies`: every reply by name. `grammar`: command lines. `transitions`: states and moves, a table.
  `lines`: content octets. `protocol`: the machine made of these. `proxy`: PROXY headers. All pure.
- `settings`, `receiver`: what the server is told, and whom it asks. `limits`: connections. `spool`:
  content in memory or on disk. `tls`: the certificate. `session`: one peer. `server`: the door.

Rules. The room knows nothing of storage: a `Receiver` is handed in. 250 after the content means that
`Receiver.accept` returned. Nothing is handed over from a DATA or BDAT that did not end. What is
unexpected is answered 4yz, never 5yz. Every wait has a deadline, and one peer's trouble ends that
peer's session only.

What may go wrong. Whatever the receiver raises becomes a reply by the table in `core.errors`. A peer that
is too slow, too loud or silent is told so by name and closed. `serve` itself ends only when told to, or
when a listener breaks.
"""
