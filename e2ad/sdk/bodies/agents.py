"""Agents, their protection, and whom they do not write to."""

from typing import Literal, NotRequired, TypedDict

__all__ = [
    "CreateAgentRequest",
    "CreateAgentSuppressionRequest",
    "ProtectionConfigRequest",
    "ProtectionDirectionRequest",
    "ProtectionGateRequest",
    "ProtectionHoldsRequest",
    "ProtectionOutboundRequest",
    "ProtectionScanRequest",
    "ProvenanceRequest",
    "UpdateAgentRequest",
]


class CreateAgentRequest(TypedDict):
    """A new agent, by its whole address or by a slug on the shared domain."""

    email: NotRequired[str]
    slug: NotRequired[str]
    name: NotRequired[str]
    """Display label."""
    agent_mode: NotRequired[Literal["cloud", "local"]]
    """Cloud: mail is also posted to webhook_url; local: it is fetched or pushed over the WebSocket."""
    webhook_url: NotRequired[str]
    """Where mail of a cloud agent is posted; https."""
    catch_all: NotRequired[bool]


class CreateAgentSuppressionRequest(TypedDict):
    """An address to be written to no more."""

    address: str
    """A bare address."""
    reason: NotRequired[str]
    """Kept from the first time."""


class ProtectionGateRequest(TypedDict):
    """Which peers pass, and what happens to the others."""

    policy: NotRequired[Literal["allowlist", "domain", "open"]]
    """Who passes: everybody, the allowlist, or the agent's own domain."""
    action: NotRequired[Literal["block", "flag", "review"]]
    """What happens to others: marked, held for a person, or refused."""
    allowlist: NotRequired[list[str]]
    """Addresses or domains."""


class ProtectionHoldsRequest(TypedDict):
    """How long a hold lasts and how it ends by itself."""

    ttl_seconds: NotRequired[int]
    """Lifetime of a hold, at most 604800; 0: the default."""
    on_expiry: NotRequired[Literal["approve", "reject"]]
    suppress_notifications: NotRequired[bool]


class ProtectionScanRequest(TypedDict):
    """How closely content is looked at."""

    sensitivity: NotRequired[Literal["high", "low", "medium", "off"]]
    """How soon content is held or refused; kept at off where GET /v1/info says that screening is off."""


class ProtectionDirectionRequest(TypedDict):
    """Mail to the agent."""

    gate: ProtectionGateRequest
    scan: ProtectionScanRequest


class ProvenanceRequest(TypedDict):
    """What is done with a recipient by where the agent knows it from."""

    operator_list: NotRequired[Literal["allow", "block", "review"]]
    """Absent: allow; content is reviewed where the gate is on."""
    correspondent: NotRequired[Literal["allow", "block", "review"]]
    """Absent: allow; content is reviewed where the gate is on."""
    participant: NotRequired[Literal["allow", "block", "review"]]
    """Absent: allow; content is reviewed where the gate is on."""
    content: NotRequired[Literal["allow", "block", "review"]]
    """Absent: allow; content is reviewed where the gate is on."""
    unseen: NotRequired[Literal["allow", "block", "review"]]
    """Absent: allow; content is reviewed where the gate is on."""


class ProtectionOutboundRequest(TypedDict):
    """Mail of the agent. `require_review` and `provenance` are additions."""

    gate: ProtectionGateRequest
    scan: ProtectionScanRequest
    require_review: NotRequired[bool]
    provenance: NotRequired[ProvenanceRequest]


class ProtectionConfigRequest(TypedDict):
    """All of it: what is left out has its default, not its old value."""

    inbound: ProtectionDirectionRequest
    outbound: ProtectionOutboundRequest
    holds: ProtectionHoldsRequest


class UpdateAgentRequest(TypedDict):
    """What to change; what is left out stays."""

    name: NotRequired[str]
    """Display label."""
    agent_mode: NotRequired[Literal["cloud", "local"]]
    """Cloud: mail is also posted to webhook_url; local: it is fetched or pushed over the WebSocket."""
    webhook_url: NotRequired[str]
    """Where mail of a cloud agent is posted; https."""
    catch_all: NotRequired[bool]
