"""`claimCalculateCostFO` and `cancelFO` end to end: quotes that bind, keys that repeat, refusals that move nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.tokens import Role
from tests.api.shop import CANCEL, DETAILS, POPUP, QUOTE, Shop, card, group, line, select
from tests.support.house import House


@pytest.fixture
def me(shop: Shop) -> dict[str, str]:
    return shop.token(Role.MEMBER, "M1")


def payload(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]


def code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


async def finished(shop: Shop, me: dict[str, str], order_no: str, claim_no: str) -> Any:
    """The claim's details once it is final."""
    async with asyncio.timeout(30):
        while True:
            told = payload(await shop.call(DETAILS, {"ordNo": order_no, "claimNo": claim_no}, me))
            if told["claimStatCd"] in ("COMPLETED", "COMPLETED_NOTICE_FAILED", "REJECTED"):
                return told
            await asyncio.sleep(0.05)


async def test_a_quoted_cancel_moves_exactly_what_was_quoted(shop: Shop, me: dict[str, str], house: House) -> None:
    """P13: the preview shows one amount and the refund sends another. P39: a member cancels alone."""
    order_no = await shop.order(line(1), line(2), groups=[group(free_from=30_000, fee=3_000)])
    asked = select(order_no, {1: 1})
    quote = payload(await shop.call(QUOTE, asked, me))
    assert (quote["totRfdAmt"], quote["addPayAmt"]) == (10_000, 0)
    asked = select(order_no, {1: 2})
    quote = payload(await shop.call(QUOTE, asked, me))
    assert quote["totRfdAmt"] == 17_000
    assert [(cost["adtnOcurGbCd"], cost["aplyAdtnAmt"]) for cost in quote["costList"]] == [("CHARGED", 3_000)]
    assert [(leg["payNo"], leg["payWayCd"], leg["rfdAmt"]) for leg in quote["payList"]] == [("1", "11", 17_000)]
    accepted = payload(await shop.call(CANCEL, {**asked, "quoteToken": quote["quoteToken"]}, me))
    assert accepted["claimStatCd"] == "ACCEPTED"
    assert accepted["totRfdAmt"] == 17_000
    told = await finished(shop, me, order_no, accepted["claimNo"])
    assert told["claimStatCd"].startswith("COMPLETED")
    refunds = [row for row in told["payRfdList"] if row["payGbCd"] == "20"]
    assert [(row["uprPayNo"], row["rfdAmt"], row["payStatCd"]) for row in refunds] == [("1", 17_000, "22")]
    assert {step["step"]: step["status"] for step in told["progressList"]}["refund"] == "DONE"
    assert [one["amount"] for one in await house.refunds(order_no)] == [17_000]


async def test_a_fee_that_an_earlier_cancel_charged_comes_back_and_says_so(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order(line(1), line(2), groups=[group(free_from=30_000, fee=3_000)])
    accepted = payload(await shop.call(CANCEL, select(order_no, {1: 2}), me, key="k"))
    await finished(shop, me, order_no, accepted["claimNo"])
    quote = payload(await shop.call(QUOTE, select(order_no, {2: 2}), {**me, "Accept-Language": "en"}))
    assert [(cost["adtnOcurGbCd"], cost["aplyAdtnAmt"]) for cost in quote["costList"]] == [("RETURNED", -3_000)]
    assert "given back" in quote["costList"][0]["reason"]


async def test_fifty_equal_calls_at_once_are_one_claim(shop: Shop, me: dict[str, str], house: House) -> None:
    """P2: a double click, or a refreshed page, refunds twice."""
    order_no = await shop.order()
    asked = select(order_no, {1: 1})
    answers = await asyncio.gather(*(shop.call(CANCEL, asked, me, key="the same") for _ in range(50)))
    told = [payload(answer) for answer in answers]
    assert all(one == told[0] for one in told)
    await finished(shop, me, order_no, told[0]["claimNo"])
    assert len(await house.refunds(order_no)) == 1
    assert await house.value("SELECT count(*) FROM claims WHERE order_no = :no", no=order_no) == 1
    repeated = payload(await shop.call(CANCEL, asked, me, key="the same"))
    assert repeated == told[0]


async def test_an_equal_call_between_the_start_and_its_update_gets_the_same_answer(
    shop: Shop, me: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order_no = await shop.order()
    ask = Client.execute_update_with_start_workflow
    first: list[asyncio.Task[Any]] = []

    async def a_moment_too_early(client: Client, update: Any, **call: Any) -> Any:
        if first:
            return await ask(client, update, **call)
        first.append(asyncio.create_task(ask(client, update, **call)))
        # What the server answers while it knows the other's start and not yet its update.
        raise WorkflowAlreadyStartedError("the same", "CancelOrderWorkflow")

    monkeypatch.setattr(Client, "execute_update_with_start_workflow", a_moment_too_early)
    told = payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="the same"))
    assert told["claimNo"] == (await first[0]).claim_no


