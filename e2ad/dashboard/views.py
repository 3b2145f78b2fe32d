"""The dashboard's pages."""

from quart import Response, render_template
from quart_trio import QuartTrio

from e2ad import __version__
from e2ad.api.services import Services

__all__ = ["build_dashboard"]

_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def build_dashboard(services: Services) -> QuartTrio:
    """The web application for port 3000."""
    app = QuartTrio("e2ad.dashboard", static_folder=None)

    @app.get("/")
    async def home() -> str:
        smtp, relay = services.config.smtp, services.config.relay
        return await render_template(
            "home.html",
            version=__version__,
            api_url=services.public_url,
            shared_domain=services.shared_domain,
            smtp_domain=smtp.domain,
            outbound=f"sent through {relay.host}" if relay.host else "kept here; none leaves this deployment",
        )

    @app.after_request
    async def secure(response: Response) -> Response:
        response.headers.update(_SECURITY)
        return response

    return app
