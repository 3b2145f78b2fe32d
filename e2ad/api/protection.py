"""The protection of an agent: which mail a person sees before it passes."""

from typing import Annotated, Literal

from attrs import field, frozen
from msgspec import UNSET, Meta, UnsetType

from e2ad.api.operation import Call, operation
from e2ad.core.errors import Conflict
from e2ad.core.protection import (
    MAX_TTL_SECONDS,
    Gate,
    Holds,
    Inbound,
    Outbound,
    Protection,
    ProvenancePolicy,
)
from e2ad.gateway import protection as verbs

__all__ = ["OPERATIONS", "get_agent_protection", "put_agent_protection"]

Policy = Annotated[
    Literal["open", "allowlist", "domain"],
    Meta(description="who passes: everybody, the allowlist, or the agent's own domain"),
]
MissAction = Annotated[
    Literal["flag", "review", "block"],
    Meta(description="what happens to others: marked, held for a person, or refused"),
]
Entries = Annotated[
    tuple[Annotated[str, Meta(max_length=320)], ...],
    Meta(max_length=verbs.MAX_ENTRIES, description="addresses or domains"),
]
Sensitivity = Annotated[
    Literal["off", "low", "medium", "high"],
    Meta(description="how soon content is held or refused; kept at off where GET /v1/info says that screening is off"),
]
ProvenanceAction = Annotated[
    Literal["allow", "review", "block"],
    Meta(description="absent: allow; content is reviewed where the gate is on"),
]


@frozen
class ProtectionGateRequest:
    """Which peers pass, and what happens to the others."""

    policy: Policy = "open"
    action: MissAction = "flag"
    allowlist: Entries = ()


@frozen
class ProtectionScanRequest:
    """How closely content is looked at."""

    sensitivity: Sensitivity = "off"


@frozen
class ProvenanceRequest:
    """What is done with a recipient by where the agent knows it from."""

    operator_list: ProvenanceAction | UnsetType = UNSET
    correspondent: ProvenanceAction | UnsetType = UNSET
    participant: ProvenanceAction | UnsetType = UNSET
    content: ProvenanceAction | UnsetType = UNSET
    unseen: ProvenanceAction | UnsetType = UNSET


@frozen
class ProtectionDirectionRequest:
    """Mail to the agent."""

    gate: ProtectionGateRequest
    scan: ProtectionScanRequest


@frozen
class ProtectionOutboundRequest(ProtectionDirectionRequest):
    """Mail of the agent. `require_review` and `provenance` are additions."""

    require_review: bool = False
    provenance: ProvenanceRequest = field(factory=ProvenanceRequest)


@frozen
class ProtectionHoldsRequest:
    """How long a hold lasts and how it ends by itself."""

    ttl_seconds: Annotated[
        int, Meta(ge=0, description=f"lifetime of a hold, at most {MAX_TTL_SECONDS}; 0: the default")
    ] = MAX_TTL_SECONDS
    on_expiry: Literal["approve", "reject"] = "reject"
    suppress_notifications: bool = False


@frozen
class ProtectionConfigRequest:
    """All of it: what is left out has its default, not its old value."""

    inbound: ProtectionDirectionRequest
    outbound: ProtectionOutboundRequest
    holds: ProtectionHoldsRequest


@frozen
class ProtectionGateView:
    """Which peers pass, and what happens to the others."""

    policy: str
    action: str
    allowlist: list[str] | UnsetType = UNSET


@frozen
class ProtectionScanView:
    """How closely content is looked at."""

    sensitivity: str


@frozen
class ProtectionDirectionView:
    """One direction. `require_review` and `provenance` are additions, there when they say something."""

    gate: ProtectionGateView
    scan: ProtectionScanView
    require_review: bool | UnsetType = UNSET
    provenance: dict[str, str] | UnsetType = UNSET


@frozen
class ProtectionHoldsView:
    """How long a hold lasts and how it ends by itself."""

    ttl_seconds: int
    on_expiry: str
    suppress_notifications: bool | UnsetType = UNSET


@frozen
class ProtectionConfigView:
    """The protection of an agent."""

    inbound: ProtectionDirectionView
    outbound: ProtectionDirectionView
    holds: ProtectionHoldsView


@operation(
    "getAgentProtection",
    "GET",
    "/v1/agents/{email}/protection",
    tag="agents",
    summary="Get an agent's protection",
    success={200: ProtectionConfigView},
    beta=True,
)
async def get_agent_protection(call: Call[None, None]) -> ProtectionConfigView:
    """Which mail of this agent a person sees before it passes."""
    return _view(await verbs.get(call.services.db, call.principal.account_id, call.path["email"]))


@operation(
    "putAgentProtection",
    "PUT",
    "/v1/agents/{email}/protection",
    tag="agents",
    summary="Replace an agent's protection",
    body=ProtectionConfigRequest,
    success={200: ProtectionConfigView},
    errors=(Conflict,),
    beta=True,
)
async def put_agent_protection(call: Call[None, ProtectionConfigRequest]) -> ProtectionConfigView:
    """Replace all of an agent's protection. Mail that is held already stays held."""
    services, wanted = call.services, _wanted(call.body)
    key = (call.principal.account_id, call.path["email"])
    return _view(
        await verbs.put(services.db, *key, wanted, screening=services.config.features.screening, actor=call.actor)
    )


def _wanted(body: ProtectionConfigRequest) -> Protection:
    asked = body.outbound.provenance
    return Protection(
        inbound=Inbound(gate=_gate(body.inbound.gate), sensitivity=body.inbound.scan.sensitivity),
        outbound=Outbound(
            gate=_gate(body.outbound.gate),
            sensitivity=body.outbound.scan.sensitivity,
            require_review=body.outbound.require_review,
            provenance=ProvenancePolicy(
                operator_list=asked.operator_list or None,
                correspondent=asked.correspondent or None,
                participant=asked.participant or None,
                content=asked.content or None,
                unseen=asked.unseen or None,
            ),
        ),
        holds=Holds(
            ttl_seconds=body.holds.ttl_seconds,
            on_expiry=body.holds.on_expiry,
            suppress_notifications=body.holds.suppress_notifications,
        ),
    )


def _gate(asked: ProtectionGateRequest) -> Gate:
    return Gate(policy=asked.policy, action=asked.action, allowlist=tuple(asked.allowlist))


def _view(protection: Protection) -> ProtectionConfigView:
    inbound, outbound, holds = protection.inbound, protection.outbound, protection.holds
    policy = outbound.provenance
    said = {
        "operator_list": policy.operator_list,
        "correspondent": policy.correspondent,
        "participant": policy.participant,
        "content": policy.content,
        "unseen": policy.unseen,
    }
    return ProtectionConfigView(
        inbound=ProtectionDirectionView(_gate_view(inbound.gate), ProtectionScanView(inbound.sensitivity)),
        outbound=ProtectionDirectionView(
            _gate_view(outbound.gate),
            ProtectionScanView(outbound.sensitivity),
            outbound.require_review or UNSET,
            {name: action for name, action in said.items() if action is not None} or UNSET,
        ),
        holds=ProtectionHoldsView(holds.ttl_seconds, holds.on_expiry, holds.suppress_notifications or UNSET),
    )


def _gate_view(gate: Gate) -> ProtectionGateView:
    return ProtectionGateView(gate.policy, gate.action, list(gate.allowlist) or UNSET)


OPERATIONS = [get_agent_protection, put_agent_protection]
