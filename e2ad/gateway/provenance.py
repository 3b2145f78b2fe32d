"""Where an agent knows each recipient of a mail from: the classes of `core.provenance`, with their evidence."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import trio
from attrs import frozen

from e2ad.core.address import domain_to_unicode
from e2ad.core.provenance import (
    Familiar,
    Known,
    Passage,
    Provenance,
    Sighting,
    comparable,
    listed,
    listing,
    needle,
    search,
)
from e2ad.storage import provenance as storage
from e2ad.storage.pool import Executor
from e2ad.storage.provenance import Header, Mail

__all__ = ["Past", "classify"]

MAX_MEMBERS: Final = 100
MAX_MAILS: Final = 1000
MAX_TEXTS: Final = 200
MAX_OCTETS: Final = 2 * 1024 * 1024
MAX_LIST_OCTETS: Final = 256 * 1024
THREAD_FROM: Final = 64 * 1024
THREAD_FROM_PASSAGES: Final = 300

_THREADS: Final = trio.CapacityLimiter(2)


class Past(Protocol):
    """What the mail of an agent says: as it stands now, or as it stood when a mail was written (`backtest`)."""

    @property
    def threads(self) -> trio.CapacityLimiter:
        """How many threads may search in it at a time."""

    async def known(
        self,
        account_id: str,
        agent_email: str,
        *,
        forms: Sequence[str],
        conversation_id: str,
        parent_id: str | None,
        members: int,
        octets: int,
    ) -> list[Header]:
        """As `storage.provenance.known`."""

    async def passages(
        self,
        account_id: str,
        agent_email: str,
        *,
        conversation_id: str,
        parent_id: str | None,
        members: int,
        newest: int,
        texts_of: int,
        octets: int,
        list_octets: int,
    ) -> list[Mail]:
        """As `storage.provenance.passages`."""


@frozen
class _Present:
    """The mail as it stands now."""

    executor: Executor
    threads: trio.CapacityLimiter = _THREADS

    async def known(self, account_id: str, agent_email: str, **asked: Any) -> list[Header]:
        return await storage.known(self.executor, account_id, agent_email, **asked)

    async def passages(self, account_id: str, agent_email: str, **asked: Any) -> list[Mail]:
        return await storage.passages(self.executor, account_id, agent_email, **asked)


async def classify(
    executor: Executor,
    account_id: str,
    agent_email: str,
    *,
    conversation_id: str,
    parent_id: str | None,
    recipients: Sequence[str],
    allowlist: Sequence[str],
    past: Past | None = None,
) -> tuple[Sighting, ...]:
    """The class of each recipient, in their order. At most two statements, the second only for who is not known well.

    What is searched is bounded: the mail that is answered, a hundred of its conversation, and the newest, two
    hundred mails with 2 MiB of text in all; of a thousand the header sections, with 256 KiB of addresses and files.
    More than 64 KiB of text, or more than three hundred pieces of it, are searched in a thread.

    Args:
        recipients: in their stored form.
        allowlist: addresses and domains that the owner listed for mail out.
        past: what is asked instead of the mail as it stands now.

    Raises:
        Unavailable: the database does not answer.

    Cancellation:
        Nothing was changed; a search that runs in a thread ends by itself, unheard.
    """
    past = past or _Present(executor)
    sightings: dict[str, Sighting] = {}
    entries, own = listing(allowlist), comparable(agent_email)
    for address in recipients:
        if listed(address, entries):
            sightings[address] = Sighting(address, Provenance.OPERATOR_LIST, place="allowlist")
        elif comparable(address) == own:
            sightings[address] = Sighting(address, Provenance.PARTICIPANT, place="from")
    left = [address for address in recipients if address not in sightings]
    if left:
        headers = await past.known(
            account_id,
            agent_email,
            forms=sorted({form for address in left for form in _forms(address)}),
            conversation_id=conversation_id,
            parent_id=parent_id,
            members=MAX_MEMBERS,
            octets=MAX_LIST_OCTETS,
        )
        participants = [known for header in headers if header.kind == "member" for known in _participants(header)]
        sightings |= _from_headers(left, headers, participants)
        left = [address for address in left if address not in sightings]
        if left:
            mails = await past.passages(
                account_id,
                agent_email,
                conversation_id=conversation_id,
                parent_id=parent_id,
                members=MAX_MEMBERS,
                newest=MAX_MAILS,
                texts_of=MAX_TEXTS,
                octets=MAX_OCTETS,
                list_octets=MAX_LIST_OCTETS,
            )
            passages = list(_passages(mails))
            look = partial(_look, left, passages, _believed(mails, participants), allowlist)
            size = sum(len(passage.text) for passage in passages)
            if size > THREAD_FROM or len(passages) > THREAD_FROM_PASSAGES:
                sightings |= await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=past.threads)
            else:
                sightings |= look()
    return tuple(sightings[address] for address in recipients)


def _forms(address: str) -> set[str]:
    form = comparable(address)
    local_part, _, domain = form.rpartition("@")
    return {form, f"{local_part}@{domain_to_unicode(domain)}".lower()}


def _participants(header: Header) -> Iterable[Known]:
    """Whom this mail's header section makes a participant; see `core.provenance` for who is believed."""
    if header.header_from:
        yield Known(header.header_from, header.id, "from")
    places = (
        ("to", header.to_addresses),
        ("cc", header.cc_addresses),
        ("bcc", header.bcc_addresses),
        ("reply_to", header.reply_to_addresses),
    )
    for place, addresses in places:
        for address in addresses:
            yield Known(address, header.id, place)


