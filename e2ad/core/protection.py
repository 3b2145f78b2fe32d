"""What an owner wants a person to decide: the protection configuration of one agent, as values.

Stored as JSON with the agent, where a missing member has its default; the wire of both APIs is made
from it (contract: protection; classic: HITL settings).
"""

from typing import Any, Final, Literal

import msgspec
from attrs import evolve, frozen

__all__ = [
    "MAX_TTL_SECONDS",
    "OPEN",
    "Gate",
    "Holds",
    "Inbound",
    "Outbound",
    "Protection",
    "ProvenanceAction",
    "ProvenancePolicy",
]

MAX_TTL_SECONDS: Final = 604_800

ProvenanceAction = Literal["allow", "review", "block"]


@frozen
class Gate:
    """Who may be written to, or may write. `action` is what a miss does."""

    policy: Literal["open", "allowlist", "domain"] = "open"
    action: Literal["flag", "review", "block"] = "flag"
    allowlist: tuple[str, ...] = ()


@frozen
class ProvenancePolicy:
    """What is done with a recipient of each class; None: the default, which depends on whether the gate is on."""

    operator_list: ProvenanceAction | None = None
    correspondent: ProvenanceAction | None = None
    participant: ProvenanceAction | None = None
    content: ProvenanceAction | None = None
    unseen: ProvenanceAction | None = None


@frozen
class Inbound:
    """Mail to the agent."""

    gate: Gate = Gate()
    sensitivity: Literal["off", "low", "medium", "high"] = "off"


@frozen
class Outbound:
    """Mail of the agent. `require_review` holds every send, whatever the gate says."""

    gate: Gate = Gate()
    sensitivity: Literal["off", "low", "medium", "high"] = "off"
    require_review: bool = False
    provenance: ProvenancePolicy = ProvenancePolicy()


@frozen
class Holds:
    """How long a hold lasts and how it ends by itself."""

    ttl_seconds: int = MAX_TTL_SECONDS
    on_expiry: Literal["approve", "reject"] = "reject"
    suppress_notifications: bool = False


@frozen
class Protection:
    """All of it. The default protects nothing: every mail goes through."""

    inbound: Inbound = Inbound()
    outbound: Outbound = Outbound()
    holds: Holds = Holds()

    @property
    def gate_is_on(self) -> bool:
        """Has the owner asked for any check of mail out? Then recipients known from content alone are held too."""
        return self.outbound.require_review or self.outbound.gate.policy != "open"

    @classmethod
    def from_json(cls, document: Any) -> "Protection":
        """What is stored with an agent.

        Raises:
            ValueError: it was not made by `to_json`.
        """
        return msgspec.convert(document, cls)

    def to_json(self) -> Any:
        """The document to store."""
        return msgspec.to_builtins(self)

    @property
    def holds_everything(self) -> bool:
        """Is every mail of the agent held, in either of the two ways to say so?"""
        gate = self.outbound.gate
        return self.outbound.require_review or (
            gate.policy == "allowlist" and gate.action == "review" and not gate.allowlist
        )

    def with_review(self, *, required: bool) -> "Protection":
        """The classic API's `hitl_enabled`. Switched off, an empty list that holds everything goes as well."""
        outbound = evolve(self.outbound, require_review=required)
        if not required and self.holds_everything:
            outbound = evolve(outbound, gate=Gate())
        return evolve(self, outbound=outbound)


OPEN: Final = Protection()
