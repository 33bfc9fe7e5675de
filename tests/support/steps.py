"""The steps of a claim called directly, as a copy of an activity that a worker was given up for calls them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment

import bootstrap
from activities.claims import ClaimActivities
from activities.evidence import Evidence
from activities.notices import NoticePlanner
from activities.options import OptionActivities
from activities.parking import ParkingActivities
from activities.refunds import RefundActivities
from activities.settlement import SettlementActivities
from gateways.notices.texts import NoticeTexts
from store.private import Vault
from tests.support.house import House


@dataclass(frozen=True)
class Steps:
    claims: ClaimActivities
    settlement: SettlementActivities
    options: OptionActivities
    parking: ParkingActivities
    refunds: RefundActivities

    @classmethod
    def of(cls, house: House) -> Steps:
        planner = NoticePlanner(NoticeTexts(house.settings.timezone), house.policy)
        pace = bootstrap.pace(house.settings)
        return cls(
            ClaimActivities(house.engine, pace, planner, house.policy),
            SettlementActivities(house.engine, planner),
            OptionActivities(house.engine, pace, planner, house.policy),
            ParkingActivities(house.engine, Evidence(house.engine, {}), b"secret", planner),
            RefundActivities(
                house.engine,
                bootstrap.gateways(house.settings),
                Vault(house.settings.service_secret.get_secret_value()),
                send_window=timedelta(seconds=house.settings.gateway_send_window),
            ),
        )


async def run(step: Callable[[Any], Awaitable[Any]], asked: Any) -> Any:
    """One try of the step, in an activity's environment of its own."""
    return await ActivityEnvironment().run(step, asked)
