"""Whom a held draft would go to, and whence each of them is known, for whoever decides about it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from e2ad.core.outbound import Draft
from e2ad.core.provenance import Provenance, Sighting
from e2ad.gateway.provenance import classify
from e2ad.storage import review_desk
from e2ad.storage.pool import Executor

__all__ = ["Whence", "whence"]

_CLASSES: Final = frozenset(one.value for one in Provenance)


@frozen
class Whence:
    """A recipient, in which field it stands, its class, and the mail that says so.

    Attributes:
        noted: it was found when the mail was held; else it was looked up now, as for recipients of an edit.
        message_id: the mail in which it was seen, and `place` where in there.
        excerpt: the words around it, of content alone.
        resembles: a known address that it looks like and is not.
    """

    address: str
    field: str
    provenance: Provenance
    noted: bool
    message_id: str | None = None
    place: str | None = None
    excerpt: str | None = None
    resembles: str | None = None


async def whence(
    executor: Executor, account_id: str, draft: Draft, findings: Sequence[Mapping[str, Any]]
) -> list[Whence]:
    """Each recipient in the order of the fields, hidden ones too.

    Args:
        findings: of the hold.

    Raises:
        Unavailable: the database does not answer.
    """
    noted = {
        str(one["address"]): one
        for one in findings
        if one.get("detector") == "provenance" and one.get("address") and one.get("provenance") in _CLASSES
    }
    # Of who is only named somewhere the words around it are wanted, which no finding keeps.
    named = {address for address, one in noted.items() if one["provenance"] == Provenance.CONTENT.value}
    left = [address for address in draft.recipients if address not in noted or address in named]
    found: dict[str, Sighting] = {}
    if left:
        sightings = await classify(
            executor,
            account_id,
            draft.agent_email,
            conversation_id=draft.conversation_id,
            parent_id=draft.parent_id,
            recipients=left,
            allowlist=await review_desk.allowlist(executor, account_id, draft.agent_email),
        )
        found = {one.address: one for one in sightings}
    fields = (("To", draft.to), ("Cc", draft.cc), ("Bcc", draft.bcc))
    return [_one(address, name, noted, found) for name, addresses in fields for address in addresses]


def _one(address: str, name: str, noted: Mapping[str, Mapping[str, Any]], found: Mapping[str, Sighting]) -> Whence:
    if (finding := noted.get(address)) is not None:
        provenance, now = Provenance(finding["provenance"]), found.get(address)
        excerpt, resembles = (now.excerpt, now.resembles) if now is not None else (None, None)
        seen_in, place = finding.get("message_id"), finding.get("place")
        return Whence(address, name, provenance, True, seen_in, place, excerpt, resembles)
    one = found.get(address) or Sighting(address, Provenance.UNSEEN)
    return Whence(address, name, one.provenance, False, one.message_id, one.place, one.excerpt, one.resembles)
