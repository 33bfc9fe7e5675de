"""Finding the parts of a running local stack, for a worker or an API that is started by hand beside it."""

from __future__ import annotations

import os

from deploy.local.environment import variables
from deploy.local.home import addresses
from settings import Settings, load


def resolve(settings: Settings) -> Settings:
    """`settings`, with every address that is not set taken from the stack that runs in its home, if one does."""
    found = {name: value for name, value in addresses(settings.home).items() if getattr(settings, name) is None}
    return settings.model_copy(update=found)


def adopt_stack() -> Settings:
    """This process's settings, resolved; from then on `settings.load` gives them too."""
    os.environ.update(variables(resolve(load())))
    load.cache_clear()
    return load()
