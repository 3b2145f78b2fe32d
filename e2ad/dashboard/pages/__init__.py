"""The pages, one module for each thing that they are about.

`inbox` lists conversations, `message` shows one mail and what is known of it, `writing` answers, forwards and composes,
`start` leads from an empty account to the first mail, `agents` lists agents and brings deleted ones back, `agent` is
about one of them, `protection` has what is checked of its mail, tried on the mail that is stored. `reviews` lists mail
that waits for a person and decides about several at once, `review` is about one of them and `review_content` about
what that consists of. `domains` has the records to paste and what the DNS answers, `keys` what programs sign in with.
`webhooks` is about where events are told to, `events` about what happened and who was told, and `replays` tells it
again. `operations` shows how mail flows, `account` is about who is signed in, taking everything along and deleting it
all, `audit` about who decided what.

Rules. A module ends in `PAGES`, which `dashboard.app` gathers. A page asks an operation or a verb and decides nothing
itself; its template escapes all that it is given, and a line that somebody else wrote goes through `shown`.

What may go wrong. An operation raises a `Failure`: of a form the page shows what was written and why it was not done,
of all else `dashboard.app` makes a page that says what to do.
"""
