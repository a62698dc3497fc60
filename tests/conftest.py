"""Fixtures every test may ask for; servers start only when one does."""

from tests.support import draws

pytest_plugins = ["tests.support.servers", "tests.support.gateway"]

draws.register()
