"""The verbs: what e2ad does when somebody asks, each in one transaction, the same for whoever asks.

- Mail in: `receive` is what the SMTP server talks to, `directory` knows whom an address leads to,
  `arrivals` makes of a mail the message of each recipient, `intake` commits many at once, `continuing` says what
  each of them continues. `screening` looks at what mails say, and `screened` settles those that waited for a model.
- What comes back: `return_paths` (an address for each message), `feedback` (a report by mail changes the state of
  recipients), `bounce_rules` (what its words mean), `provider_feedback` (the same from Amazon SES).
- Mail out: `sending` has the verbs, `drafting` the rules of a request, `acceptance` the write that makes a mail
  ours to send, with `quotas`; `suppressions` says who is not written to. `courier` is what the verbs ask of
  whoever carries it; `inside` is the way into an inbox here, `outcomes` what became of each recipient, decided
  in `facts`.
- Before it goes out: `provenance` (where the agent knows each recipient from), `brake` (how long a row of mails
  between agents is).
- A person in between: `protection` (what an owner wants to see first), `gate` (the judgement), `holds` (what is written
  when it says no) with `notices` (the mail that asks), `reviews` (approve, reject, edit, expire) with `edits` and
  `decisions` (who decides, how it ends), and `deciding` (the same for whoever is asked by a person). `previews`
  composes a held draft as the very mail that it would leave as, and `whence` tells whence its recipients are known.
  `announcements` is
  what is told of mail in, held mail included, and `told` how events show the ledger. `backtest` says what other
  settings would have done to the mail that is stored, by `rejudging` it.
- `audit`: who decided what about mail and access, on which `evidence`; each row in the transaction of its effect.
- `metrics`: what became of the messages of a window, counted; `operations`: the same hour by hour, with what waits and
  what failed.
- Whole accounts: `exports` (all that is stored, as a stream) and `closing` (deleting it in steps).
- Resources: `accounts`, `agents`, `messages`, `conversations`, `templates`, `webhooks`, `events`, `replays`,
  `signing_secrets`,
  `contacts` (whom an account deals with) and `engagements` (how each agent stands with them).
- Domains: `domains` (claim, verify, rotate, delete), `domain_checks` (asking the DNS), `domain_sweeps` (asking
  again from time to time, expiry), `signing_keys` (DKIM keys: made, sealed, opened for whoever signs).
- Programs that people let in: `oauth` (codes, tokens, grants), `oauth_clients` (who they are), `oauth_consent` (what
  a person may answer), `oauth_access` (their tokens as credentials).
- Who and how often: `access` (a credential becomes a `Principal` of `principals`), `api_keys`, `identity` (tokens of
  agents), `sessions` (people with a browser) and their ways in: `sign_in` (a key), `sign_in_links` with
  `sign_in_notice` (a link by mail), `oidc_sign_in` with `oidc` (a provider); what is `remembered` of all that, `limits`
  (rates that hold across processes), `idempotency` (the same request twice is one effect).
- `remarks`: what people tell the operator.
- Reading: `searching` (why a search found a message), `model_view` (a message for a language model).
- `selftest`: is the door for mail open; `mint`: ids, secrets and the time of day.

Rules. Both APIs and the commands are translators to these; no rule lives in a translator. What asks the
outside (a URL's host, an MX record) is asked before the transaction is opened. Who writes agents,
accounts or webhooks notifies in that transaction, and caches in here listen; a cache may be late, never
wrong about who may do what for longer than it says.

What may go wrong. Each verb raises the failures of `core.errors` that its docstring names; the database
that is away is `Unavailable`. A verb that is cancelled has done everything or nothing.
"""
