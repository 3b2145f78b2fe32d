"""The rules of e2ad, as values and functions that anybody can call with nothing running.

- Addresses: `address` (mailboxes, the two paths, domains), `slug` (which of them an agent may have).
- A mail, read: `mime` is the door; behind it `mime_header`, `mime_address`, `mime_parts` and `mime_body`,
  `charset`, `flowed`, `markup` and `html_text`, `quoting` with `quoting_words`, and `defects`, what had to be mended.
  `message` has the values, `threads` says which mails belong together, `automation` which a machine wrote.
- A sender, judged: `authentication` (results as values), `alignment` (DMARC's rules without its DNS),
  `authentication_results` (the field), `continuity` (how a mail compares with earlier ones of its sender) and
  `acquaintance` (what would be known of senders had other mail been delivered).
- Domains: `domain_records` (what to publish, how what is seen is judged), `domain_life` (claimed, verified,
  lapsed; keys).
- Mail out: `recipients` (what a caller wrote, as addresses), `quotation` (what an answer takes over), `outbound` (a
  draft, its states, the words of the ledger), `protection` (what an owner wants a person to decide), `policy` (the
  judgement) with `findings` (what it and the scan noticed), `review_links` (tokens to decide with), `legible` (tricks
  of the eye made visible), `provenance` (whom an agent knows, and where from) with `confusables` (what looks alike).
- A mail, written: `compose` is the door; behind it `compose_header` and `compose_body`. What comes back about it is
  read by `reports`, with `reports_prose` for bounces that follow no standard.
- Going out: `events` (the envelope), `signing` (signatures and tokens), `sealing` (secrets at rest),
  `delivery` (attempts and outcomes), `retry` and `breaker` (when to try again).
- Mails written once: `templates` (the engine), `starters` (some to copy) in `starter_layout`.
- Outreach: `contacts` (the rules of what is kept about people), `etags` (versions, and writes that name one).
- Content, judged: `screening` is the door (a score, its reasons, what follows at a sensitivity), `screening_material`
  has the values. Behind it orders to a machine: `screening_phrases`, `screening_orders`, `screening_words`,
  `screening_fold`; what is not seen: `screening_hidden` with `screening_markup`, `screening_looks` and
  `screening_styles`; `screening_characters`, `screening_payloads`, `screening_links`, `screening_sender` and, for mail
  out, `screening_secrets`.
- `message_filter` with `message_filter_grammar`: the language for listing mail. `search`: the one for searching it,
  with `search_words` (what a word is, in every script) and `search_highlights` (where the hits are).
- For a language model: `model_view` (facts, fence, pages), without what a person does not see: `unseen` (characters)
  and `seen_markup` (HTML).
- Programs that people let in: `oauth` (checks and documents), `oauth_clients` (what a program says of itself),
  `oauth_consent` (the form by which a person decides). A person with a browser: `sign_in`,
  `oidc` (what a provider is believed), `visitors` (what they know a browser of theirs by). Agents that say who they
  are: `identity`.
- `audit`: who decided what, in rows of which each vouches for all before it.
- `failures` (with `template_failures`, `contact_failures`, `oauth_failures`) and `errors`: every failure with a
  name, and the one table of what each peer is told.

Rules. Pure: no I/O, no clock, no randomness, no logging; all of these come in as arguments. Values are
frozen. Whatever a stranger can write is read in time linear in its size, within bounds that are named.

What may go wrong. Reading mail never raises: it degrades and says how. Everything else raises a `Failure`
with a sentence for the caller, or a `ValueError` that the calling room turns into one.
"""
