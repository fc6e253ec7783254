"""hanmill over a DataFrame of Spark, by `mapInArrow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import Pipeline, _parts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def process(df: DataFrame, pipeline: Pipeline) -> DataFrame:
    """Mill a DataFrame with a column `text`; its rows come back with the columns of `Pipeline.process`."""
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    df, pipeline = _placed(df, pipeline)
    schema = pipeline.schema(to_arrow_schema(df.schema))
    names = [name for name in schema.names if name != _parts.PLACE]

    def mill(batches):
        for batch in batches:
            yield pipeline.process(batch, fold=False).select(names)

    return df.mapInArrow(mill, from_arrow_schema(pa.schema([schema.field(name) for name in names])))


def look(df: DataFrame, pipeline: Pipeline) -> None:
    """Show a DataFrame to the stages that look at the corpus; `process` and `partials` then know it."""
    while pipeline.needs_look:
        pipeline.end_look(_of_all(df, pipeline, _parts.seen))


def partials(df: DataFrame, pipeline: Pipeline) -> list[bytes]:
    """Fold a DataFrame for the corpus stages, a part for each partition, in order; for `hanmill.merge`."""
    return _of_all(df, pipeline, _parts.folded)


def _of_all(df, pipeline: Pipeline, part) -> list[bytes]:
    df, pipeline = _placed(df, pipeline)

    def of_partition(batches):
        import pyarrow as pa

        yield pa.record_batch({"part": [part(pipeline, batches)]})

    rows = df.mapInArrow(of_partition, "part binary").collect()
    return _parts.in_order(bytes(row.part) for row in rows)


def _placed(df, pipeline: Pipeline):
    from pyspark.sql.functions import monotonically_increasing_id

    if pipeline.place is not None:
        return df, pipeline
    return df.withColumn(_parts.PLACE, monotonically_increasing_id()), pipeline._at(_parts.PLACE)
