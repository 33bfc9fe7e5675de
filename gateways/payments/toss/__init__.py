"""Toss Payments: cancels, charges of a billing key, look-ups and webhooks. docs/gateways.md tells its traps."""

from gateways.payments.toss.adapter import TossGateway

__all__ = ["TossGateway"]
