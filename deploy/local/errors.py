"""Why the stack can't run. Every message is for the person who started it."""

from __future__ import annotations


class StackError(Exception):
    """The stack can't run, or can't go on."""


class ChildFailed(StackError):
    """A child keeps dying or never becomes ready; the message ends with its last words."""

    def __init__(self, name: str, what: str, last_words: str) -> None:
        super().__init__(f"{name} {what}. Its last words:\n{last_words or '(none)'}")
        self.name = name
        self.last_words = last_words


class Interrupted(StackError):
    """A person or the system asked the stack to stop, and everything has been stopped."""
