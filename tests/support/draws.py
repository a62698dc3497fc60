"""How many examples a property test draws, and from where.

`make test` draws the same ones every time, so that a red run can be had again; `make fuzz` looks for
new ones.
"""

from hypothesis import settings

SEARCH = "search"


def register() -> None:
    """Make the everyday profile the one in force, and name the other for `--hypothesis-profile`."""
    settings.register_profile("everyday", deadline=None, derandomize=True)
    settings.register_profile(SEARCH, deadline=None, max_examples=2000)
    settings.load_profile("everyday")


def times(share: float) -> settings:
    """Draw this many times the examples of the profile, for a property dearer or wider than most."""
    return settings(max_examples=max(int(settings().max_examples * share), 1))
