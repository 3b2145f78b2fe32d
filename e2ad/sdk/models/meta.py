"""The deployment."""

from attrs import frozen

__all__ = ["DeploymentInfoView", "FeaturesView"]


@frozen(kw_only=True)
class FeaturesView:
    """Which optional parts are switched on."""

    outbox: bool
    screening: bool
    dashboard: bool
    mcp: bool


@frozen(kw_only=True)
class DeploymentInfoView:
    """The deployment, for clients that have no credential yet."""

    version: str
    shared_domain: str
    slug_registration_enabled: bool
    features: FeaturesView
    public_url: str | None = None
