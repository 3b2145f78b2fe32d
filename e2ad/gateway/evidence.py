"""What a decision about held mail was based on, for the audit log.

Of content there are hashes, not texts: the log outlives the mail that it speaks of.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from e2ad.core.events import rfc3339
from e2ad.core.outbound import Draft
from e2ad.gateway.decisions import Revised
from e2ad.storage.reviews import Hold, Locked

__all__ = ["classes", "of_draft", "of_received"]

_PLACES: Final = ("to", "cc", "bcc")


def classes(hold: Hold) -> dict[str, str]:
    """Whence each recipient was known when the mail was held; those of an edit are not known."""
    return {
        finding["address"]: finding["provenance"]
        for finding in hold.findings
        if finding.get("detector") == "provenance" and "provenance" in finding
    }


def of_received(locked: Locked, hold: Hold, seen: bytes | None) -> dict[str, Any]:
    """What was known of received mail: from whom it says it is, and what of that it proved.

    Args:
        seen: the hash that the reviewer named.
    """
    sender = {
        "header_from": hold.header_from,
        "envelope_from": hold.envelope_from,
        "verified_domain": hold.verified_domain,
        "authentication": hold.authentication,
    }
    return {**_of_any(locked, hold, hold.sha256, seen), "sender": sender}


def of_draft(
    locked: Locked, hold: Hold, seen: bytes | None, before: Draft, draft: Draft, revised: Revised | None = None
) -> dict[str, Any]:
    """What was known of a draft: its exact content by its hash, and whom it would go to and why to those.

    Args:
        seen: the hash that the reviewer named.
        before: the draft as it was held.
        draft: the one that was decided about.
        revised: the revision that it is, where the decision changed it.
    """
    known = _of_any(locked, hold, hold.sha256 if revised is None else revised.sha256, seen)
    known["revision"] = hold.revision if revised is None else revised.revision
    known["recipients"] = _recipients(draft, hold)
    if draft.send_at is not None:
        known["send_at"] = rfc3339(draft.send_at)
    if revised is not None:
        known["before_sha256"] = _hex(hold.sha256)
        known["changed"] = _changes(before, draft)
    return known


def _of_any(locked: Locked, hold: Hold, content: bytes | None, seen: bytes | None) -> dict[str, Any]:
    return {
        "direction": locked.direction,
        "agent_email": locked.agent_email,
        "content_sha256": _hex(content),
        "seen_sha256": _hex(seen),
        "held_for": hold.reason,
        "findings": hold.findings,
    }


def _changes(before: Draft, after: Draft) -> dict[str, Any]:
    """What an edit changed: recipients by name, texts and files by their hashes."""
    changed: dict[str, Any] = {}
    for place in _PLACES:
        old, new = getattr(before, place), getattr(after, place)
        if old != new:
            changed[place] = {"before": list(old), "after": list(new)}
    for part in ("subject", "text", "html"):
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            changed[part] = {"before_sha256": _sha256(old), "after_sha256": _sha256(new)}
    if before.attachments != after.attachments:
        changed["attachments"] = {"before": _files(before), "after": _files(after)}
    return changed


def _recipients(draft: Draft, hold: Hold) -> list[dict[str, Any]]:
    """Each recipient with where it was known from and what that was found by."""
    found: Mapping[str, Mapping[str, Any]] = {
        finding["address"]: finding
        for finding in hold.findings
        if finding.get("detector") == "provenance" and "address" in finding
    }
    told = []
    for place in _PLACES:
        for address in getattr(draft, place):
            finding = found.get(address, {})
            recipient = {
                "address": address,
                "place": place,
                "provenance": finding.get("provenance"),
                "why": finding.get("summary"),
                "seen_in": finding.get("message_id"),
            }
            told.append({name: value for name, value in recipient.items() if value is not None})
    return told


def _hex(sha256: bytes | None) -> str | None:
    return None if sha256 is None else sha256.hex()


def _sha256(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _files(draft: Draft) -> list[dict[str, Any]]:
    return [
        {"filename": file.filename, "sha256": hashlib.sha256(file.data).hexdigest(), "bytes": len(file.data)}
        for file in draft.attachments
    ]
