"""An order cancelled piece by piece: after each, both sides of its books; in the end all that was paid is back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cli.demo.cancels import cancel
from cli.demo.scene import Scene
from cli.demo.stories import Books, PiecesStory
from cli.output import BAD, GOOD, line, money, table

_MEANS = {"11": "by card", "32": "in mileage"}
_TAKEN = {"paidAmt": "paid", "addPayAmt": "extra paid"}
_KEPT = {"rfdAmt": "refunded", "dueAmt": "due", "boughtAmt": "still bought", "feeAmt": "fees kept"}
"""The two sides of the books, by the audit's fields; both sum to the same."""


async def cancel_in_pieces(scene: Scene, story: PiecesStory) -> None:
    """Raises CallFailed, TimeoutError: see `tell`."""
    _print_order(scene.shop.order(story.order))
    audits: list[Mapping[str, Any]] = []
    for number, piece in enumerate(story.pieces, 1):
        line(f"\nPiece {number} of {len(story.pieces)}. {piece.cancel.title}.", style="bold")
        quote = await cancel(scene, piece.cancel)
        scene.expect("the explanation, by rule", dict(piece.explained), _by_rule(quote))
        audit = await scene.staff.get(f"/v1/audit/{scene.shop.numbers[story.order]}")
        _print_audit(audit)
        _check_audit(scene, audit, piece.books)
        audits.append(audit)
    _print_course(audits)
    _check_all_is_back(scene, audits[-1])


def _print_order(order: Mapping[str, Any]) -> None:
    table(
        ("Line", "Goods", ">Units", ">Price", ">Points earned"),
        [
            (
                str(one["ordSeq"]),
                one["goodsNm"],
                str(one["ordQty"]),
                money(one["salePrc"], order["currency"]),
                str(one.get("earnPntAmt", 0)),
            )
            for one in order["ordDtlList"]
        ],
    )
    for group in order["deliGrpList"]:
        line(f"Shipped free from {money(group['stdAmt'], order['currency'])}.")
    for coupon in order["benefitList"]:
        discount, minimum = (money(coupon[key], order["currency"]) for key in ("dcAmt", "minAmt"))
        line(f"A coupon takes {discount} off, from {minimum}.")
    for payment in order["payList"]:
        amount = money(payment["payAmt"], order["currency"])
        line(f"Payment {payment['payNo']}: {amount}, {_MEANS[payment['payWayCd']]}.")


def _by_rule(quote: Mapping[str, Any]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for row in quote["explainList"]:
        sums[row["ruleCd"]] += row["amount"]
    return dict(sums)


def _print_audit(audit: Mapping[str, Any]) -> None:
    taken, kept = (
        " + ".join(f"{name} {money(audit['conservation'][key], audit['currency'])}" for key, name in side.items())
        for side in (_TAKEN, _KEPT)
    )
    out_by = money(audit["diffAmt"], audit["currency"])
    line(f"Audit: {taken} = {kept}; difference {out_by}.", style=BAD if audit["diffAmt"] else GOOD)


def _check_audit(scene: Scene, audit: Mapping[str, Any], books: Books) -> None:
    expected = {
        "paidAmt": books.paid,
        "addPayAmt": books.extra_paid,
        "rfdAmt": books.refunded,
        "dueAmt": 0,
        "boughtAmt": books.bought,
        "feeAmt": books.fees,
    }
    scene.expect("the books", expected, audit["conservation"])
    scene.expect("what the books are out by", 0, audit["diffAmt"])


def _print_course(audits: list[Mapping[str, Any]]) -> None:
    line("\nThe books after each piece:", style="bold")
    sides = {**_TAKEN, **_KEPT}
    table(
        (">Piece", *(f">{name.capitalize()}" for name in sides.values()), ">Difference"),
        [
            (
                str(number),
                *(money(audit["conservation"][key], audit["currency"]) for key in sides),
                money(audit["diffAmt"], audit["currency"]),
            )
            for number, audit in enumerate(audits, 1)
        ],
    )


def _check_all_is_back(scene: Scene, audit: Mapping[str, Any]) -> None:
    sides = audit["conservation"]
    paid = sides["paidAmt"] + sides["addPayAmt"]
    scene.expect("what came back of all that was paid", paid, sides["rfdAmt"])
    if sides["rfdAmt"] == paid:
        line(f"All {money(paid, audit['currency'])} that were ever paid are back.", style=GOOD)
