"""PostgreSQL: the only part of e2ad that remembers.

The floor of the room, used by everything above it:

- `connection`: psycopg driven by Trio; what holds when a statement or a transaction is cancelled.
  `readiness` waits for its socket, `addresses` finds the servers that a DSN means, `adaptation` says how
  Python's values travel.
- `pool`: `open_pool` gives a `Database`; `executor`: the verbs `fetch_all`, `fetch_one`, `fetch_value`
  and `execute`, the same on the whole database and on one connection inside a transaction.
- `sql`: the named queries of `sql/queries`; `migrations`: the numbered steps of `sql/migrations`.
- `listener`: LISTEN on a connection of its own.

On it stands one module for each file of queries: `accounts`, `agents`, `domains`, `signing_secrets`, `templates`,
`webhooks`, `founding` (the deployment itself), `idempotency` and `limits`, which own their tables; `intake`, which
writes mail; `sending`, which accepts mail out; `suppressions`; `contacts` and `engagements`; `submissions`, the queue
of mail out, and `outcomes`, what became of it; `messages`, `conversations`, `search`, `events`, `stream` and
`directory`, which read mail, and `desk`, `roster`, `holdings` and `belongings`, which read what pages for people show
beside;
`deliveries`, the queue of webhooks, `delivery_log`, each attempt at them for people to read, and `replays`, which
finds events and sends many again; `outbox`, which writes events, and `ledger`, which writes what happened to each
message; `feedback`, which
finds the message that a report is about; `provenance` and `brake`, which read whom an agent knows and whom it
answers; `remarks`, which keeps what people tell the operator; `holds`, which writes what waits for a person, and
`reviews`, which decides about it, and `review_desk`, its lists for people; `backtest`, which reads stored mail as the
gate would have met it;
`audit`, which is only ever appended to; `correspondents`, what an agent has seen
of an address; `protection_events`, what was noticed of messages, and `screenings`, mail that waits for a model;
`oauth`, which holds the programs that people let in, `sessions`, which holds who is signed in, `sign_in`, which holds
links by mail and identities of a provider, and `identity`, which reads whom a token is about; `retention`, which
deletes; `metrics`, which counts; `export`, which reads all that an account has, and `closing`, which deletes it;
`captured`, which shows a developer what the owner is mailed; `operations`, which reads how mail flows and keeps how
deep queues were, and `processes`, which holds who runs.

Rules. No SQL in Python. A function takes an `Executor`, so that its caller decides on the transaction.
Arrays instead of loops: one statement for a batch. A notification is a hint, the tables are the truth.

What may go wrong. The database is away, too slow or read-only. All of that is
`core.errors.Unavailable` here, with the driver's words as its cause; psycopg's other errors pass.
"""
