"""The demo's shop: goods, members, coupons and orders of shop.jsonl, under order numbers of their own in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import httpx

from cli.feeding.records import Kind, Record, read

TEMPLATE = Path(__file__).with_name("shop.jsonl")
ORDERS = ("whole", "part", "guest", "mixed", "refused", "option", "racer", "rival", "pieces", "costly")
"""How the stories and the file name the orders."""
_CAPTURED = {"amount": "payAmt", "payWayCd": "payWayCd"}
"""The gateway's fields of a payment, by those of the feed."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One run's shop. `numbers`: order number by the stories' name of the order."""

    numbers: Mapping[str, str]
    records: Sequence[Record]

    def order(self, name: str) -> Mapping[str, Any]:
        """The order as it is fed, with its number."""
        number = self.numbers[name]
        body = next(record.body for record in self.records if record.path.endswith(f"/orders/{number}"))
        return {**body, "ordNo": number}

    def payments(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What the gateway must have captured before the orders are fed: each `pgTid` with the body to put there."""
        for order in (record.body for record in self.records if record.kind is Kind.ORDER):
            for payment in order["payList"]:
                if payment["gateway"] is not None:
                    body = {name: payment[field] for name, field in _CAPTURED.items()}
                    yield payment["pgTid"], {**body, "currency": order["currency"]}


def open_shop(now: datetime) -> Shop:
    """The shop of a run that begins at `now`, in the shop's time zone. Two runs need a second between them."""
    seconds = now.hour * 3600 + now.minute * 60 + now.second
    numbers = {name: f"{now:%Y%m%d}O{seconds * 10 + index:06d}" for index, name in enumerate(ORDERS)}
    now = now.replace(microsecond=0)
    times = {"now": now.isoformat(), "later": (now + timedelta(days=90)).isoformat()}
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(numbers, **times)
    found = list(read(text.encode()))
    return Shop(numbers, [record for record in found if isinstance(record, Record)])


async def check_out(shop: Shop, gateway: httpx.AsyncClient) -> None:
    """Leave the payments at the gateway as the shop's checkout would have, and clear its faults."""
    (await gateway.delete("/faults")).raise_for_status()
    for number, body in shop.payments():
        (await gateway.put(f"/payments/{number}", json=body)).raise_for_status()
