"""hanmill over a dataset of Ray Data, by `map_batches`."""

from __future__ import annotations

from . import Pipeline


class _Mill:
    """What a worker keeps from one batch to the next."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __call__(self, batch):
        return self._pipeline.process(batch, fold=False)


def process(dataset, pipeline: Pipeline, *, concurrency: int = 1, batch_size: int = 1024, **options):
    """Mill a dataset with a column `text`; its rows come back with the columns of `Pipeline.process`.

    A worker uses the threads that the pipeline asks for; `options` are those of `map_batches`, such as `num_cpus`.
    """
    return dataset.map_batches(
        _Mill,
        fn_constructor_args=(pipeline,),
        batch_format="pyarrow",
        batch_size=batch_size,
        concurrency=concurrency,
        **options,
    )


def partials(dataset, pipeline: Pipeline, *, batch_size: int = 1024) -> list[bytes]:
    """Fold a dataset for the corpus stages, a part for each batch; for `hanmill.merge`."""

    def fold(batch):
        import pyarrow as pa

        # One of its own, so that a batch that has to be done again counts once.
        mill = pipeline.for_partition(0)
        mill.process(batch)
        return pa.table({"partial": [mill.partial()]})

    folded = dataset.map_batches(fold, batch_format="pyarrow", batch_size=batch_size)
    return [row["partial"] for row in folded.iter_rows()]
