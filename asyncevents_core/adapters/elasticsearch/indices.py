"""The indices of generations: made, switched and removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from attrs import evolve
from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from asyncevents_core.adapters.elasticsearch.calls import reaching
from asyncevents_core.adapters.elasticsearch.config import ElasticsearchConfig
from asyncevents_core.adapters.elasticsearch.documents import LAYOUT, mappings, settings
from asyncevents_core.adapters.elasticsearch.names import (
    Generation,
    State,
    new_generation,
    of_another_layout,
    state_of,
)

_ABOVE_OTHERS: Final = 500
_CURSOR: Final = "cursor"


class Indices:
    """What there is on the cluster. Every method raises `IndexUnavailable`. For one thread."""

    def __init__(self, client: Elasticsearch, config: ElasticsearchConfig) -> None:
        self._client = client
        self._config = config
        self._template = False

    @property
    def alias(self) -> str:
        """The alias that is searched."""
        return self._config.index

    def read(self) -> State:
        """Return the state, which is all in names and aliases."""
        return state_of(self.alias, self._found())

    def give_up_others(self) -> None:
        """Delete the indices that another version of this indexer made."""
        self.remove(of_another_layout(self.alias, self._found()))

    def fresh(self) -> Generation:
        """Return a generation that is not there yet."""
        return new_generation(self.alias, self._config.rollover)

    def holding(
        self, generation: Generation, log_ids: Collection[int], *, serving: bool
    ) -> Generation:
        """Make the indices that these attempts belong to, where they are missing."""
        wanted = {generation.number(one) for one in log_ids}
        for number in sorted(wanted - generation.numbers):
            aliases = [generation.write_alias(number), *([self.alias] if serving else [])]
            self._make(generation, generation.index(number), aliases)
        return evolve(generation, numbers=generation.numbers | wanted)

    def begin(self) -> None:
        """Begin a generation beside the one that serves."""
        generation = self.fresh()
        self._make(generation, generation.rebuild, [f"{generation.rebuild}.write"])

    def cursor(self, generation: Generation) -> int | None:
        """Return the cursor of a generation that is being built."""
        with reaching():
            try:
                found = self._client.get(index=generation.rebuild, id=_CURSOR)
            except NotFoundError:
                return None
        return int(found["_source"][_CURSOR])

    def remember(self, generation: Generation, cursor: int) -> None:
        """Keep the cursor, durably."""
        with reaching():
            self._client.index(
                index=f"{generation.rebuild}.write",
                id=_CURSOR,
                document={_CURSOR: cursor},
                require_alias=True,
            )

    def switch(self, old: Generation | None, new: Generation) -> None:
        """Let the new generation serve instead, in one step."""
        actions: list[dict[str, dict[str, str]]] = [
            {"add": {"index": index, "alias": self.alias}} for index in new.indices
        ]
        if old is not None:
            actions += [{"remove": {"index": one, "alias": self.alias}} for one in old.indices]
        actions.append({"remove_index": {"index": new.rebuild}})
        with reaching():
            self._client.indices.update_aliases(actions=actions)

    def refresh(self, indices: Collection[str]) -> None:
        """Let searches see what was written to them."""
        if indices:
            with reaching():
                self._client.indices.refresh(index=list(indices), ignore_unavailable=True)

    def remove(self, indices: Collection[str]) -> None:
        """Delete indices; those that are gone are no error."""
        for index in indices:
            with reaching():
                self._client.indices.delete(index=index, ignore_unavailable=True)

    def _found(self) -> Mapping[str, Any]:
        with reaching():
            found = self._client.indices.get(
                index=f"{self.alias}.*",
                allow_no_indices=True,
                ignore_unavailable=True,
                filter_path=["*.aliases", "*.mappings._meta"],
            )
        body: Mapping[str, Any] = found.body
        return body

    def _make(self, generation: Generation, index: str, aliases: Collection[str]) -> None:
        self._put_template()
        meta = {"layout": LAYOUT, "rollover": generation.rollover}
        with reaching():
            try:
                self._client.indices.create(
                    index=index,
                    mappings={"_meta": meta},
                    aliases={alias: {} for alias in aliases},
                )
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise

    def _put_template(self) -> None:
        if self._template:
            return
        with reaching():
            self._client.indices.put_index_template(
                name=self.alias,
                index_patterns=[f"{self.alias}.*"],
                priority=_ABOVE_OTHERS,
                template={
                    "settings": settings(self._config.shards, self._config.replicas),
                    "mappings": mappings(),
                },
            )
        self._template = True