def _from_headers(
    recipients: Iterable[str], headers: Iterable[Header], participants: Iterable[Known]
) -> dict[str, Sighting]:
    # Compared once more, and strictly: the database's idea of lower case is wider than ours.
    senders = {
        comparable(header.header_from): header.id
        for header in headers
        if header.kind == "sender" and header.header_from is not None
    }
    members: dict[str, Known] = {}
    for known in participants:
        members.setdefault(comparable(known.address), known)
    sightings = {}
    for address in recipients:
        form = comparable(address)
        if form in senders:
            sightings[address] = Sighting(address, Provenance.CORRESPONDENT, senders[form], "from")
        elif form in members:
            sightings[address] = Sighting(
                address, Provenance.PARTICIPANT, members[form].message_id, members[form].place
            )
    return sightings


def _look(
    recipients: Sequence[str], passages: Sequence[Passage], known: Sequence[Known], allowlist: Sequence[str]
) -> dict[str, Sighting]:
    """Search what the agent read for each recipient, and those that it knows for one that looks like it."""
    found = search([needle(address) for address in recipients], passages)
    familiar = Familiar(known, allowlist)
    sightings = {}
    for address in recipients:
        like = familiar.resembled(address)
        resembles = None if like is None else like.address
        if (hit := found.get(address)) is not None:
            sighting = Sighting(address, Provenance.CONTENT, hit.message_id, hit.place, hit.excerpt, resembles)
        elif like is not None:
            sighting = Sighting(address, Provenance.CONTENT, like.message_id, like.place, resembles=resembles)
        else:
            sighting = Sighting(address, Provenance.UNSEEN)
        sightings[address] = sighting
    return sightings


def _believed(mails: Sequence[Mail], participants: Sequence[Known]) -> list[Known]:
    senders = (Known(mail.header_from, mail.id, "from") for mail in mails if mail.believed and mail.header_from)
    return list({known.address: known for known in (*participants, *senders)}.values())


def _passages(mails: Iterable[Mail]) -> Iterable[Passage]:
    for mail in mails:
        yield Passage(mail.id, "subject", mail.subject)
        yield Passage(mail.id, "text", mail.text)
        if mail.html:
            yield Passage(mail.id, "html", mail.html, is_markup=True)
        yield Passage(mail.id, "sender name", mail.sender_name)
        for attachment in mail.attachments:
            yield Passage(mail.id, "attachment name", str(attachment.get("filename") or ""))
        places = (
            ("reply_to", mail.reply_to_addresses),
            ("cc", mail.cc_addresses),
            ("to", mail.to_addresses),
            ("from", [mail.header_from or ""]),
        )
        for place, addresses in places:
            for address in addresses:
                yield Passage(mail.id, place, address)
