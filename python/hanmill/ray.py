"""hanmill over a dataset of Ray Data, by `map_batches`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import Pipeline, _parts

if TYPE_CHECKING:
    from ray.data import Dataset


class _Mill:
    """What a worker keeps from one batch to the next."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __call__(self, batch):
        return self._pipeline.process(batch, fold=False)


def process(
    dataset: Dataset, pipeline: Pipeline, *, concurrency: int = 1, batch_size: int = 1024, **options: Any
) -> Dataset:
    """Mill a dataset with a column `text`; its rows come back with the columns of `Pipeline.process`.

    A worker uses the threads that the pipeline asks for; `options` are those of `map_batches`, such as `num_cpus`.
    """
    _check_places(pipeline)
    return dataset.map_batches(
        _Mill,
        fn_constructor_args=(pipeline,),
        batch_format="pyarrow",
        batch_size=batch_size,
        concurrency=concurrency,
        **options,
    )


def look(dataset: Dataset, pipeline: Pipeline, *, batch_size: int = 1024) -> None:
    """Show a dataset to the stages that look at the corpus; `process` and `partials` then know it."""
    _check_places(pipeline)
    while pipeline.needs_look:
        pipeline.end_look(_of_all(dataset, pipeline, _parts.seen, batch_size))


def partials(dataset: Dataset, pipeline: Pipeline, *, batch_size: int = 1024) -> list[bytes]:
    """Fold a dataset for the corpus stages, a part for each batch; for `hanmill.merge`."""
    _check_places(pipeline)
    return _of_all(dataset, pipeline, _parts.folded, batch_size)


def _of_all(dataset, pipeline: Pipeline, part, batch_size: int) -> list[bytes]:
    import pyarrow as pa

    if pipeline.place is None:
        try:
            from ray.data.expressions import monotonically_increasing_id
        except ImportError:
            pass  # An older Ray: rows are counted within each batch.
        else:
            dataset = dataset.with_column(_parts.PLACE, monotonically_increasing_id())
            pipeline = pipeline._at(_parts.PLACE)

    def of_batch(batch):
        return pa.table({"part": pa.array([part(pipeline, [batch])], pa.large_binary())})

    parts = dataset.map_batches(of_batch, batch_format="pyarrow", batch_size=batch_size)
    return _parts.in_order(row["part"] for row in parts.iter_rows())


def _check_places(pipeline: Pipeline) -> None:
    if pipeline.place is None and pipeline._get().needs_all():
        raise ValueError(
            "the pipeline has to know documents again from one job to the next, and Ray numbers rows anew in "
            "each; name a column of integers that does: Pipeline(…, place=COLUMN)"
        )
