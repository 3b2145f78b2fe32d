"""The deployment and the account, as the classic API tells them."""

from attrs import frozen
from msgspec import UNSET, UnsetType

from e2ad.api.account import LimitsCapsView, LimitsUsageView, account_view
from e2ad.api.classic.framework import ClassicCall, classic
from e2ad.api.operation import Scope

__all__ = ["ROUTES", "get_info", "get_limits"]


@frozen
class InfoView:
    """The deployment."""

    shared_domain: str
    slug_registration_enabled: bool
    public_url: str | UnsetType = UNSET


@frozen
class LimitsView:
    """Caps and usage."""

    plan_code: str
    limits: LimitsCapsView
    usage: LimitsUsageView
    upgrade_url: str


@classic("GET", "/api/v1/info", scope=Scope.PUBLIC)
async def get_info(call: ClassicCall[None]) -> InfoView:
    """Describe the deployment."""
    services = call.services
    return InfoView(services.shared_domain, bool(services.shared_domain), services.public_url or UNSET)


@classic("GET", "/api/v1/users/me/limits", scope=Scope.ANY)
async def get_limits(call: ClassicCall[None]) -> LimitsView:
    """Caps and usage of the account."""
    view = await account_view(call.services, call.principal)
    return LimitsView(view.plan_code, view.limits, view.usage, view.upgrade_url)


ROUTES = [get_info, get_limits]
