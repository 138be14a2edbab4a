"""How a command fails."""


class Failure(Exception):
    """A command could not be carried out; the text is the one line to say."""
