"""The classic API under `/api/v1`: small and flat, what the quickstart shows.

`framework` is to a route what `api.operation` and `api.dispatch` are to an operation: declaration, checks
and answers, in the manner of this API. `paging` has its pages. Each other module is one resource:
`meta`, `agents`, `messages`, `sending`, `pending`, `conversations`, `domains`, `webhooks`, `events`,
`signing_secrets`, `keys`, `account` (its data, taken along or deleted), and `feedback`, a word to the operator.

Rules. Errors are one line of `text/plain`. A body's unknown members are ignored, missing ones are empty.
The socket is for agents in `local` mode; in `cloud` mode mail goes to the agent's own URL. Whatever is
decided is decided by the verbs in `gateway`: a rule found in here is in the wrong place.

What may go wrong. As in `api`: failures by name, and a surprise is 500 with the request id in the log.
"""
