"""From what intake has just stored to what the hub pushes: the same fact, without a read in between."""

from collections.abc import Callable, Iterable

import msgspec

from e2ad.core.delivery import CarriedMessage, StreamEvent
from e2ad.core.signing import Verdict
from e2ad.storage.intake import NewMessage

__all__ = ["stream_events"]


def stream_events(messages: Iterable[NewMessage], wanted: Callable[[str], bool]) -> list[StreamEvent]:
    """The events of these messages.

    Args:
        wanted: whether any socket here belongs to an account; the others are not worth building.
    """
    return [_event(message) for message in messages if wanted(message.account_id)]


def _event(message: NewMessage) -> StreamEvent:
    addresses = msgspec.json.decode(message.addresses)
    return StreamEvent(
        account_id=message.account_id,
        agent_email=message.agent_email,
        event_id=message.event_id,
        created_at=message.created_at,
        envelope=message.envelope,
        message=CarriedMessage(
            id=message.id,
            created_at=message.created_at,
            conversation_id=message.conversation_id,
            delivered_to=message.agent_email,
            agent_email=message.agent_email,
            header_from=message.header_from,
            to=tuple(addresses["to"]),
            cc=tuple(addresses["cc"]),
            reply_to=tuple(addresses["reply_to"]),
            subject=message.subject,
            verdict=Verdict(
                verified=message.verified,
                sender=message.header_from or "",
                entity_type=message.entity_type,
                domain_check=message.domain_check,
                delegation=message.delegation,
            ),
            content_sha256=message.content_sha256,
            size_bytes=message.size,
        ),
    )
