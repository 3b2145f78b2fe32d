"""e2ad: a real, authenticated e-mail address for AI agents."""

__version__ = "0.1.0"
