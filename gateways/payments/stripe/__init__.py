"""Stripe, by its own SDK: docs/gateways.md tells what it can and what is unproven."""

from gateways.payments.stripe.gateway import StripeGateway

__all__ = ["StripeGateway"]
