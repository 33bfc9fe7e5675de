"""KakaoPay: what it refuses and does on its own wire."""

from __future__ import annotations

import httpx
import pytest

from tests.sandbox.providers.control import fresh
from tests.sandbox.providers.tills import KakaoPayTill


def is_error(response: httpx.Response, status: int, code: int) -> bool:
    """Whether this is that error."""
    return response.status_code == status and response.json().get("error_code") == code


@pytest.mark.parametrize("header", [None, "SECRET_KEY wrong", "KakaoAK DEV_sandbox", "DEV_sandbox"])
def test_only_its_own_scheme_signs_in(kakaopay: KakaoPayTill, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    body = {"cid": "TC0ONETIME", "tid": kakaopay.control.pay()}
    assert is_error(kakaopay.http.post("/kakaopay/online/v1/payment/order", json=body, headers=headers), 401, -401)


def test_a_cid_belongs_to_its_key(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay()
    body = {"cid": "TCOTHER", "cancel_amount": 1_000, "cancel_tax_free_amount": 0}
    assert is_error(kakaopay.post(payment, body), 400, -2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"cancel_amount": 1_000},
        {"cancel_amount": 0, "cancel_tax_free_amount": 0},
        {"cancel_amount": "1000", "cancel_tax_free_amount": 0},
        {"cancel_amount": 1_000, "cancel_tax_free_amount": 0, "payload": "p" * 201},
        {"cancel_amount": 1_000, "cancel_tax_free_amount": 0, "cancel_avaliable_amount": 10_000},
    ],
)
def test_what_it_does_not_take(kakaopay: KakaoPayTill, body: dict[str, object]) -> None:
    payment = kakaopay.control.pay()
    assert is_error(kakaopay.post(payment, body), 400, -2)
    assert kakaopay.control.balance(payment) == 10_000


def test_it_has_to_be_json(kakaopay: KakaoPayTill) -> None:
    form = {"cid": "TC0ONETIME", "tid": kakaopay.control.pay()}
    assert is_error(kakaopay.http.post("/kakaopay/online/v1/payment/order", data=form, headers=kakaopay.auth), 400, -2)


def test_the_answer_tells_this_cancel_from_all_and_from_the_rest(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay(10_000)
    kakaopay.cancel(payment, 3_000)
    answer = kakaopay.cancel(payment, 2_000, reference="rf_2").json()
    assert answer["approved_cancel_amount"]["total"] == 2_000
    assert answer["canceled_amount"]["total"] == 5_000
    assert answer["cancel_available_amount"]["total"] == 5_000
    assert (answer["status"], answer["payload"]) == ("PART_CANCEL_PAYMENT", "rf_2")
    assert answer["aid"] == kakaopay.control.refunds(payment)[1]["ref"]


def test_statuses_also_when_parts_add_up(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay()
    seen = [kakaopay.read(payment).json()["status"]]
    seen += [kakaopay.cancel(payment, amount).json()["status"] for amount in (4_000, 6_000)]
    assert seen == ["SUCCESS_PAYMENT", "PART_CANCEL_PAYMENT", "CANCEL_PAYMENT"]


def test_the_order_tells_whose_cancel_it_was(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay()
    kakaopay.cancel(payment, 3_000, reference="rf_1")
    kakaopay.control.call("POST", f"/payments/{payment}/refunds", {"amount": 1_000, "reason": "by hand"})
    actions = kakaopay.read(payment).json()["payment_action_details"]
    assert [(a["payment_action_type"], a["amount"], a["payload"]) for a in actions] == [
        ("PAYMENT", 10_000, None),
        ("CANCEL", 3_000, "rf_1"),
        ("CANCEL", 1_000, "by hand"),
    ]
    kakaopay.control.quirk(echoes_payload=False)
    assert "rf_1" not in kakaopay.read(payment).text


def test_every_refusal_of_the_books_looks_the_same(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay()
    refusals = [
        kakaopay.cancel(payment, 10_001),
        kakaopay.cancel(payment, 1_000, guard=9_000),
        kakaopay.cancel("nothing", 1_000),
        kakaopay.read("nothing"),
        kakaopay.post(payment, {"cancel_amount": 1_000, "cancel_tax_free_amount": 1}),
        kakaopay.post(payment, {"cancel_amount": 1_000, "cancel_tax_free_amount": 0, "cancel_vat_amount": 1_001}),
        kakaopay.cancel(kakaopay.control.pay(partial=False), 1_000),
    ]
    assert all(is_error(one, 400, -780) for one in refusals)
    assert len({one.content for one in refusals}) == 1
    assert kakaopay.control.balance(payment) == 10_000


def test_the_guard_may_be_ignored(kakaopay: KakaoPayTill) -> None:
    kakaopay.control.quirk(honours_guard=False)
    payment = kakaopay.control.pay()
    assert kakaopay.cancel(payment, 3_000, guard=1).status_code == 200


def test_tax_free_money_is_told_apart(kakaopay: KakaoPayTill) -> None:
    payment = kakaopay.control.pay(10_000, taxFree=4_000)
    too_much = {"cancel_amount": 7_000, "cancel_tax_free_amount": 0}
    assert is_error(kakaopay.post(payment, too_much), 400, -780)
    answer = kakaopay.post(payment, {"cancel_amount": 7_000, "cancel_tax_free_amount": 4_000}).json()
    assert answer["cancel_available_amount"]["tax_free"] == 0


def test_it_has_no_pending_state(kakaopay: KakaoPayTill) -> None:
    response = kakaopay.http.post("/control/kakaopay/faults", json={"kind": "pending"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


class TestCharging:
    """Stored means: the sid."""

    def charge(self, kakaopay: KakaoPayTill, **more: object) -> httpx.Response:
        """Charge one."""
        kakaopay.control.call("PUT", "/stored-means/sid-1", {"customer": "user-1"})
        body = {
            "cid": "TC0ONETIME",
            "sid": "sid-1",
            "partner_order_id": fresh("order"),
            "partner_user_id": "user-1",
            "quantity": 1,
            "total_amount": 5_000,
            "tax_free_amount": 0,
            **more,
        }
        return kakaopay.http.post("/kakaopay/online/v1/payment/subscription", json=body, headers=kakaopay.auth)

    def test_a_charge_is_a_payment(self, kakaopay: KakaoPayTill) -> None:
        tid = self.charge(kakaopay).json()["tid"]
        assert kakaopay.read(tid).json()["status"] == "SUCCESS_PAYMENT"
        assert kakaopay.cancel(tid, 5_000).status_code == 200

    def test_the_same_order_is_charged_again(self, kakaopay: KakaoPayTill) -> None:
        order = fresh("order")
        tids = {self.charge(kakaopay, partner_order_id=order).json()["tid"] for _ in range(2)}
        assert len(tids) == 2

    def test_whose_means_it_is(self, kakaopay: KakaoPayTill) -> None:
        assert is_error(self.charge(kakaopay, partner_user_id="user-2"), 400, -780)
        assert is_error(self.charge(kakaopay, sid="nothing"), 400, -780)
