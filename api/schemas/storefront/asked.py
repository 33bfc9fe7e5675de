"""What the storefront sends. Amounts are integer minor units of the order's currency."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from api.codes import MEANS
from api.schemas.feed_fields import Moment
from api.schemas.fields import AccountNo, BankCode, FreeText, LineNo, Name, Number, Password, Quantity, Wire
from domain.claims import Actor
from domain.orders import Means
from store.private import BANK_PART, HOLDER_PART, NUMBER_PART, TOKEN_PART

MOST_LINES = 2000

ReasonCode = Annotated[str, StringConstraints(min_length=1, max_length=10, pattern=r"^[0-9A-Za-z]+$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"^[A-Za-z0-9_.=-]+$")]


class Asked(Wire):
    """What comes in: only the wire's own spelling of a field counts."""

    model_config = ConfigDict(validate_by_name=False)


class StrictlyAsked(Asked):
    """As `Asked`, where a misspelt field would do harm: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class OrderNamed(Asked):
    """An order, and its password when a guest calls."""

    order_no: Number = Field(alias="ordNo", examples=["20230808O007404"])
    password: Password | None = Field(None, alias="umemPwd", description="Guests only: the order's password.")


class PopupAsked(OrderNamed):
    pass


class SelectedGoods(Asked):
    line_no: LineNo = Field(alias="ordSeq", examples=[1])
    quantity: Quantity = Field(alias="claimQty", examples=[1])


class QuoteAsked(OrderNamed):
    reason_code: ReasonCode = Field(alias="claimCausCd", examples=["10"], description="One of `claimCausList`.")
    goods: list[SelectedGoods] = Field(
        alias="claimGoodsList", min_length=1, max_length=MOST_LINES, description="Units to cancel per line."
    )


class WhatIf(StrictlyAsked):
    """As who and when a cancel is reckoned. Nothing can be cancelled by it."""

    actor: Actor | None = Field(None, alias="actorCd", description="By whose rules; null: the back office's.")
    at: Moment | None = Field(None, alias="asOfDtm", description="When; decides which coupons had expired. null: now.")


class QuoteOrWhatIf(QuoteAsked):
    what_if: WhatIf | None = Field(
        None,
        alias="whatIf",
        description="Staff only: reckons with any reason, as another, at another time. Answers no `quoteToken`.",
    )


class ExtraPayment(StrictlyAsked):
    """How the customer pays what the cancel costs beyond the refund: one of `addPayWayList`.

    Through a gateway with its `token`, or with what the member has stored there as `stPayNo`: one of the two.
    """

    means: Annotated[Means, MEANS] = Field(alias="payWayCd")
    amount: int = Field(alias="payAmt", strict=True, ge=1, le=10**15, description="Equal to `addPayAmt`.")
    gateway: Number | None = Field(
        None, alias="gateway", description="Which gateway is charged; needed with `token` when the shop has several."
    )
    token: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, alias="token", description="What the gateway charges by; kept encrypted and never told.", repr=False
    )
    stored_no: Number | None = Field(None, alias="stPayNo", description="A stored means of the member.")


class CancelAsked(QuoteAsked, StrictlyAsked):
    """Unknown fields are refused: a misspelt `quoteToken` must not be taken for none."""

    quote_token: Token | None = Field(None, alias="quoteToken", description="Binds the cancel to the quoted amounts.")
    free_text: FreeText | None = Field(None, alias="claimCausEtcCont", description="The reason in the caller's words.")
    bank_code: BankCode | None = Field(
        None, alias="rfdBankCd", description="The refund account has a bank, a number and a holder: all three or none."
    )
    account_no: AccountNo | None = Field(None, alias="rfdActnNo", repr=False)
    account_holder: Name | None = Field(None, alias="rfdActnDepositorNm", repr=False)
    extra_payment: ExtraPayment | None = Field(None, alias="addPayInfo")

    @property
    def account_fields(self) -> dict[str, str | None]:
        """The refund account by the wire's names of its fields."""
        return {
            "rfdBankCd": self.bank_code,
            "rfdActnNo": self.account_no,
            "rfdActnDepositorNm": self.account_holder,
        }

    def private_parts(self) -> dict[str, str]:
        """What is encrypted before it is kept, by its plain name."""
        parts = {
            "free_text": self.free_text,
            BANK_PART: self.bank_code,
            NUMBER_PART: self.account_no,
            HOLDER_PART: self.account_holder,
            TOKEN_PART: self.extra_payment.token if self.extra_payment else None,
        }
        return {name: value for name, value in parts.items() if value}

    def canonical(self) -> dict[str, Any]:
        """The body without the password, the same however its lines are ordered: equal ones are the same request."""
        body = self.model_dump(mode="json", exclude={"password"}, exclude_none=True)
        body["claimGoodsList"] = sorted(body["claimGoodsList"], key=lambda goods: (goods["ordSeq"], goods["claimQty"]))
        return body


class DetailsAsked(OrderNamed):
    claim_no: Number = Field(alias="claimNo", examples=["20230808C010663"])


class ChangeAsked(OrderNamed):
    line_no: LineNo = Field(alias="ordSeq", examples=[1])
    goods_no: Number = Field(alias="goodsNo", examples=["G1001"])
    variant_no: Number = Field(alias="itmNo", examples=["002"], description="The new one.")

    def canonical(self) -> dict[str, Any]:
        """The body without the password: equal ones are the same request."""
        return self.model_dump(mode="json", exclude={"password"})


class VariantNamed(Asked):
    goods_no: Number = Field(alias="goodsNo", examples=["G1001"])
    variant_no: Number = Field(alias="itmNo", examples=["001"], description="The present one.")
