"""Stripe: ``https://api.stripe.com``, paths ``/v1/…``."""

from sandbox.providers.stripe.provider import Stripe

__all__ = ["Stripe"]
