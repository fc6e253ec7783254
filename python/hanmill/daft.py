"""hanmill over a DataFrame of Daft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import Pipeline, _parts

if TYPE_CHECKING:
    from daft import DataFrame


def process(df: DataFrame, pipeline: Pipeline) -> DataFrame:
    """Mill a DataFrame with a column `text`; its rows come back with the columns of `Pipeline.process`."""
    import daft
    import pyarrow as pa

    df, pipeline = _placed(df, pipeline)
    names = df.column_names
    schema = pipeline.schema(df.schema().to_pyarrow_schema())
    struct = daft.DataType.from_arrow_type(pa.struct(list(schema)))

    @daft.func.batch(return_dtype=struct)
    def mill(*columns):
        arrays = [column.to_arrow() for column in columns]
        milled = pipeline.process(pa.table(arrays, names=names), fold=False).combine_chunks()
        return daft.Series.from_arrow(milled.to_struct_array(), "milled")

    milled = df.select(mill(*(daft.col(name) for name in names)).alias("milled"))
    names_out = [name for name in schema.names if name != _parts.PLACE]
    return milled.select(*(daft.col("milled").get(name).alias(name) for name in names_out))


def look(df: DataFrame, pipeline: Pipeline) -> None:
    """Show a DataFrame to the stages that look at the corpus; `process` and `partials` then know it."""
    while pipeline.needs_look:
        pipeline.end_look(_of_all(df, pipeline, _parts.seen))


def partials(df: DataFrame, pipeline: Pipeline) -> list[bytes]:
    """Fold a DataFrame for the corpus stages, a part for each of its batches, in order; for `hanmill.merge`."""
    return _of_all(df, pipeline, _parts.folded)


def _of_all(df, pipeline: Pipeline, part) -> list[bytes]:
    import daft
    import pyarrow as pa

    df, pipeline = _placed(df, pipeline)
    names = df.column_names

    @daft.func.batch(return_dtype=daft.DataType.binary())
    def of_batch(*columns):
        table = pa.table([column.to_arrow() for column in columns], names=names)
        # A column has to be as long as the batch; the part stands in its first row.
        rows = [part(pipeline, [table])] + [None] * (table.num_rows - 1)
        return daft.Series.from_arrow(pa.array(rows[: table.num_rows], pa.large_binary()), "part")

    parts = df.select(of_batch(*(daft.col(name) for name in names)).alias("part")).to_pydict()["part"]
    return _parts.in_order(part for part in parts if part is not None)


def _placed(df, pipeline: Pipeline):
    from daft.functions import monotonically_increasing_id

    if pipeline.place is not None:
        return df, pipeline
    return df.with_column(_parts.PLACE, monotonically_increasing_id()), pipeline._at(_parts.PLACE)
