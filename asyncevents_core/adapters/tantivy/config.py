"""What ``INDEXERS["embedded"]`` says."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen(kw_only=True)
class EmbeddedConfig:
    """``INDEXERS["embedded"]``.

    `path` is the folder of the index, on a local disk that workers and commands share.
    `memory_mb` is what a writing process buffers; `searches` run at once in one process.
    """

    path: str = field(default="asyncevents-index", validator=validators.min_len(1))
    memory_mb: int = field(default=64, validator=[validators.ge(16), validators.le(4000)])
    searches: int = field(default=4, validator=validators.ge(1))
