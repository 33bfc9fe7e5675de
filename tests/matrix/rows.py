"""What befalls a refund in the matrix, and how its claim must end: rows and ends as data.

A row is what one gateway's stand-in is told to do to the refunds of one payment. A claim that only a person can help is
parked for a reason, and goes to its end when the trouble is over and an operator has answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domain.claims import StuckReason

OURS = frozenset({"sandbox"})
KEYED = frozenset({"toss", "stripe", "portone"})
PROVIDERS = KEYED | {"kakaopay"}
GATEWAYS = ("sandbox", "toss", "stripe", "portone", "kakaopay")
PENDING = OURS | KEYED
"""Those whose refunds can be pending."""

FOREVER = 1_000_000


class Shape(StrEnum):
    """What is refunded: the whole payment, a part of one, two payments at the gateway, or one there after another's."""

    FULL = "full"
    PART = "part"
    TWO = "two"
    MIXED = "mixed"


class Kill(StrEnum):
    """When the worker is killed: never; with the attempt written and not sent; while the gateway has the request; with
    the answer at hand and not written."""

    NEVER = "never"
    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Ends(StrEnum):
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Suffers:
    """One fault of the stand-in: of the call that acts, or of reads."""

    kind: str
    times: int = 1
    reading: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`down`: the gateway is away until the trouble is over. `settles`: how its pending refunds end.

    `parks`: why a person is asked. `declined`: refused for good, which before the pivot undoes the claim, and after it
    parks it. `unseen`: it is parked only if the answer of the call was lost with the worker. `by_hand`: nobody but a
    person can tell that the refund is there: the parking is answered with its number.
    """

    name: str
    gateways: frozenset[str]
    faults: tuple[Suffers, ...] = ()
    quirks: Mapping[str, Any] = field(default_factory=dict)
    down: bool = False
    settles: str | None = None
    parks: StuckReason | None = None
    declined: bool = False
    unseen: bool = False
    by_hand: bool = False

    def end(self, shape: Shape, kill: Kill) -> tuple[Ends, StuckReason | None]:
        """How a claim of this shape ends, and why it was parked on its way; None: it was not."""
        if self.declined:
            if shape is Shape.MIXED:
                return Ends.COMPLETED, StuckReason.PSP_DECLINED
            return Ends.REJECTED, None
        if self.unseen and kill not in (Kill.DURING, Kill.AFTER):
            return Ends.COMPLETED, None
        return Ends.COMPLETED, self.parks


def _once(kind: str, gateways: frozenset[str] = PROVIDERS, **more: Any) -> Row:
    return Row(kind, gateways, (Suffers(kind),), **more)


def _forever(kind: str, gateways: frozenset[str] = PROVIDERS) -> Row:
    """Again and again, until a person is asked."""
    return Row(f"{kind} for ever", gateways, (Suffers(kind, FOREVER),), parks=StuckReason.PSP_DOWN)


def _read(name: str, kind: str, times: int = 1, **more: Any) -> Row:
    """The answer is lost, so that it is looked up, and the look-up suffers."""
    return Row(name, PROVIDERS, (Suffers("lose_answer"), Suffers(kind, times, reading=True)), **more)


def _quirk(gateway: str, quirk: str, value: Any, *kinds: str, **more: Any) -> list[Row]:
    return [
        Row(
            f"{kind}, {quirk} {str(value).lower()}",
            frozenset({gateway}),
            (Suffers(kind),) if kind != "nothing" else (),
            {quirk: value},
            **more,
        )
        for kind in kinds
    ]


ROWS = (
    Row("nothing", OURS | PROVIDERS),
    # A final refusal stays one, whoever asks again because its answer was lost.
    Row("refuse", OURS | {"toss", "stripe"}, (Suffers("refuse", FOREVER),), declined=True),
    # What PortOne forbids is ours to mend, for every refund alike.
    Row("refuse", frozenset({"portone"}), (Suffers("refuse", FOREVER),), parks=StuckReason.PSP_MISCONFIGURED),
    # Every refusal of KakaoPay's looks alike, so one is not believed: it is tried again, then a person is asked.
    _once("refuse", frozenset({"kakaopay"})),
    _forever("refuse", frozenset({"kakaopay"})),
    _once("error_before", OURS | PROVIDERS),
    _forever("error_before", OURS | PROVIDERS),
    _once("error_after", OURS | PROVIDERS),
    _once("lose_request"),
    _forever("lose_request"),
    _once("lose_answer", OURS | PROVIDERS),
    _once("html_before"),
    _once("html_after"),
    _once("delay", OURS | PROVIDERS),
    _once("late", OURS | PROVIDERS),
    Row("pending, then settled", PENDING, (Suffers("pending"),), settles="succeeded"),
    Row(
        "pending, then failed", PENDING, (Suffers("pending"),), settles="failed", parks=StuckReason.PSP_DECLINED
    ),
    Row("down", OURS | PROVIDERS, down=True, parks=StuckReason.PSP_DOWN),
    _read("look-up: error", "error_before"),
    _read("look-up: refused", "refuse"),
    _read("look-up: html", "html_before"),
    _read("look-up: lost", "lose_answer"),
    _read("look-up: slow", "delay"),
    _read("look-up: error for ever", "error_before", FOREVER, parks=StuckReason.PSP_DOWN),
    *_quirk("toss", "keeps_errors", "always", "error_before", "error_after"),
    *_quirk("portone", "keeps_errors", "always", "error_before", "error_after"),
    *_quirk("toss", "keeps_errors", "never", "error_before", "error_after"),
    *_quirk("portone", "keeps_errors", "never", "error_before", "error_after"),
    *_quirk("portone", "compares_body", True, "lose_request", "lose_answer"),
    *_quirk("kakaopay", "honours_guard", False, "lose_request", "lose_answer", "error_after", "late"),
    # Without our reference nobody but a person can tell which refund is ours.
    *_quirk("toss", "echoes_reason", False, "lose_answer", parks=StuckReason.PSP_DOWN, by_hand=True),
    *_quirk("toss", "echoes_reason", False, "nothing", parks=StuckReason.PSP_DOWN, by_hand=True, unseen=True),
    *_quirk("kakaopay", "echoes_payload", False, "lose_answer", parks=StuckReason.PSP_DOWN, by_hand=True),
    *_quirk(
        "kakaopay", "echoes_payload", False, "nothing", parks=StuckReason.PSP_DOWN, by_hand=True, unseen=True
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One claim of the matrix."""

    gateway: str
    row: Row
    shape: Shape
    kill: Kill

    @property
    def name(self) -> str:
        return f"{self.gateway}, {self.row.name}, {self.shape}, killed {self.kill}"


def cells(gateway: str | None = None, fault: str | None = None) -> list[Cell]:
    """Every cell; with `gateway` those of that one, with `fault` those of rows that are named so or begin with it."""
    return [
        Cell(name, row, shape, kill)
        for name in GATEWAYS
        if gateway in (None, name)
        for row in ROWS
        if name in row.gateways and (fault is None or row.name.startswith(fault))
        for shape in Shape
        for kill in Kill
    ]
