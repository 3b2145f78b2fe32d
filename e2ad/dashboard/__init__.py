"""Pages for people, rendered on the server; on a port of its own.

`views` builds the application, `templates/` holds the pages.

Rules. Pages call the verbs that both APIs call and know no others. The front page needs no credential and
shows nothing that `/v1/info` does not say. All that a mail or a sender wrote is escaped.

What may go wrong. `features.dashboard = false` leaves the whole room out; nothing else depends on it.
"""
