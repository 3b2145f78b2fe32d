"""Failures of contacts: see `core.failures` for what a failure is, `core.errors` for what peers are told."""

from e2ad.core.failures import Conflict, Failure, NotFound

__all__ = [
    "ContactExists",
    "ContactLimitReached",
    "ContactNotFound",
    "EngagementNotFound",
    "ImportBatchNotFound",
    "PreconditionFailed",
]


class ContactExists(Conflict):
    """The address is a contact already, however it was written."""

    default = "a contact with this address exists already: update it instead"


class ContactNotFound(NotFound):
    """The account has no contact with this address."""

    default = "no such contact"


class EngagementNotFound(NotFound):
    """The agent has no outreach to this address."""

    default = "the agent has no outreach to this contact"


class ImportBatchNotFound(NotFound):
    """The account made no import with this id."""

    default = "no such import"


class ContactLimitReached(Failure):
    """An account may have so many contacts and no more."""

    default = "the account has as many contacts as it may have: delete some first"


class PreconditionFailed(Failure):
    """What is stored is not what the writer has seen (RFC 9110 section 15.5.13)."""

    default = "If-Match names another version than the present one: read it again, and send its ETag as it came"
