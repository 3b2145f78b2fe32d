"""A message for a language model, as `/v1` gives it: our own addition to reading a message."""

from attrs import frozen

from e2ad.gateway.model_view import ModelReading

__all__ = ["ModelView", "model_view"]


@frozen
class RemovedView:
    """How many characters of one kind were taken out of a text."""

    kind: str
    count: int


@frozen
class ModelView:
    """A message for a language model, or a part of it.

    `text` is what to give the model: facts of ours, then all that the sender wrote, between a line
    `<<<UNTRUSTED-MAIL nonce>>>` and a line `<<<END-UNTRUSTED-MAIL nonce>>>`. `nonce` is new in each answer and does not
    occur in what the sender wrote. What stands between the two lines is the content from character `offset` on; the
    contents of all parts, joined, are the whole of `total_chars` characters.
    """

    message_id: str
    text: str
    offset: int
    next_offset: int | None
    total_chars: int
    nonce: str
    removed: list[RemovedView]
    truncated: bool


def model_view(message_id: str, reading: ModelReading) -> ModelView:
    """A page for a model."""
    page, content = reading.page, reading.content
    return ModelView(
        message_id=message_id,
        text=page.text,
        offset=page.offset,
        next_offset=page.next_offset,
        total_chars=len(content.text),
        nonce=page.nonce,
        removed=[RemovedView(kind, count) for kind, count in content.removed],
        truncated=reading.truncated,
    )
