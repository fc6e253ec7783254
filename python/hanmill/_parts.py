"""What some rows show the stages that see the whole corpus, as bytes that travel and know their order."""

from __future__ import annotations

from collections.abc import Iterable

from . import Pipeline

#: The column of places that engines add where the pipeline names none. It doesn't come out again.
PLACE = "__hanmill_place"


def folded(pipeline: Pipeline, batches) -> bytes:
    """Fold batches for the corpus stages."""
    # One of its own, so that batches that have to be done again count once.
    mill = pipeline.for_partition(0)
    first = _each(mill.process, batches, mill.place)
    return first + mill.partial()


def seen(pipeline: Pipeline, batches) -> bytes:
    """Show batches to the stage that looks at the corpus next."""
    mill = pipeline.for_partition(0)
    first = _each(mill.look, batches, mill.place)
    return first + mill.partial_look()


def in_order(parts: Iterable[bytes]) -> list[bytes]:
    """Return parts in the order of the corpus, without what puts them in order."""
    return [part[8:] for part in sorted(parts)]


def _each(work, batches, place: str | None) -> bytes:
    """Hand over each batch; return the place of the first row as bytes that sort."""
    first = None
    for batch in batches:
        work(batch)
        if first is None and place is not None and batch.num_rows > 0:
            first = batch.column(place)[0].as_py()
    return (first or 0).to_bytes(8, "big")
