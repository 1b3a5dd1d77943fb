"""Models whose rows publish: `publishes`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal, TypeVar

from attrs import frozen
from django.db import models, router, transaction
from django.db.models.signals import post_delete, post_save

from asyncevents_django.publishing import publish

ModelType = TypeVar("ModelType", bound=type[models.Model])
When = Literal["created", "updated", "saved", "deleted"]
_WHEN: Final = ("created", "updated", "saved", "deleted")
_MARK: Final = "_asyncevents_publishes"
_WRAPPED: Final = "_asyncevents_in_transaction"


@frozen(kw_only=True)
class Publication:
    """What one `publishes` says of a model."""

    name: str
    when: str


def publishes(
    name: str,
    *,
    on: When = "created",
    data: Callable[[Any], object] | None = None,
    tenant: Callable[[Any], str | None] | None = None,
) -> Callable[[ModelType], ModelType]:
    """Let a model publish an event when one of its rows is created, updated, saved or deleted::

        @publishes("order.created")
        @publishes("order.deleted", on="deleted", data=lambda order: {"number": order.number})
        class Order(models.Model): ...

    `data` makes what is published of the instance; by default ``{"id": instance.pk}``. `tenant`
    does the same for the event's tenant. Saving the row and publishing are one transaction, also
    outside of `atomic`: both are there, or neither.

    Django sends no signals for `bulk_create`, `bulk_update` and `QuerySet.update`: these publish
    nothing. Nor do fixtures (`loaddata`). Models that inherit, and proxies, have decorators of
    their own. Raises TypeError for what is no concrete model, ValueError for another `on`.
    """
    if on not in _WHEN:
        raise ValueError(f"on={on!r}: it is one of {', '.join(_WHEN)}")

    def decorate(model: ModelType) -> ModelType:
        if not _is_model(model):
            raise TypeError(f"@publishes({name!r}) goes above the class of a model, not {model!r}")
        if model._meta.abstract:
            raise TypeError(
                f"@publishes({name!r}): {model.__name__} is abstract and has no rows; put it above "
                "the models that inherit from it"
            )

        def receive(instance: Any, created: bool = False, raw: bool = False, **_: object) -> None:
            wanted = on in {"saved", "deleted"} or (on == "created") is created
            if wanted and not raw:
                publish(
                    name,
                    {"id": instance.pk} if data is None else data(instance),
                    tenant=None if tenant is None else tenant(instance),
                )

        # Kept by the signal itself: nobody else does.
        signal = post_delete if on == "deleted" else post_save
        signal.connect(receive, sender=model, weak=False)
        others = model.__dict__.get(_MARK, ())
        setattr(model, _MARK, (*others, Publication(name=name, when=on)))
        if on != "deleted":
            # To delete is a transaction anyway, where somebody hears of it.
            _save_in_transaction(model)
        return model

    return decorate


def publications_of(model: type[models.Model]) -> tuple[Publication, ...]:
    """Return what the decorators of a model itself say, the lowest first."""
    found: tuple[Publication, ...] = model.__dict__.get(_MARK, ())
    return found


def _is_model(decorated: object) -> bool:
    return isinstance(decorated, type) and issubclass(decorated, models.Model)


def _save_in_transaction(model: type[models.Model]) -> None:
    """Make a transaction of the row and of what hears that it was saved."""
    if _WRAPPED in model.__dict__:
        return
    save_base: Callable[..., None] = model.save_base

    @wraps(save_base)
    def save(self: models.Model, *arguments: Any, **named: Any) -> None:
        # As save_base() itself takes it: raw, force_insert, force_update, using, update_fields.
        using = named.get("using") or (arguments[3] if len(arguments) > 3 else None)
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            save_base(self, *arguments, **named)

    model.save_base = save
    setattr(model, _WRAPPED, True)
