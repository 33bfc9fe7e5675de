"""A customer with one order, as the shop's storefront calls the service for them: the six calls."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.service import Service

Selection = Mapping[int, int]
"""Units to cancel by line."""


@dataclass(frozen=True, slots=True)
class Customer:
    """`service` calls with the member's token, or with none for a guest, who has the order's password."""

    service: Service
    order_no: str
    password: str | None = None

    async def popup(self) -> Mapping[str, Any]:
        """What can be cancelled, and why one may."""
        return await self._post("/v1/claim/orderCancel/cancelPopupFO")

    async def quote(self, selection: Selection, reason: str) -> Mapping[str, Any]:
        return await self._post("/v1/claim/common/claimCalculateCostFO", **_asked(selection, reason))

    async def cancel(
        self, selection: Selection, reason: str, token: str, payment: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Cancel at the amounts that the quote with this token has told; `payment` pays what that costs, if it does."""
        asked = {**_asked(selection, reason), "quoteToken": token}
        if payment is not None:
            asked["addPayInfo"] = payment
        return await self._post("/v1/claim/orderCancel/cancelFO", **asked, key=uuid.uuid4().hex)

    async def details(self, claim_no: str) -> Mapping[str, Any]:
        return await self._post("/v1/claim/common/claimDetailsInfoFO", claimNo=claim_no)

    async def variants(self, goods_no: str, variant_no: str) -> list[Mapping[str, Any]]:
        """All variants of the goods, with whether `variant_no` can be changed to each."""
        body = [{"goodsNo": goods_no, "itmNo": variant_no}]
        found: list[Mapping[str, Any]] = (await self.service.post("/v1/detail/otherItms", body))[0]["itmList"]
        return found

    async def change(self, line_no: int, goods_no: str, variant_no: str) -> Mapping[str, Any]:
        asked = {"ordSeq": line_no, "goodsNo": goods_no, "itmNo": variant_no}
        return await self._post("/v1/claim/orderChange/ordChangeFO", **asked, key=uuid.uuid4().hex)

    async def _post(self, path: str, *, key: str | None = None, **fields: Any) -> Mapping[str, Any]:
        guest = {} if self.password is None else {"umemPwd": self.password}
        answer: Mapping[str, Any] = await self.service.post(path, {"ordNo": self.order_no, **guest, **fields}, key=key)
        return answer


def _asked(selection: Selection, reason: str) -> dict[str, Any]:
    goods = [{"ordSeq": line_no, "claimQty": units} for line_no, units in selection.items()]
    return {"claimCausCd": reason, "claimGoodsList": goods}
