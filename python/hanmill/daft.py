"""hanmill over a DataFrame of Daft."""

from __future__ import annotations

from . import Pipeline


def process(df, pipeline: Pipeline):
    """Mill a DataFrame with a column `text`; its rows come back with the columns of `Pipeline.process`."""
    import daft
    import pyarrow as pa

    names = df.column_names
    empty = df.schema().to_pyarrow_schema().empty_table()
    schema = pipeline.process(empty, fold=False).schema
    struct = daft.DataType.from_arrow_type(pa.struct(list(schema)))

    @daft.func.batch(return_dtype=struct)
    def mill(*columns):
        arrays = [column.to_arrow() for column in columns]
        milled = pipeline.process(pa.table(arrays, names=names), fold=False).combine_chunks()
        return daft.Series.from_arrow(milled.to_struct_array(), "milled")

    milled = df.select(mill(*(daft.col(name) for name in names)).alias("milled"))
    return milled.select(*(daft.col("milled").get(name).alias(name) for name in schema.names))


def partials(df, pipeline: Pipeline) -> list[bytes]:
    """Fold a DataFrame for the corpus stages, a part for each of its batches, in order; for `hanmill.merge`."""
    import daft
    import pyarrow as pa

    names = df.column_names

    @daft.func.batch(return_dtype=daft.DataType.binary())
    def fold(*columns):
        arrays = [column.to_arrow() for column in columns]
        # One of its own, so that a batch that has to be done again counts once.
        mill = pipeline.for_partition(0)
        mill.process(pa.table(arrays, names=names))
        # A column has to be as long as the batch; the part stands in its first row.
        part = [mill.partial()] + [None] * (len(arrays[0]) - 1)
        return daft.Series.from_arrow(pa.array(part[: len(arrays[0])], pa.large_binary()), "partial")

    folded = df.select(fold(*(daft.col(name) for name in names)).alias("partial"))
    return [part for part in folded.to_pydict()["partial"] if part is not None]
