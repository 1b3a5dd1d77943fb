"""A server of the Publisher service that does as it is told: for faults only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from attrs import define, field
from google.pubsub_v1.types import PublishRequest, PublishResponse

SERVICE = "google.pubsub.v1.Publisher"


def accept(request: PublishRequest, _: grpc.ServicerContext) -> PublishResponse:
    return PublishResponse(message_ids=[str(number) for number in range(len(request.messages))])


@define
class Faulty:
    """`behaviour` answers each request, on a thread; `requests` are those that came."""

    behaviour: Callable[[PublishRequest, grpc.ServicerContext], PublishResponse] = accept
    requests: list[PublishRequest] = field(factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bodies(self) -> list[bytes]:
        return [message.data for request in self.requests for message in request.messages]

    def answer(self, request: PublishRequest, context: grpc.ServicerContext) -> PublishResponse:
        self.requests.append(request)
        return self.behaviour(request, context)

    def fail(self, status: grpc.StatusCode, text: str = "as told") -> None:
        """Answer with this status from now on."""
        self.behaviour = lambda _, context: context.abort(status, text)


@contextmanager
def running(faulty: Faulty) -> Iterator[Faulty]:
    pool = ThreadPoolExecutor(16, thread_name_prefix="faulty-server")
    server = grpc.server(pool, options=[("grpc.max_receive_message_length", -1)])
    publish = grpc.unary_unary_rpc_method_handler(
        faulty.answer,
        request_deserializer=PublishRequest.deserialize,
        response_serializer=PublishResponse.serialize,
    )
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Publish": publish})
    server.add_generic_rpc_handlers((handler,))
    faulty.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield faulty
    finally:
        server.stop(None).wait()
        pool.shutdown(wait=False)
