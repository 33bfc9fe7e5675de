"""Toss Payments: ``https://api.tosspayments.com``, paths ``/v1/…``."""

from sandbox.providers.toss.provider import Toss

__all__ = ["Toss"]
