"""Pages for people, rendered on the server, under `/dashboard` and on a port of their own.

`app` is the blueprint: who may see a page, what a form must prove, what every answer carries. `page` declares a page,
`desk` is where one works: the person, the form, and the operations of `/v1` in process. `frame` fills `templates/`,
`assets` serves `static/`, `words` says things. `live` tells open pages what happens. `mail_html` makes a mail's HTML
harmless; `evidence` explains who stands behind a mail, in words and a picture, and `timeline` what happened to it.
`difference` shows what an edit changed. `deliveries` tells of webhooks and every attempt at them, and `event_filter` is
which events a person asks for. `protection_form` is an agent's protection as a form.
`charts` draws numbers, and `panels` says which of them. `ledger` puts rows of the audit log into words. The pages
themselves are in `pages/`.

Rules. Pages call the operations and verbs that the API calls, so that no rule lives twice. Every form works without a
script; htmx swaps parts of pages, and `static/app.js` does the little that it cannot. All that a mail or a sender wrote
is escaped, and what cannot be seen of it is shown or counted. Nothing is loaded from elsewhere.

What may go wrong. `features.dashboard = false` leaves the whole room out; nothing else depends on it.
"""
