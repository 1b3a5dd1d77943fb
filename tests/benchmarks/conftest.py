"""The projects of the integration tests."""

from tests.integration.conftest import make_project

__all__ = ["make_project"]
