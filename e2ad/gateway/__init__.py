"""The verbs: what e2ad does when somebody asks, each in one transaction, the same for whoever asks.

- Mail in: `receive` is what the SMTP server talks to, `directory` knows whom an address leads to,
  `arrivals` makes of a mail the message of each recipient, `intake` commits many at once.
- Mail out: `courier` is what the verbs ask of whoever carries it.
- Resources: `accounts`, `agents`, `messages`, `conversations`, `webhooks`, `events`, `signing_secrets`.
- Who and how often: `access` (a credential becomes a `Principal`), `limits` (rates that hold across
  processes), `idempotency` (the same request twice is one effect).
- `mint`: ids, secrets and the time of day.

Rules. Both APIs and the commands are translators to these; no rule lives in a translator. What asks the
outside (a URL's host, an MX record) is asked before the transaction is opened. Who writes agents,
accounts or webhooks notifies in that transaction, and caches in here listen; a cache may be late, never
wrong about who may do what for longer than it says.

What may go wrong. Each verb raises the failures of `core.errors` that its docstring names; the database
that is away is `Unavailable`. A verb that is cancelled has done everything or nothing.
"""
