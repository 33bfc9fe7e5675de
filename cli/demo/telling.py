"""Carries out a story as the storefront would, tells it, and checks what came of it."""

from __future__ import annotations

from cli.demo.cancels import cancel
from cli.demo.changes import change, race
from cli.demo.pieces import cancel_in_pieces
from cli.demo.scene import Scene
from cli.demo.stories import CancelStory, ChangeStory, PiecesStory, RaceStory, Story


async def tell(scene: Scene, story: Story) -> None:
    """Raises CallFailed for a call that does not go as the story goes, TimeoutError for a claim that does not end."""
    match story:
        case CancelStory():
            await cancel(scene, story)
        case PiecesStory():
            await cancel_in_pieces(scene, story)
        case ChangeStory():
            await change(scene, story)
        case RaceStory():
            await race(scene, story)
