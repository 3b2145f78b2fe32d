"""The judgement of the gate, pure: may this mail pass, does a person decide, or is it refused?

Both directions come through here. What is judged are parsed addresses, compared as a whole and in one
spelling, so that a display name, letter case or a Unicode domain is no way around a list. Anything that
merely resembles a listed address, such as one with a plus-tag, is another address.

Several reasons may speak against one mail: the strongest decides (block, review, flag), all are kept.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from attrs import field, frozen

from e2ad.core.findings import SEVERITY, Action, Finding, HoldReason, Scanned
from e2ad.core.outbound import Draft
from e2ad.core.protection import Gate, Protection
from e2ad.core.provenance import Provenance, Sighting, action_for, listed

__all__ = [
    "AGENT_LOOP",
    "Blocked",
    "Finding",
    "Held",
    "HoldReason",
    "Passed",
    "asks_provenance",
    "judge_inbound",
    "judge_outbound",
]

AGENT_LOOP: Final = "agent_loop"
REQUIRED: Final = "review_required"
RECIPIENT: Final = "recipient_not_allowed"
PROVENANCE: Final = "recipient_provenance"
SENDER: Final = "sender_not_allowed"

_CLASS_TEXT: Final = {
    Provenance.OPERATOR_LIST: "is on the list of the operator",
    Provenance.CORRESPONDENT: "wrote to this agent before, authenticated",
    Provenance.PARTICIPANT: "takes part in this conversation",
    Provenance.CONTENT: "was seen only inside the content of a mail",
    Provenance.UNSEEN: "was never seen by this agent before",
}


@frozen
class Passed:
    """It goes through. `flag_reason` is set where it is marked; `classes` is the provenance by address, if asked."""

    flag_reason: str | None = None
    classes: Mapping[str, str] = field(factory=dict)
    findings: tuple[Finding, ...] = ()


@frozen
class Held:
    """A person decides."""

    reason: HoldReason
    findings: tuple[Finding, ...]
    classes: Mapping[str, str] = field(factory=dict)


@frozen
class Blocked:
    """It goes nowhere. `source` is `gate` or `scan`."""

    reason: str
    source: str
    findings: tuple[Finding, ...] = ()


@frozen
class _Objection:
    action: Action
    reason: HoldReason
    findings: tuple[Finding, ...]


def asks_provenance(protection: Protection) -> bool:
    """Can it matter where a recipient is known from? Where every class is allowed, nobody needs to look."""
    return any(_action(protection, one) != "allow" for one in Provenance)


def judge_outbound(
    draft: Draft,
    protection: Protection,
    sightings: Sequence[Sighting],
    *,
    own_domains: Sequence[str],
    max_agent_hops: int,
    scan: Scanned | None = None,
) -> Passed | Held | Blocked:
    """What becomes of a mail that an agent wants to send.

    Args:
        sightings: where each recipient is known from; empty when nobody asked.
        own_domains: the domain of the agent's address, and the registered one that it is under: the policy
            `domain` means either.
        max_agent_hops: mails in a row from agent to agent, with no person between, that may pass.
        scan: what its content looks like, where somebody looked.
    """
    objections: list[_Objection] = []
    if draft.hops > max_agent_hops:
        objections.append(_loop(draft.hops, max_agent_hops))
    if protection.outbound.require_review:
        objections.append(
            _Objection("review", HoldReason("send", REQUIRED, "every mail of this agent is reviewed"), ())
        )
    misses = _missed(draft.recipients, protection.outbound.gate, own_domains)
    if misses:
        objections.append(_recipients(protection.outbound.gate, misses))
    objections.extend(_provenance(protection, sightings, draft.agent_email))
    objections.extend(_scan(scan))
    noted = tuple(
        _seen(sighting, None) for sighting in sightings if _action(protection, sighting.provenance) == "allow"
    )
    noted += _merely_noticed(scan)
    return _strongest(objections, noted, {seen.address: seen.provenance.value for seen in sightings})


def judge_inbound(
    gate: Gate,
    *,
    header_from: str | None,
    verified_domain: str | None,
    own_domains: Sequence[str],
    scan: Scanned | None = None,
    noticed: tuple[Finding, ...] = (),
) -> Passed | Held | Blocked:
    """What becomes of a mail to an agent: the more severe of gate and scan.

    A list of senders is worth what their authentication is: without a DMARC pass nobody is on it.

    Args:
        header_from: the author's address, or None.
        verified_domain: its domain where DMARC passed, else None.
        own_domains: as in `judge_outbound`.
        scan: what its content looks like, where somebody looked.
        noticed: other evidence, which decides nothing.
    """
    objections = [*_sender(gate, header_from, verified_domain, own_domains), *_scan(scan)]
    return _strongest(objections, (*_merely_noticed(scan), *noticed), {})


def _sender(
    gate: Gate, header_from: str | None, verified_domain: str | None, own_domains: Sequence[str]
) -> list[_Objection]:
    if gate.policy == "open":
        return []
    if header_from is None:
        summary = "the mail has no author that could be listed"
    elif verified_domain is None:
        summary = f"{header_from} is not authenticated: DMARC did not pass"
    elif not _missed((header_from,), gate, (*own_domains, *(entry for entry in gate.allowlist if "@" not in entry))):
        return []
    else:
        summary = f"{header_from} is not on the {_list_name(gate)}"
    finding = Finding("gate", gate.action, "sender_gate", summary, address=header_from)
    return [_Objection(gate.action, HoldReason("gate", SENDER, summary), (finding,))]


def _scan(scan: Scanned | None) -> list[_Objection]:
    if scan is None or scan.reason is None or scan.finding is None:
        return []
    return [_Objection(scan.action, scan.reason, (scan.finding,))]


def _merely_noticed(scan: Scanned | None) -> tuple[Finding, ...]:
    return () if scan is None or scan.reason is not None or scan.finding is None else (scan.finding,)


def _strongest(
    objections: Sequence[_Objection], noted: tuple[Finding, ...], classes: Mapping[str, str]
) -> Passed | Held | Blocked:
    if not objections:
        return Passed(classes=classes, findings=noted)
    # The first of the strongest: the order in which they were raised is that of importance.
    worst = max(objections, key=lambda objection: SEVERITY[objection.action])
    findings = (*(finding for objection in objections for finding in objection.findings), *noted)
    if worst.action == "block":
        return Blocked(worst.reason.summary, "scan" if worst.reason.type == "scan" else "gate", findings)
    if worst.action == "review":
        return Held(worst.reason, findings, classes)
    return Passed(worst.reason.summary, classes, findings)


def _loop(hops: int, most: int) -> _Objection:
    summary = f"{most} mails went from agent to agent in a row: a person decides whether they go on"
    finding = Finding("gate", "review", AGENT_LOOP, f"mail number {hops} with no person between")
    return _Objection("review", HoldReason("gate", AGENT_LOOP, summary), (finding,))


def _recipients(gate: Gate, misses: Sequence[str]) -> _Objection:
    named = _list_name(gate)
    summary = f"{misses[0]} is not on the {named}"
    if len(misses) > 1:
        summary = f"{misses[0]} and {len(misses) - 1} more are not on the {named}"
    findings = tuple(
        Finding("gate", gate.action, "recipient_gate", f"{address} is not on the {named}", address=address)
        for address in misses
    )
    return _Objection(gate.action, HoldReason("gate", RECIPIENT, summary), findings)


def _list_name(gate: Gate) -> str:
    return "agent's own domain" if gate.policy == "domain" else "allowlist"


def _missed(addresses: Sequence[str], gate: Gate, own_domains: Sequence[str]) -> list[str]:
    if gate.policy == "open":
        return []
    entries = frozenset(own_domains if gate.policy == "domain" else gate.allowlist)
    return [address for address in addresses if not listed(address, entries)]


def _provenance(protection: Protection, sightings: Sequence[Sighting], own: str) -> list[_Objection]:
    objections = []
    for sighting in sightings:
        action = _action(protection, sighting.provenance)
        if action != "allow" and sighting.address != own:
            finding = _seen(sighting, action)
            objections.append(_Objection(action, HoldReason("gate", PROVENANCE, finding.summary), (finding,)))
    return objections


def _action(protection: Protection, provenance: Provenance) -> Literal["allow", "review", "block"]:
    return action_for(provenance, protection.outbound.provenance, protection.gate_is_on)


def _seen(sighting: Sighting, action: Literal["review", "block"] | None) -> Finding:
    summary = f"{sighting.address} {_CLASS_TEXT[sighting.provenance]}"
    if sighting.resembles is not None:
        summary = f"{sighting.address} looks like {sighting.resembles} but is not it"
    return Finding(
        "gate",
        action,
        "provenance",
        summary,
        address=sighting.address,
        message_id=sighting.message_id,
        place=sighting.place,
        provenance=sighting.provenance.value,
    )
