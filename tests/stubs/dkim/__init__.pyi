"""What e2ad calls of dkimpy 1.1."""

class DKIM:
    SHOULD: tuple[bytes, ...]
