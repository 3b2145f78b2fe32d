"""The certificate for STARTTLS, taken up again when its files change, without a restart."""

import ssl
from pathlib import Path

import trio

from e2ad import maillog

__all__ = ["Certificate"]

CHECK_SECONDS = 3.0


class Certificate:
    """Certificate and key as they are on disk, looked at when a peer asks for TLS.

    A pair that cannot be loaded, such as a new certificate beside the old key, leaves the one
    before it in use, is logged once, and is tried again when a file changes.
    """

    def __init__(self, cert: Path, key: Path, *, check_seconds: float | None = None) -> None:
        self._cert = cert
        self._key = key
        self._check_seconds = CHECK_SECONDS if check_seconds is None else check_seconds
        self._context: ssl.SSLContext | None = None
        self._stamp: tuple[object, ...] | None = None
        self._check_at = 0.0

    async def load(self) -> None:
        """Load the pair for the first time.

        Raises:
            OSError, ssl.SSLError: a file is missing or they do not fit: a mistake of configuration.
        """
        self._stamp, self._context = await trio.to_thread.run_sync(self._read)
        self._check_at = trio.current_time() + self._check_seconds

    async def context(self) -> ssl.SSLContext:
        """The newest pair that works. Files are looked at in a thread, every few seconds at most."""
        assert self._context is not None, "load comes first"
        if trio.current_time() < self._check_at:
            return self._context
        # Set before the wait, so that the sessions of this moment do not all go and look.
        self._check_at = trio.current_time() + self._check_seconds
        try:
            stamp = await trio.to_thread.run_sync(self._look)
            if stamp != self._stamp:
                # Kept even if loading fails: a broken pair is reported once, not every few seconds.
                self._stamp = stamp
                _, self._context = await trio.to_thread.run_sync(self._read)
                maillog.smtp_certificate_reloaded(str(self._cert))
        except (OSError, ssl.SSLError) as error:
            maillog.smtp_certificate_broken(str(self._cert), error)
        assert self._context is not None
        return self._context

    def _look(self) -> tuple[object, ...]:
        found = [path.stat() for path in (self._cert, self._key)]
        return tuple((entry.st_mtime_ns, entry.st_size, entry.st_ino) for entry in found)

    def _read(self) -> tuple[tuple[object, ...], ssl.SSLContext]:
        stamp = self._look()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._cert, self._key)
        return stamp, context
