"""What goes wrong with programs that people let in, and with the tokens that those have."""

from e2ad.core.failures import Failure, Unauthorized

__all__ = ["AccessTokenExpired", "AccessTokenInvalid", "OAuthRefused"]


class AccessTokenInvalid(Unauthorized):
    """An OAuth access token that is unknown, or whose grant has ended."""

    default = "the access token is invalid: authorize again"


class AccessTokenExpired(Unauthorized):
    """An OAuth access token past its hour."""

    default = "the access token has expired: refresh it"


class OAuthRefused(Failure):
    """A request to the authorization server that it does not grant.

    Args:
        error: the word for it, of RFC 6749, 7591, 8707 or their kin.
        message: what is wrong, for whoever writes the client.
    """

    default = "the request is not granted"

    def __init__(self, error: str = "invalid_request", message: str | None = None) -> None:
        super().__init__(message)
        self.error = error
