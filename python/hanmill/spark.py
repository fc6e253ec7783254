"""hanmill over a DataFrame of Spark, by `mapInArrow`."""

from __future__ import annotations

from . import Pipeline


def process(df, pipeline: Pipeline):
    """Mill a DataFrame with a column `text`; its rows come back with the columns of `Pipeline.process`."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    empty = to_arrow_schema(df.schema).empty_table()
    schema = from_arrow_schema(pipeline.process(empty, fold=False).schema)

    def mill(batches):
        for batch in batches:
            yield pipeline.process(batch, fold=False)

    return df.mapInArrow(mill, schema)


def partials(df, pipeline: Pipeline) -> list[bytes]:
    """Fold a DataFrame for the corpus stages, a part for each partition, in order; for `hanmill.merge`."""

    def fold(batches):
        import pyarrow as pa
        from pyspark import TaskContext

        partition = TaskContext.get().partitionId()
        mill = pipeline.for_partition(partition)
        for batch in batches:
            mill.process(batch)
        yield pa.record_batch({"partition": [partition], "partial": [mill.partial()]})

    rows = df.mapInArrow(fold, "partition long, partial binary").collect()
    return [bytes(row.partial) for row in sorted(rows, key=lambda row: row.partition)]
