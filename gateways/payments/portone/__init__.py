"""PortOne V2 (``https://api.portone.io``), over its REST API: its own SDK sends no idempotency keys.

Amounts are minor units by ISO 4217, as ours are. A cancellation echoes our reference in `reason`. A charge makes a
payment under a number that the merchant chooses: it is our reference, so a charge is known again by reading it.
"""

from gateways.payments.portone.adapter import PortOneGateway

__all__ = ["PortOneGateway"]
