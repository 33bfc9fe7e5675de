"""`claims demo`: the local stack, a small shop in it, and its customers' stories."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Annotated
from zoneinfo import ZoneInfo

import httpx
import typer

from api.tokens import Role
from cli.callers import make_token
from cli.demo import stories
from cli.demo.scene import Scene
from cli.demo.shop import check_out, open_shop
from cli.demo.stories import Story
from cli.demo.telling import tell
from cli.feed import progress_bar, summary
from cli.feeding.sending import Fed, send
from cli.output import GOOD, OUT, fail, heading, line
from cli.service import CallFailed, Service
from cli.up import Progress, print_links
from deploy.local.errors import Interrupted, StackError
from settings import Settings, load

INTERRUPTED = 130


@dataclass
class _Course:
    """How far the demo has come."""

    told: bool = False


def demo(short: Annotated[bool, typer.Option("--short", help="Fewer stories, for CI.")] = False) -> None:
    """Start the local stack, feed a small shop, and cancel and change orders in it as its customers would.

    Every amount, refund and movement is checked; the exit code is 1 when one is wrong. On a terminal the stack then
    stays up until Ctrl-C. It may be run again: every run has orders of its own.
    """
    course = _Course()
    try:
        asyncio.run(_run(load(), stories.SHORT if short else stories.ALL, course))
    except Interrupted:
        line("The stack has stopped. Its data is kept; `make up` starts it again.")
        raise typer.Exit(0 if course.told else INTERRUPTED) from None
    except StackError as error:
        fail(f"The stack can't run. {error}")
    except (CallFailed, httpx.HTTPError) as error:
        fail(f"The demo could not go on: {error}")
    except TimeoutError:
        fail("The demo could not go on: a claim did not end in time. `claims stuck` may tell why.")
    line("The stack has stopped. Its data is kept; `make up` starts it again.")


async def _run(settings: Settings, told: Sequence[Story], course: _Course) -> None:
    # Takes most of a second to import: not for every other command.
    from deploy.local.stack import running_stack

    start = monotonic()
    async with running_stack(settings, Progress(OUT), until_signal=True) as stack:
        async with _scene(stack.settings) as scene:
            await _feed(scene)
            for number, story in enumerate(told, 1):
                heading(f"{number}/{len(told)}  {story.title}")
                await tell(scene, story)
            await _check_books(scene)
        if scene.wrong:
            fail(f"\nThe demo found {len(scene.wrong)} things wrong: {'; '.join(scene.wrong)}")
        course.told = True
        line(
            f"\nAll {len(told)} stories came out as they must, {monotonic() - start:.0f} s after the start.", style=GOOD
        )
        # Not the console's own idea of a terminal, which FORCE_COLOR changes: CI must come to an end.
        if sys.stdout.isatty():
            print_links(OUT, stack)
            line("The stack stays up. Ctrl-C stops it.")
            await asyncio.Event().wait()


@asynccontextmanager
async def _scene(settings: Settings) -> AsyncIterator[Scene]:
    now = datetime.now(ZoneInfo(settings.timezone))
    async with (
        Service.at(settings.effective_api_url, None) as anyone,
        httpx.AsyncClient(base_url=settings.effective_sandbox_url, trust_env=False, timeout=10) as gateway,
    ):
        staff = anyone.as_caller(make_token(settings, Role.VIEW, "demo"))
        yield Scene(settings, open_shop(now), anyone, staff, gateway)


async def _feed(scene: Scene) -> None:
    await check_out(scene.shop, scene.gateway)
    feeder = scene.anyone.as_caller(make_token(scene.settings, Role.FEED, "demo"))
    fed = Fed()
    with progress_bar(len(scene.shop.records)) as advance:
        await send(feeder, scene.shop.records, fed, advance)
    for fault in fed.faults:
        scene.note(f"fed: {fault.what}")
    line(f"Fed a small shop: {summary(fed)}.")


async def _check_books(scene: Scene) -> None:
    found = await scene.staff.get("/v1/audit")
    scene.expect("sums that do not come out", [], [one["reason"] for one in found["diffList"]])
