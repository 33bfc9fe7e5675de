"""PortOne V2: ``https://api.portone.io``."""

from sandbox.providers.portone.provider import PortOne

__all__ = ["PortOne"]
