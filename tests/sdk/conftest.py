"""The API's own fixtures: a database, an app over it, an account with a key."""

from tests.api.conftest import caller, client, services, zone

__all__ = ["caller", "client", "services", "zone"]
