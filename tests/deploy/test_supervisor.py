"""Children are kept running, named when they die, and never left behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from deploy.local import child as child_module
from deploy.local import keeper
from deploy.local.errors import ChildFailed, Interrupted
from deploy.local.parts import ROOT
from tests.deploy.fakes import Reports, marking_child, python_child, runs, stubborn_child, supervisor, until

FOREVER = "import signal; signal.pause()"


async def test_a_child_that_dies_is_named_and_runs_again_within_a_second(tmp_path: Path) -> None:
    reports = Reports()
    clock = asyncio.get_running_loop().time
    async with supervisor(tmp_path, reports) as running:
        await running.start(python_child("clerk", FOREVER))
        first = running.pid("clerk")
        assert first is not None
        killed = clock()
        running.kill("clerk")
        second = await running.wait_restarted("clerk", first)
        assert clock() - killed < 1
        assert second != first
        assert runs(second)
    assert reports.of("clerk") == [
        "starting",
        "ready",
        "died with killed by SIGKILL, starting it again",
        "ready",
        "stopping",
    ]


async def test_ten_deaths_in_a_minute_end_the_block_with_the_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RESTART_AFTER", 0.01)
    reports = Reports()
    with pytest.raises(ChildFailed) as failure:
        async with supervisor(tmp_path, reports) as running:
            await running.start(python_child("steady", FOREVER))
            steady = running.pid("steady")
            await running.start(python_child("clerk", "import sys; print('no ink'); sys.exit(3)"))
            await asyncio.Event().wait()
    assert failure.value.name == "clerk"
    assert failure.value.last_words == "no ink"
    assert "exit code 3" in str(failure.value)
    assert len([what for what in reports.of("clerk") if what.startswith("died")]) == 9
    assert steady is not None
    assert not runs(steady)


async def test_nine_deaths_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RESTART_AFTER", 0.01)
    nine = f"""
import pathlib, signal, sys
lives = pathlib.Path({str(tmp_path / "lives")!r})
lives.write_text((lives.read_text() if lives.exists() else "") + "I")
if len(lives.read_text()) < 10:
    sys.exit(1)
signal.pause()
"""
    reports = Reports()
    async with supervisor(tmp_path, reports) as running:
        await running.start(python_child("clerk", nine))
        await until(lambda: (tmp_path / "lives").exists() and len((tmp_path / "lives").read_text()) == 10)
        assert running.pid("clerk") is not None


async def test_children_are_stopped_newest_first(tmp_path: Path) -> None:
    async with supervisor(tmp_path) as running:
        for name in ("one", "two", "three"):
            await running.start(marking_child(name, tmp_path))
    assert (tmp_path / "stopped").read_text().split() == ["three", "two", "one"]


async def test_a_child_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    reports = Reports()
    async with supervisor(tmp_path, reports) as running:
        await running.start(stubborn_child("mule", tmp_path, grace=0.2))
        pid = running.pid("mule")
    assert pid is not None
    assert not runs(pid)
    assert reports.of("mule")[-1] == "killed, it did not stop in time"


async def test_a_first_interrupt_stops_and_a_second_one_kills(tmp_path: Path) -> None:
    reports = Reports()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        with pytest.raises(Interrupted):
            async with supervisor(tmp_path, reports) as running:
                await running.start(stubborn_child("mule", tmp_path, grace=600))
                pid = running.pid("mule")
                running.interrupt()
                loop.call_later(0.2, running.interrupt)
                await asyncio.Event().wait()
    assert pid is not None
    assert not runs(pid)


async def test_the_block_that_was_interrupted_is_not_left_cancelled(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        async with supervisor(tmp_path) as running:
            running.interrupt()
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_an_error_of_the_block_comes_out_after_everything_was_stopped(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with supervisor(tmp_path) as running:
            await running.start(python_child("clerk", FOREVER))
            pid = running.pid("clerk")
            raise ZeroDivisionError
    assert pid is not None
    assert not runs(pid)


async def test_a_cancel_during_the_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    pids: list[int] = []
    stopping = asyncio.Event()

    def report(name: str, what: str) -> None:
        if what == "stopping":
            stopping.set()

    async def block() -> None:
        async with supervisor(tmp_path, report) as running:
            for name in ("one", "two"):
                await running.start(stubborn_child(name, tmp_path, grace=0.3))
            pids.extend(running.pids().values())

    task = asyncio.create_task(block())
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(pids) == 2
    assert not any(runs(pid) for pid in pids)


async def test_a_child_that_never_gets_ready_fails_with_its_last_words(tmp_path: Path) -> None:
    async def never(_started: object) -> bool:
        return False

    with pytest.raises(ChildFailed, match=r"was not ready after(.|\n)*still thinking"):
        async with supervisor(tmp_path) as running:
            await running.start(
                python_child("clerk", f"print('still thinking', flush=True); {FOREVER}", ready=never, patience=1)
            )


async def test_a_broken_probe_ends_the_block_instead_of_waiting_forever(tmp_path: Path) -> None:
    async def broken(_started: object) -> bool:
        raise LookupError("bug")

    with pytest.raises(LookupError):
        async with supervisor(tmp_path) as running:
            await running.start(python_child("clerk", FOREVER, ready=broken))


async def test_a_program_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RESTART_AFTER", 0.01)
    missing = child_module.Child("clerk", ("/no/such/program",), python_child("x", "").ready)
    with pytest.raises(ChildFailed, match="/no/such/program: No such file or directory"):
        async with supervisor(tmp_path) as running:
            await running.start(missing)
            await asyncio.Event().wait()


async def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "LOG_LIMIT", 10)
    for _ in range(2):
        async with supervisor(tmp_path) as running:
            await running.start(python_child("clerk", f"print('a good day to you', flush=True); {FOREVER}"))
            await until(lambda: (tmp_path / "logs" / "clerk.log").read_text().strip())
    assert (tmp_path / "logs" / "clerk.log.1").read_text() == "a good day to you\n"
    assert (tmp_path / "logs" / "clerk.log").read_text() == "a good day to you\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
async def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import asyncio, pathlib
from tests.deploy.fakes import python_child, supervisor
async def main():
    async with supervisor(pathlib.Path({str(tmp_path)!r})) as running:
        for name in ("one", "two"):
            await running.start(python_child(name, {FOREVER!r}))
        print(*running.pids().values(), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in (await process.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(runs(pid) for pid in pids)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await until(lambda: not any(runs(pid) for pid in pids))
