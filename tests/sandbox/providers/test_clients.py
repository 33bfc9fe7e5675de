"""Clients that others wrote, on our stand-ins: they show that these aren't only our own reading of the documents."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from portone_server_sdk import PaymentClient, errors, webhook
from portone_server_sdk.common import PageInput, PaymentAmountInput
from portone_server_sdk.payment import (
    CancelledPayment,
    CancelPaymentBodyRefundAccount,
    PaidPayment,
    PartialCancelledPayment,
    RequestedPaymentCancellation,
    SucceededPaymentCancellation,
    VirtualAccountIssuedPayment,
)
from solapi import SolapiMessageService
from solapi.error.MessageNotReceiveError import MessageNotReceivedError
from solapi.model import KakaoOption, RequestMessage, SendRequestConfig
from solapi.model.request.messages.get_messages import GetMessagesRequest

from tests.sandbox.providers.control import Control, fresh
from tests.sandbox.providers.receiver import Receiver
from tests.sandbox.providers.tills import PortOneTill
from tests.support.sandbox import SandboxProcess

CHANNEL = "KA01PF_SANDBOX"


class TestPortOne:
    """`portone-server-sdk`."""

    @pytest.fixture
    def client(self, world: SandboxProcess) -> PaymentClient:
        """A client of the default store."""
        return PaymentClient(secret="portone_sandbox", base_url=f"{world.url}/portone", store_id="store-sandbox")

    def test_each_state_of_a_payment_is_understood(self, client: PaymentClient, portone: PortOneTill) -> None:
        payment = portone.control.pay(11_000)
        assert isinstance(client.get_payment(payment_id=payment), PaidPayment)
        part = client.cancel_payment(
            payment_id=payment, amount=5_500, reason="rf_1", requester="CUSTOMER", current_cancellable_amount=11_000
        )
        assert isinstance(part.cancellation, SucceededPaymentCancellation)
        assert (part.cancellation.total_amount, part.cancellation.vat_amount) == (5_500, 500)
        partial = client.get_payment(payment_id=payment)
        assert isinstance(partial, PartialCancelledPayment)
        assert partial.amount.cancelled == 5_500
        client.cancel_payment(payment_id=payment, reason="rf_2")
        whole = client.get_payment(payment_id=payment)
        assert isinstance(whole, CancelledPayment)
        reasons = [c.reason for c in whole.cancellations if isinstance(c, SucceededPaymentCancellation)]
        assert reasons == ["rf_1", "rf_2"]
        assert [refund["reference"] for refund in portone.control.refunds(payment)] == ["rf_1", "rf_2"]

    async def test_asynchronously_and_pending(self, client: PaymentClient, portone: PortOneTill) -> None:
        payment = portone.control.pay()
        portone.control.fault("pending", payment)
        answer = await client.cancel_payment_async(payment_id=payment, amount=1_000, reason="r")
        assert isinstance(answer.cancellation, RequestedPaymentCancellation)
        assert isinstance(await client.get_payment_async(payment_id=payment), PaidPayment)

    def test_a_virtual_account(self, client: PaymentClient, portone: PortOneTill) -> None:
        waiting = portone.control.pay(method="virtual_account", state="waiting")
        assert isinstance(client.get_payment(payment_id=waiting), VirtualAccountIssuedPayment)
        assert client.close_virtual_account(payment_id=waiting).closed_at
        assert isinstance(client.get_payment(payment_id=waiting), CancelledPayment)
        paid = portone.control.pay(method="virtual_account")
        account = CancelPaymentBodyRefundAccount(bank="SHINHAN", number="110123457270", holder_name="윤한빈")
        client.cancel_payment(payment_id=paid, amount=1_000, reason="r", refund_account=account)
        assert portone.control.balance(paid) == 9_000

    def test_each_refusal_is_understood(self, client: PaymentClient, portone: PortOneTill) -> None:
        payment = portone.control.pay()

        def cancel(number: str = payment, **more: Any) -> None:
            client.cancel_payment(payment_id=number, reason="r", **more)

        with pytest.raises(errors.CancelAmountExceedsCancellableAmountError):
            cancel(amount=10_001)
        with pytest.raises(errors.CancellableAmountConsistencyBrokenError):
            cancel(amount=1_000, current_cancellable_amount=1)
        with pytest.raises(errors.CancelTaxFreeAmountExceedsCancellableTaxFreeAmountError):
            cancel(amount=1_000, tax_free_amount=1)
        with pytest.raises(errors.SumOfPartsExceedsCancelAmountError):
            cancel(amount=1_000, vat_amount=1_001)
        with pytest.raises(errors.InvalidRequestError):
            cancel(amount=0)
        with pytest.raises(errors.PaymentNotFoundError):
            cancel("nothing")
        with pytest.raises(errors.PaymentNotPaidError):
            cancel(portone.control.pay(method="virtual_account", state="waiting"))
        portone.control.fault("error_before", payment)
        with pytest.raises(errors.PgProviderError):
            cancel()
        cancel()
        with pytest.raises(errors.PaymentAlreadyCancelledError):
            cancel()
        assert portone.control.balance(payment) == 0

    def test_signing_in(self, world: SandboxProcess, portone: PortOneTill) -> None:
        payment = portone.control.pay()
        with pytest.raises(errors.UnauthorizedError):
            PaymentClient(secret="wrong", base_url=f"{world.url}/portone").get_payment(payment_id=payment)
        other = PaymentClient(secret="portone_sandbox", base_url=f"{world.url}/portone", store_id="another")
        with pytest.raises(errors.ForbiddenError):
            other.get_payment(payment_id=payment)

    def test_a_charge(self, client: PaymentClient, portone: PortOneTill) -> None:
        portone.control.call("PUT", "/stored-means/billing-of-client", {"customer": "customer-1"})
        number = fresh("extra")

        def charge(billing_key: str = "billing-of-client") -> str:
            amount = PaymentAmountInput(total=5_000)
            return client.pay_with_billing_key(
                payment_id=number, billing_key=billing_key, order_name="차액", amount=amount, currency="KRW"
            ).payment.paid_at

        with pytest.raises(errors.BillingKeyNotFoundError):
            charge("nothing")
        assert charge()
        with pytest.raises(errors.AlreadyPaidError):
            charge()
        assert isinstance(client.get_payment(payment_id=number), PaidPayment)

    def test_a_cash_receipt(self, client: PaymentClient, portone: PortOneTill) -> None:
        payment = portone.control.pay(cashReceipt=True)
        assert client.cash_receipt.cancel_cash_receipt_by_payment_id(payment_id=payment).cancelled_amount == 10_000
        with pytest.raises(errors.CashReceiptNotIssuedError):
            client.cash_receipt.cancel_cash_receipt_by_payment_id(payment_id=payment)

    def test_a_list(self, client: PaymentClient, portone: PortOneTill) -> None:
        payment = portone.control.pay()
        size = client.get_payments(page=PageInput(number=0, size=1)).page.total_count
        listed = client.get_payments(page=PageInput(number=0, size=size))
        assert payment in [one.id for one in listed.items if isinstance(one, PaidPayment)]

    def test_a_webhook_is_verified_and_a_forged_one_is_not(self, portone: PortOneTill, hooks: Receiver) -> None:
        portone.control.call("PUT", "/webhook", {"url": hooks.url})
        payment = portone.control.pay()
        portone.cancel(payment, 1_000)
        _, hook = hooks.wait_for(2)
        secret = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3g="
        event = webhook.verify(secret, hook.raw, hook.headers)
        assert isinstance(event, webhook.WebhookTransactionCancelledPartialCancelled)
        assert event.data.payment_id == payment
        assert event.data.cancellation_id == portone.control.refunds(payment)[0]["ref"]
        with pytest.raises(webhook.WebhookVerificationError):
            webhook.verify(secret, hook.raw.replace(payment, "another"), hook.headers)


class TestSolapi:
    """`solapi`. Every error of Solapi is a bare Exception to it."""

    @pytest.fixture
    def control(self, http: httpx.Client) -> Control:
        """The control, with a template that the client sends."""
        control = Control(http, "solapi")
        control.quirk(list_lag_ms=0)
        text = "#{order} 주문이 취소되었습니다."
        control.call("PUT", "/templates/CANCELLED", {"sender": CHANNEL, "text": text})
        return control

    @pytest.fixture
    def client(self, world: SandboxProcess, control: Control) -> SolapiMessageService:
        """A client of the default account."""
        client = SolapiMessageService("NCSSANDBOX", "solapi_sandbox")
        client.base_url = f"{world.url}/solapi"
        return client

    def message(self, reference: str, **more: str) -> RequestMessage:
        """A message."""
        kakao = KakaoOption(pf_id=CHANNEL, template_id="CANCELLED", variables={"order": "A-1"})
        fields = {"to": "010-1234-5678", "from_": "02-1588-0000", **more}
        return RequestMessage(kakao_options=kakao, custom_fields={"notificationId": reference}, **fields)

    def test_sent_and_listed(self, client: SolapiMessageService, control: Control) -> None:
        reference = fresh("notice")
        answer = client.send(self.message(reference), SendRequestConfig(show_message_list=True))
        assert answer.group_info.count.registered_success == 1
        assert answer.message_list is not None
        number = answer.message_list[0].message_id
        (sent,) = control.messages(reference)
        assert (sent["ref"], sent["text"], sent["to"]) == (number, "A-1 주문이 취소되었습니다.", "01012345678")
        listed = client.get_messages(GetMessagesRequest(message_id=number)).message_list
        assert listed[number].custom_fields == {"notificationId": reference}
        group = client.get_group_messages(answer.group_info.group_id)
        assert list(group.message_list) == [number]

    def test_one_that_is_not_registered(self, client: SolapiMessageService, control: Control) -> None:
        reference = fresh("notice")
        with pytest.raises(MessageNotReceivedError):
            client.send(self.message(reference, from_="0299999999"))
        assert control.messages(reference) == []

    def test_errors(self, client: SolapiMessageService, control: Control, world: SandboxProcess) -> None:
        reference = fresh("notice")
        control.fault("refuse", reference, code="NotEnoughBalance")
        with pytest.raises(Exception, match="NotEnoughBalance"):
            client.send(self.message(reference))
        control.fault("error_after", reference)
        with pytest.raises(Exception, match="UnknownError"):
            client.send(self.message(reference))
        assert len(control.messages(reference)) == 1
        stranger = SolapiMessageService("NCSSANDBOX", "wrong")
        stranger.base_url = f"{world.url}/solapi"
        with pytest.raises(Exception, match="SignatureDoesNotMatch"):
            stranger.send(self.message(reference))