async def test_fifty_keys_for_one_unit_are_one_claim_and_49_refusals(
    shop: Shop, me: dict[str, str], house: House
) -> None:
    order_no = await shop.order(line(1, goodsNo="G-LAST", ordQty=1), stock=0)
    asked = select(order_no, {1: 1})
    answers = await asyncio.gather(*(shop.call(CANCEL, asked, me, key=f"key {n}") for n in range(50)))
    codes = Counter(code(answer) for answer in answers)
    assert codes["0000"] == 1
    assert set(codes) <= {"0000", "2001", "2005"}, codes
    winner = next(payload(answer) for answer in answers if code(answer) == "0000")
    await finished(shop, me, order_no, winner["claimNo"])
    assert await house.stock("G-LAST", "001") == 1


async def test_another_body_under_the_same_key_is_refused(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order()
    first = payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="k"))
    other = await shop.call(CANCEL, select(order_no, {1: 2}), me, key="k")
    assert (other.status_code, code(other)) == (409, "2004")
    await finished(shop, me, order_no, first["claimNo"])
    closed = await shop.call(CANCEL, select(order_no, {1: 2}), me, key="k")
    assert code(closed) == "2004"
    again = payload(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="k"))
    assert again == first


async def test_the_order_of_lines_makes_no_other_request(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order(line(1), line(2))
    first = payload(await shop.call(CANCEL, select(order_no, {1: 1, 2: 1}), me, key="k"))
    again = payload(await shop.call(CANCEL, select(order_no, {2: 1, 1: 1}), me, key="k"))
    assert again == first


async def test_a_quote_that_no_longer_holds_is_refused_with_a_new_one(
    shop: Shop, me: dict[str, str], house: House
) -> None:
    order_no = await shop.order(line(1), line(2), groups=[group(free_from=30_000, fee=3_000)])
    quote = payload(await shop.call(QUOTE, select(order_no, {1: 2}), me))
    claim = payload(await shop.call(CANCEL, select(order_no, {2: 2}), me, key="another"))
    await finished(shop, me, order_no, claim["claimNo"])
    refused = await shop.call(CANCEL, {**select(order_no, {1: 2}), "quoteToken": quote["quoteToken"]}, me)
    assert (refused.status_code, code(refused)) == (409, "2002")
    renewed = refused.json()["payload"]
    assert renewed["totRfdAmt"] == 23_000
    assert len(await house.refunds(order_no)) == 1
    done = payload(await shop.call(CANCEL, {**select(order_no, {1: 2}), "quoteToken": renewed["quoteToken"]}, me))
    assert done["totRfdAmt"] == 23_000


async def test_a_token_opens_one_claim(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order()
    asked = select(order_no, {1: 1})
    asked["quoteToken"] = payload(await shop.call(QUOTE, asked, me))["quoteToken"]
    first = payload(await shop.call(CANCEL, asked, me))
    assert payload(await shop.call(CANCEL, asked, me)) == first
    other = await shop.call(CANCEL, asked, me, key="another")
    assert code(other) == "2001"
    assert first["claimNo"] in other.json()["message"]


@pytest.mark.parametrize("changes", [{"claimCausCd": "50"}, {"claimGoodsList": [{"ordSeq": 1, "claimQty": 2}]}])
async def test_a_token_of_another_request_is_refused(shop: Shop, me: dict[str, str], changes: dict[str, Any]) -> None:
    order_no = await shop.order()
    asked = select(order_no, {1: 1})
    token = payload(await shop.call(QUOTE, asked, me))["quoteToken"]
    refused = await shop.call(CANCEL, {**asked, "quoteToken": token, **changes}, me)
    assert (refused.status_code, code(refused)) == (400, "1002")


async def test_a_callers_token_is_no_quote(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order()
    forged = me["Authorization"].removeprefix("Bearer ")
    refused = await shop.call(CANCEL, {**select(order_no, {1: 1}), "quoteToken": forged}, me)
    assert (code(refused), refused.json()["error"]) == ("1002", "quote.forged")


async def test_a_quote_is_no_callers_token(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order()
    token = payload(await shop.call(QUOTE, select(order_no, {1: 1}), me))["quoteToken"]
    refused = await shop.call(POPUP, {"ordNo": order_no}, {"Authorization": f"Bearer {token}"})
    assert code(refused) == "1005"


async def test_an_order_that_can_only_be_cancelled_whole_says_so(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order(payments=[card(20_000, partCnclPsbYn="N")])
    assert payload(await shop.call(POPUP, {"ordNo": order_no}, me))["sctnCnclPsbYn"] == "N"
    assert code(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="part")) == "2006"
    assert code(await shop.call(CANCEL, select(order_no, {1: 2}), me, key="whole")) == "0000"


async def test_a_refusal_opens_nothing_and_keeps_nothing(shop: Shop, me: dict[str, str], house: House) -> None:
    order_no = await shop.order(line(ordDtlStatCd="24"))
    assert code(await shop.call(CANCEL, select(order_no, {1: 1}), me, key="k")) == "2001"
    assert await house.value("SELECT count(*) FROM requests WHERE order_no = :no", no=order_no) == 0


async def test_a_claim_that_is_undone_owes_no_coupon(shop: Shop, me: dict[str, str]) -> None:
    order_no = await shop.order(
        payments=[card(19_000)],
        benefitList=[
            {
                "cpnNo": "C-UNDONE",
                "promoTypCd": "12",
                "dcAmt": 1_000,
                "minAmt": 0,
                "shareList": [{"ordSeq": 1, "dcAmt": 1_000}],
            }
        ],
    )
    await shop.gateway.post("/faults", json={"pgTid": f"{order_no}-1", "kind": "refuse", "times": 1})
    refused = payload(await shop.call(CANCEL, select(order_no, {1: 2}), me, key="refused"))
    told = await finished(shop, me, order_no, refused["claimNo"])
    assert (told["claimStatCd"], told["rfdFcstCpnList"]) == ("REJECTED", [])
    done = payload(await shop.call(CANCEL, select(order_no, {1: 2}), me, key="done"))
    told = await finished(shop, me, order_no, done["claimNo"])
    assert [(one["cpnNo"], one["restoreCmplYn"]) for one in told["rfdFcstCpnList"]] == [("C-UNDONE", "Y")]


async def test_free_text_is_kept_encrypted_and_no_account_reaches_the_workflow(
    shop: Shop, me: dict[str, str], house: House
) -> None:
    order_no = await shop.order()
    asked = select(order_no, {1: 1}, claimCausEtcCont="제 이름은 김입니다")
    accepted = payload(await shop.call(CANCEL, asked, me, key="k"))
    kept = await house.rows(
        "SELECT p.ciphertext, c.workflow_id FROM claims c JOIN private_parts p USING (private_id) WHERE claim_no = :no",
        no=accepted["claimNo"],
    )
    assert "김".encode() not in bytes(kept[0]["ciphertext"])
    history = await house.temporal.get_workflow_handle(kept[0]["workflow_id"]).fetch_history()
    assert "김입니다" not in history.to_json()


async def test_a_guest_cancels_with_the_orders_password(shop: Shop) -> None:
    """P39: customers cancel themselves, guests too."""
    order_no = await shop.order(member=None, password="secret-1")
    asked = select(order_no, {1: 2}, umemPwd="secret-1")
    first = payload(await shop.call(CANCEL, asked, key="k"))
    assert first["totRfdAmt"] == 20_000
    assert payload(await shop.call(CANCEL, asked, key="k")) == first


async def test_a_cancelled_line_shows_in_the_popup(shop: Shop, me: dict[str, str]) -> None:
    """P22: the screen shows old quantities after a cancel."""
    order_no = await shop.order(line(1), line(2))
    claim = payload(await shop.call(CANCEL, select(order_no, {1: 2, 2: 1}), me, key="k"))
    await finished(shop, me, order_no, claim["claimNo"])
    first, second = payload(await shop.call(POPUP, {"ordNo": order_no}, me))["claimTgtList"]
    assert (first["cnclQty"], first["claimPsbQty"], first["cnclPsbYn"], first["ordDtlStatCd"]) == (2, 0, "N", "19")
    assert claim["claimNo"] in first["cnclReason"]
    assert (second["cnclQty"], second["claimPsbQty"], second["cnclPsbYn"]) == (1, 1, "Y")


async def test_the_back_office_cancels_any_order(shop: Shop) -> None:
    order_no = await shop.order(line(ordDtlStatCd="22"))
    office = shop.token(Role.OPERATE, "lee")
    assert code(await shop.call(CANCEL, select(order_no, {1: 1}, reason="50"), office, key="k")) == "0000"
