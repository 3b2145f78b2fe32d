"""Contacts, and how an agent stands with each."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "ContactImportRow",
    "CreateContactRequest",
    "ImportContactsRequest",
    "UpdateContactRequest",
    "UpsertEngagementRequest",
]


class ContactImportRow(TypedDict):
    """One line of an import. What breaks a rule fails this line alone."""

    address: str
    display_name: NotRequired[str]
    """Left out: what is there stays."""
    metadata: NotRequired[dict[str, Any]]
    """Flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384
    bytes as JSON; replaced as a whole.
    """


class CreateContactRequest(TypedDict):
    """A contact to be."""

    address: str
    """Bare, or with a display name."""
    display_name: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]
    """Flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384
    bytes as JSON; replaced as a whole.
    """


class ImportContactsRequest(TypedDict):
    """Contacts by the thousand, and whom to enrol them with."""

    contacts: list[ContactImportRow]
    on_conflict: NotRequired[Literal["merge", "skip"]]
    agent_email: NotRequired[str]
    stage: NotRequired[str]
    """Your own word, never interpreted."""


class UpdateContactRequest(TypedDict):
    """What to change; what is left out stays."""

    display_name: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]
    """Flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384
    bytes as JSON; replaced as a whole.
    """


class UpsertEngagementRequest(TypedDict):
    """What to write of an engagement; what is left out stays. `next_action_at: null` clears the schedule."""

    stage: NotRequired[str]
    """Your own word, never interpreted."""
    next_action_at: NotRequired[datetime | str | None]
    metadata: NotRequired[dict[str, Any]]
    """Flat: at most 50 keys of at most 128 bytes, strings of at most 4096 bytes, numbers, booleans and nulls, 16384
    bytes as JSON; replaced as a whole.
    """
