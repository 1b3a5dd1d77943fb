"""Writes the events of a shop as a module of Python, for EVENT_MODULES.

The services are classes of PHP. Of those that Magento's REST API serves, a function that asks the
shop takes the place: Magento makes the answer as the original makes the payload. Of others the
function is left to its reader, and fails until somebody has written it.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.original import OriginalEvent


@frozen
class _Route:
    """A route of the REST API under ``/rest/V1``, and the parameter of the service in it."""

    path: str
    parameter: str


_SERVED: Final[Mapping[str, _Route]] = {
    r"Magento\Sales\Api\OrderRepositoryInterface::get": _Route("orders", "id"),
    r"Magento\Sales\Api\InvoiceRepositoryInterface::get": _Route("invoices", "id"),
    r"Magento\Sales\Api\ShipmentRepositoryInterface::get": _Route("shipment", "id"),
    r"Magento\Sales\Api\CreditmemoRepositoryInterface::get": _Route("creditmemo", "id"),
    r"Magento\Quote\Api\CartRepositoryInterface::get": _Route("carts", "cartId"),
    r"Magento\Catalog\Api\ProductRepositoryInterface::get": _Route("products", "sku"),
    r"Magento\Cms\Api\PageRepositoryInterface::getById": _Route("cmsPage", "pageId"),
    r"Magento\Cms\Api\BlockRepositoryInterface::getById": _Route("cmsBlock", "blockId"),
    r"Magento\Customer\Api\CustomerRepositoryInterface::getById": _Route("customers", "customerId"),
    r"Magento\Customer\Api\AddressRepositoryInterface::getById": _Route(
        "customers/addresses", "addressId"
    ),
    # Those of mageos-common-async-events return what the repositories of customers do.
    r"MageOS\CommonAsyncEvents\Model\AsyncCustomerManagement::getById": _Route(
        "customers", "customerId"
    ),
    r"MageOS\CommonAsyncEvents\Model\AsyncCustomerAddressManagement::getById": _Route(
        "customers/addresses", "addressId"
    ),
}

_HEAD: Final = '''\
"""The events of the shop: what their services return is what subscribers get.

Name this module in EVENT_MODULES. It was written by `asyncevents import-mageos`, and is yours.
"""

from __future__ import annotations
'''
_WITH_SHOP: Final = '''
import json
import os
from urllib.parse import quote
from urllib.request import Request, urlopen

from asyncevents_core import event

TIMEOUT = 15.0
"""Seconds that the shop has for an answer."""


def of_shop(route: str, key: object) -> object:
    """Return what the REST API of the shop answers.

    SHOP_URL is its address, such as https://shop.example; SHOP_TOKEN the access token of an
    integration that may read what is asked for.
    """
    url = f"{os.environ['SHOP_URL'].rstrip('/')}/rest/V1/{route}/{quote(str(key), safe='')}"
    headers = {"Authorization": f"Bearer {os.environ['SHOP_TOKEN']}", "Accept": "application/json"}
    with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as answer:
        return json.load(answer)
'''
_WITHOUT_SHOP: Final = """
from asyncevents_core import event
"""
_WORD: Final = re.compile(r"\W+", re.ASCII)


def is_served(one: OriginalEvent) -> bool:
    """Tell whether the function for an event is written as a whole."""
    return _service(one) in _SERVED


def events_module(events: Iterable[OriginalEvent]) -> str:
    """Return the source of a module that defines these events, in the order of their names."""
    found = sorted(events, key=lambda one: one.name)
    head = _WITH_SHOP if any(map(is_served, found)) else _WITHOUT_SHOP
    names = _function_names(found)
    functions = (_function(one, name) for one, name in zip(found, names, strict=True))
    return _HEAD + head + "".join(f"\n\n{one}" for one in functions)


def _function(one: OriginalEvent, name: str) -> str:
    service = _service(one)
    arguments = [_text(one.name)]
    if one.resources:
        arguments.append(f"resources=[{', '.join(map(_text, one.resources))}]")
    decorator = f"@event({', '.join(arguments)})"
    route = _SERVED.get(service)
    if route is None:
        body = f"raise NotImplementedError({_text(f'return what {service} did')})"
        parameters = "**arguments: object"
    else:
        body = f"return of_shop({_text(route.path)}, {route.parameter})"
        # Shops send ids as numbers and as texts.
        parameters = f"{route.parameter}: object"
    # A line that nothing can end.
    comment = service if service.isprintable() else ascii(service)
    return f"# {comment}\n{decorator}\ndef {name}({parameters}) -> object:\n    {body}\n"


def _service(one: OriginalEvent) -> str:
    return f"{one.service}::{one.method}"


def _function_names(events: Sequence[OriginalEvent]) -> Sequence[str]:
    taken = {"annotations", "event", "json", "of_shop", "os", "quote", "urlopen"}
    names = []
    for one in events:
        plain = _WORD.sub("_", one.name).strip("_") or "event"
        if plain[0].isdigit() or keyword.iskeyword(plain):
            plain = f"on_{plain}"
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _text(text: str) -> str:
    """Return a text as Python writes it, in double quotes where that needs no more escapes."""
    written = ascii(text)
    plain = '"' not in written and written[0] == "'" and "\\'" not in written
    return f'"{written[1:-1]}"' if plain else written
