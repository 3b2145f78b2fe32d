"""Pages for people, rendered on the server; on a port of its own.

The front page needs no credential and shows nothing that `/v1/info` does not say.
"""
