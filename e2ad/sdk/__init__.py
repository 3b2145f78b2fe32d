"""The Python client of the full API (`/v1`): no server code, no server dependency.

Rules: one request is one call; failures are `E2AError` with the contract's code; nothing
retries by itself but `listen`, which reconnects and resumes.
"""

from e2ad.sdk.client import E2AClient
from e2ad.sdk.errors import E2AConnectionError, E2AError
from e2ad.sdk.listening import ConnectionRefusedForGood, Listening, listen

__all__ = ["ConnectionRefusedForGood", "E2AClient", "E2AConnectionError", "E2AError", "Listening", "listen"]
