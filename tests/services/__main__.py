"""`python -m tests.services`: install what the tests need, name what cannot be had."""

from tests.services.needs import SERVICES, install_missing

for service in install_missing(SERVICES):
    print(f"its tests are skipped: {service.advice}")
