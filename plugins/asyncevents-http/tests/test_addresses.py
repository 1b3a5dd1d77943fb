"""Public addresses: as others publish them, and the same with every interpreter."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
import sys

import pytest
from address_tables import PUBLIC, REFUSED

from asyncevents_http import addresses
from asyncevents_http.addresses import is_public

# What two others publish as their cases: stripe/smokescreen, pkg/smokescreen/smokescreen_test.go
# and ip_policy_test.go; saleor/requests-hardened, tests/test_ssrf_filter.py.
OTHERS_REFUSE = [
    "0.0.0.0", "10.0.0.1", "10.1.0.1", "100.64.0.1", "100.64.0.100", "100.127.255.254",
    "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "192.0.2.0", "192.168.0.1",
    "255.255.255.255", "::", "::1", "64:ff9b::1", "64:ff9b::a00:1", "64:ff9b::ac1c:5",
    "64:ff9b::c000:201", "64:ff9b::808:808", "64:ff9b::ffff:ffff", "2001:db8:85a3::8a2e:370:7334",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:1234:5678:9abc:def0:1234:5678",
    "2002:808:808::1", "2002:a00:1::1", "2002:c000:201::1", "::ffff:7f00:1", "::ffff:a00:1",
    "::ffff:ac10:1", "::ffff:c0a8:1", "::ffff:192.0.2.0", "::ffff:192.168.2.1", "fc00::1",
    "ff02::2",
]  # fmt: skip
OTHERS_ALLOW = [
    "1.1.1.1", "8.0.0.0", "8.8.4.4", "8.8.8.8", "100.63.255.254", "100.128.0.1", "128.99.0.0",
    "::ffff:8063:0", "::ffff:800:0", "2001:4860:4860::8888", "2004:db8:1234:5678::abcd:ef01",
    "2606:4700:4700::1111",
]  # fmt: skip
WE_DIFFER = [
    # Nothing is assigned outside 2000::/3: only a network of one's own routes these.
    "64:ff9c::1",  # allowed by smokescreen
    "::192.0.5.0",  # allowed by requests-hardened: "IPv4-compatible", withdrawn by RFC 4291
]


@pytest.mark.parametrize("address", OTHERS_REFUSE)
def test_what_others_refuse_is_refused(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OTHERS_ALLOW)
def test_what_others_allow_is_allowed(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", WE_DIFFER)
def test_where_we_differ_from_others(address):
    assert not is_public(ipaddress.ip_address(address))


def _interpreters():
    """Return those that are here; a version manager's stand-in for one that is not, fails."""
    for name in ("python3.11", "python3.12", "python3.13"):
        if shutil.which(name) is None:
            continue
        if subprocess.run([name, "-c", ""], check=False, capture_output=True).returncode == 0:
            yield name


@pytest.mark.parametrize("interpreter", [sys.executable, *_interpreters()])
def test_every_interpreter_says_the_same(interpreter):
    lines = """
import ipaddress, runpy, sys
is_public = runpy.run_path(sys.argv[1])["is_public"]
for one in sys.argv[2:]:
    print(int(is_public(ipaddress.ip_address(one))))
"""
    some = [*REFUSED, *PUBLIC]
    command = [interpreter, "-I", "-c", lines, addresses.__file__, *some]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    said = dict(zip(some, done.stdout.split(), strict=True))
    assert said == {**dict.fromkeys(REFUSED, "0"), **dict.fromkeys(PUBLIC, "1")}
