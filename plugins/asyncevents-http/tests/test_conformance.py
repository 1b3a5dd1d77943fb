"""The suite that core ships, on the sink `http` and a real receiver, in each form of requests."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import unquote
from uuid import UUID

import pytest
from http_conformance import HttpConformance

from asyncevents_core.domain.payload import envelope
from asyncevents_core.testing import make_request


class TestHttpSink(HttpConformance):
    """Over HTTP/1.1."""


class TestBinary(HttpConformance):
    """The attributes as headers, the data as body."""

    @pytest.fixture
    def options(self):
        return {"mode": "binary"}

    def events_in(self, headers, body):
        time = datetime.fromisoformat(headers["ce-time"])
        seconds, micros = int(time.replace(microsecond=0).timestamp()), time.microsecond
        tenant = headers.get("ce-tenant")
        yield envelope(
            event_id=UUID(headers["ce-id"]),
            name=unquote(headers["ce-type"]),
            source=unquote(headers["ce-source"]),
            occurred_at=seconds * 1_000_000 + micros,
            tenant=None if tenant is None else unquote(tenant),
            data=body,
        )


class TestPlain(HttpConformance):
    """The data alone."""

    @pytest.fixture
    def options(self):
        return {"mode": "plain"}

    @pytest.fixture
    def new_request(self, sink_type, config, target, options):
        """As the suite's; what was made is kept, since the data alone does not tell."""
        usual = {"sink_type": sink_type, "config": config, "target": target, "options": options}
        self.made = {}

        def make(**wanted):
            request = make_request(**{**usual, **wanted})
            self.made[str(request.event_id)] = request.body
            return request

        return make

    def events_in(self, headers, body):
        whole = self.made[headers["webhook-id"]]
        _, _, data = whole.partition(b', "data": ')
        yield whole if data == body + b"}" else body


class TestBatched(HttpConformance):
    """Several CloudEvents in one request."""

    @pytest.fixture
    def options(self):
        return {"mode": "batched", "batch_wait": 0.02}

    def events_in(self, headers, body):
        text, decoder, at = body.decode(), json.JSONDecoder(), 1
        assert text[0] == "["
        assert text[-1] == "]"
        while at < len(text):
            _, end = decoder.raw_decode(text, at)
            yield text[at:end].encode()
            at = end + 1


class TestSigned(HttpConformance):
    """With all signatures."""

    @pytest.fixture
    def options(self):
        return {"signature": "both", "magento_signature": True, "method": "PUT"}

    @pytest.fixture
    def secret_options(self, options, secret):
        return {**options, "api_key": secret}
