"""Undoing, newest first. An undo is registered before the step that it undoes: it accepts that this never happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio import workflow

Undo = Callable[[], Awaitable[None]]


class Compensations:
    def __init__(self) -> None:
        self._undo: list[Undo] = []

    def add(self, undo: Undo) -> None:
        self._undo.append(undo)

    async def run(self) -> None:
        """Run every undo registered, newest first. An undo does not return before it is done; a failing one parks."""
        with workflow.create_event_group("compensation", label="Compensation").scope():
            while self._undo:
                await self._undo[-1]()
                self._undo.pop()
