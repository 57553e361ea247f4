"""How the local runtime tells how far it is. The base class says nothing; the command line prints."""


class Progress:
    """Told of each step; a subclass shows it. Called from several threads."""

    def doing(self, text: str) -> None:
        """A step is under way; told again and again while it lasts."""

    def done(self, text: str) -> None:
        """A step is finished."""
