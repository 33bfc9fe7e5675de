"""The storefront's codes: which number on the wire is which word inside.

Each table is one group. As an annotation it makes a field of a schema: ``Annotated[LineStatus, LINE_STATUS]`` is a
number on the wire and a word inside. docs/wire.md lists the groups; the reasons for a claim are the shop's policy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from domain.claims import PayoutState
from domain.orders import BelowMinimum, LineStatus, Means, PaymentStatus, Promotion, SaleMethod, SaleStatus
from domain.policy import Returning

Word = TypeVar("Word", bound=StrEnum)


class CodeTable(Generic[Word]):
    """One group of codes: each number is one word and each word one number."""

    def __init__(self, group: str, words: Mapping[str, Word]) -> None:
        """`group` is the group's name on the wire. Raises ValueError when two numbers have the same word."""
        self.group = group
        self._words = dict(words)
        self._numbers = {word: number for number, word in words.items()}
        if len(self._numbers) != len(self._words):
            raise ValueError(f"{group}: two numbers for one word")

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(self._words)

    def word(self, number: str) -> Word:
        """Raises KeyError for a number that the group does not have."""
        return self._words[number]

    def number(self, word: Word) -> str:
        """Raises KeyError for a word that has no number in this group."""
        return self._numbers[word]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate, serialization=core_schema.plain_serializer_function_ser_schema(self.number)
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.numbers)}

    def _validate(self, given: object) -> Word:
        # From the wire comes a plain string; a word, itself a string, comes only from inside.
        if type(given) is str and given in self._words:
            return self._words[given]
        if isinstance(given, StrEnum) and given in self._numbers:
            return self._words[self._numbers[given]]
        raise PydanticKnownError("literal_error", {"expected": " or ".join(repr(number) for number in self._words)})


class LineClass(StrEnum):
    ORDER = "order"
    RETURN = "return"
    EXCHANGE = "exchange"
    CANCEL = "cancel"


class Medium(StrEnum):
    """Where an order was placed."""

    CALL_CENTRE = "call_centre"
    PC = "pc"
    MOBILE_WEB = "mobile_web"
    ANDROID = "android"
    IOS = "ios"


class DeliveryPay(StrEnum):
    """Who takes the fee of a delivery group: the shop with the order, or the carrier at the door."""

    PREPAID = "prepaid"
    COLLECT = "collect"


class Booking(StrEnum):
    """Which way money went."""

    PAYMENT = "payment"
    REFUND = "refund"


class RefundStatus(StrEnum):
    """Where the refund of one payment stands, as the storefront is told."""

    RECEIVED = "refund_received"
    REFUNDED = "refunded"


class ClaimBusiness(StrEnum):
    CANCEL = "cancel"
    RETURN_RECEIPT = "return_receipt"
    RETURN_COMPLETE = "return_complete"
    EXCHANGE = "exchange"
    OPTION_CHANGE = "option_change"


class System(StrEnum):
    """Which kind of system a request comes from."""

    STOREFRONT = "storefront"
    BACK_OFFICE = "back_office"
    BATCH = "batch"


LINE_CLASS = CodeTable(
    "ordDtlGbCd",
    {"10": LineClass.ORDER, "20": LineClass.RETURN, "30": LineClass.EXCHANGE, "40": LineClass.CANCEL},
)
LINE_STATUS = CodeTable(
    "ordDtlStatCd",
    {
        "10": LineStatus.AWAITING_DEPOSIT,
        "11": LineStatus.PLACED,
        "19": LineStatus.CANCELLED,
        "22": LineStatus.SHIP_INSTRUCTED,
        "23": LineStatus.SHIP_WAITING,
        "24": LineStatus.SHIPPED,
        "25": LineStatus.DELIVERED,
        "36": LineStatus.COLLECTED,
        "37": LineStatus.RETURNED,
    },
)
MEDIUM = CodeTable(
    "ordMediaCd",
    {
        "10": Medium.CALL_CENTRE,
        "20": Medium.PC,
        "30": Medium.MOBILE_WEB,
        "40": Medium.ANDROID,
        "50": Medium.IOS,
    },
)
DELIVERY_PAY = CodeTable("deliPayCd", {"10": DeliveryPay.PREPAID, "20": DeliveryPay.COLLECT})
BELOW_MINIMUM = CodeTable("blwMinCd", {word.value.upper(): word for word in BelowMinimum})
RETURNING = CodeTable("rtnCd", {word.value.upper(): word for word in Returning})
BOOKING = CodeTable("payGbCd", {"10": Booking.PAYMENT, "20": Booking.REFUND})
MEANS = CodeTable(
    "payWayCd",
    {
        "11": Means.CARD,
        "21": Means.VIRTUAL_ACCOUNT,
        "22": Means.BANK_TRANSFER,
        "31": Means.DEPOSIT,
        "32": Means.MILEAGE,
        "33": Means.GIFT_CARD,
        "41": Means.SIMPLE_PAY,
    },
)
PAYMENT_STATUS = CodeTable("payStatCd", {"11": PaymentStatus.WAITING, "12": PaymentStatus.PAID})
"""`payStatCd` of a payment; `REFUND_STATUS` has the group's other half."""
REFUND_STATUS = CodeTable("payStatCd", {"21": RefundStatus.RECEIVED, "22": RefundStatus.REFUNDED})
MANUAL_REFUND_RESULT = CodeTable(
    "manlRfdRsltCd",
    {"10": PayoutState.UNTREATED, "20": PayoutState.SUCCESS, "30": PayoutState.FAILURE},
)
CLAIM_BUSINESS = CodeTable(
    "claimBusinessType",
    {
        "10": ClaimBusiness.CANCEL,
        "20": ClaimBusiness.RETURN_RECEIPT,
        "22": ClaimBusiness.RETURN_COMPLETE,
        "30": ClaimBusiness.EXCHANGE,
        "40": ClaimBusiness.OPTION_CHANGE,
    },
)
SYSTEM = CodeTable("systemType", {"10": System.STOREFRONT, "20": System.BACK_OFFICE, "30": System.BATCH})
SALE_STATUS = CodeTable(
    "saleStatCd",
    {
        "10": SaleStatus.ON_SALE,
        "20": SaleStatus.SOLD_OUT,
        "30": SaleStatus.SUSPENDED,
        "40": SaleStatus.ENDED,
    },
)
SALE_METHOD = CodeTable("saleMethCd", {"10": SaleMethod.ORDINARY, "20": SaleMethod.RESERVATION})
PROMOTION = CodeTable(
    "promoTypCd",
    {
        "11": Promotion.GOODS,
        "12": Promotion.BASKET,
        "13": Promotion.DOUBLE,
        "14": Promotion.FREE_SHIPPING,
        "15": Promotion.FREE_RETURN,
    },
)
