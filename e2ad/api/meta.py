"""What the deployment says about itself."""

from typing import Final

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.operation import Call, Scope, operation

__all__ = ["API_VERSION", "OPERATIONS", "DeploymentInfoView", "FeaturesView", "get_info"]

API_VERSION: Final = "1.0.0"


@frozen
class FeaturesView:
    """Which optional parts are switched on."""

    outbox: bool
    screening: bool
    dashboard: bool
    mcp: bool


@frozen
class DeploymentInfoView:
    """The deployment, for clients that have no credential yet."""

    version: str
    shared_domain: str
    slug_registration_enabled: bool
    features: FeaturesView
    public_url: str | UnsetType = UNSET


@operation(
    "getInfo",
    "GET",
    "/v1/info",
    tag="meta",
    summary="Describe the deployment",
    success={200: DeploymentInfoView},
    scope=Scope.PUBLIC,
)
async def get_info(call: Call[None, None]) -> DeploymentInfoView:
    """Where new addresses live and which optional parts this deployment has."""
    services = call.services
    features = services.config.features
    return DeploymentInfoView(
        version=API_VERSION,
        shared_domain=services.shared_domain,
        slug_registration_enabled=bool(services.shared_domain),
        features=FeaturesView(
            outbox=features.outbox,
            screening=features.screening,
            dashboard=features.dashboard,
            mcp=features.mcp,
        ),
        public_url=services.public_url or UNSET,
    )


OPERATIONS = [get_info]
