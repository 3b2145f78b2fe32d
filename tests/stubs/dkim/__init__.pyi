"""What e2ad calls of dkimpy 1.1."""

class DKIM:
    SHOULD: tuple[bytes, ...]
    headers: list[list[bytes]]
    def __init__(self, message: bytes | None = None) -> None: ...
    def default_sign_headers(self) -> list[bytes]: ...

def fold(header: bytes, namelen: int = 0, linesep: bytes = b"\r\n") -> bytes: ...
def verify(message: bytes, dnsfunc: object = ..., minkey: int = 1024) -> bool: ...
def sign(
    message: bytes,
    selector: bytes,
    domain: bytes,
    privkey: bytes,
    canonicalize: tuple[bytes, bytes] = ...,
    include_headers: list[bytes] | None = None,
) -> bytes: ...
