"""What the mails of one batch continue: conversations and threads, of stored mail and of each other.

Pure over what the look-up found; `gateway.intake` asks, has each mail judged by the answer, and stores them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import frozen

from e2ad.core.continuity import Known
from e2ad.core.threads import thread_for
from e2ad.gateway import mint
from e2ad.storage.intake import Knowledge, NewMessage

__all__ = ["Arrival", "Found", "found_of"]


@frozen
class Found:
    """What the look-up says of one mail.

    Attributes:
        conversation_id: of the conversation that it continues.
        thread_id: the thread that it is in, an earlier one or one that it begins.
        answered: a later mail of the same batch continues it.
        known: what the agent knows of the sender; None where that was not asked.
    """

    conversation_id: str | None = None
    answered: bool = False
    known: Known | None = None
    thread_id: str | None = None


@frozen(kw_only=True)
class Arrival:
    """One mail for one agent, before anybody knows what it continues and what it will become.

    Attributes:
        conversation_id: a new one, or the one that the mail is known to be in: then it is `threaded`.
        reference_keys: the messages that it refers to, joined by blanks.
        thread_keys: those of them that may name its thread, nearest first.
        thread_id: the thread that it is known to be in; None where `thread_keys` decide.
        dedupe_key: two with the same are one mail.
        sender, look: the author's address and its skeleton, None where there is none to know.
        judge: makes the message, judged by what was found. It must not wait; whatever it raises is this mail's alone.
    """

    id: str
    account_id: str
    agent_email: str
    size: int
    conversation_id: str
    threaded: bool
    message_id_key: str | None
    reference_keys: str | None
    sender: str | None
    look: str
    judge: Callable[[Found], NewMessage]
    thread_keys: tuple[str, ...] = ()
    thread_id: str | None = None
    dedupe_key: bytes | None = None

    @property
    def asked_keys(self) -> Iterable[str]:
        """What has to be looked up to know what it continues."""
        keys = [] if self.threaded or not self.reference_keys else self.reference_keys.split(" ")
        return dict.fromkeys(keys if self.thread_id else [*keys, *self.thread_keys])


def found_of(arrivals: Sequence[Arrival], knowledge: Knowledge) -> list[Found]:
    """What each mail is judged by, also where one answers another of the same batch."""
    conversations: list[str] = []
    continued: list[str | None] = []
    answered: set[int] = set()
    newest: dict[tuple[str, str, str], int] = {}
    for position, arrival in enumerate(arrivals):
        conversation_id = None if arrival.threaded else knowledge.conversations.get(position)
        for key in ("" if arrival.threaded else arrival.reference_keys or "").split():
            parent = newest.get((arrival.account_id, arrival.agent_email, key))
            if parent is not None:
                conversation_id = conversations[parent]
                answered.add(parent)
        if arrival.message_id_key is not None:
            newest[arrival.account_id, arrival.agent_email, arrival.message_id_key] = position
        continued.append(conversation_id)
        conversations.append(conversation_id or arrival.conversation_id)
    threads = _threads(arrivals, knowledge.threads)
    return [
        Found(conversation_id, position in answered, knowledge.senders.get(position), threads[position])
        for position, conversation_id in enumerate(continued)
    ]


def _threads(arrivals: Sequence[Arrival], stored: Mapping[int, Mapping[str, Sequence[str]]]) -> list[str]:
    """The thread of each mail: of what is stored, else of what came before it in the batch, else its own.

    Stored mails come first: a repeat of one of them is not stored, so that its thread would be nobody's.
    """
    threads: list[str] = []
    gathered: dict[tuple[str, str, str], list[str]] = {}
    seen: set[tuple[str, str, bytes]] = set()
    for position, arrival in enumerate(arrivals):
        owner, known = (arrival.account_id, arrival.agent_email), stored.get(position, {})
        matches = {key: known.get(key, ()) or gathered.get((*owner, key), ()) for key in arrival.thread_keys}
        thread_id = arrival.thread_id or thread_for(arrival.thread_keys, matches)
        threads.append(thread_id or mint.new_id("thr_"))
        if arrival.dedupe_key is not None:
            if (*owner, arrival.dedupe_key) in seen:
                continue
            seen.add((*owner, arrival.dedupe_key))
        if arrival.message_id_key is not None:
            gathered.setdefault((*owner, arrival.message_id_key), []).append(threads[position])
    return threads
