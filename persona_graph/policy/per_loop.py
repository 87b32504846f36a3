"""`PerLoop`: one chat model for each event loop, since a client's HTTP connections belong to the loop they began in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel


class PerLoop:
    """Makes a model the first time that it is asked for in a loop, and forgets it with the loop."""

    def __init__(self, make: Callable[[], BaseChatModel]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, BaseChatModel] = WeakKeyDictionary()

    def __call__(self) -> BaseChatModel:
        """The model of the running loop."""
        loop = asyncio.get_running_loop()
        model = self._made.get(loop)
        if model is None:
            model = self._made[loop] = self._make()
        return model
