"""The same documents, whichever engine carries the batches."""

import sys

import pyarrow as pa
import pytest
from conftest import rows, seen

import hanmill


@pytest.fixture
def pipeline(folder):
    return hanmill.Pipeline(folder / "pipeline.yaml")


def check_merged(pipeline, partials, folder, tmp_path):
    assert partials
    hanmill.merge(pipeline, partials, tmp_path / "out")
    for name in ["keywords.csv"]:
        assert (tmp_path / "out" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_daft(pipeline, folder, by_command_line, tmp_path):
    daft = pytest.importorskip("daft")
    from hanmill.daft import partials, process

    df = daft.from_arrow(pa.Table.from_pylist(rows()))
    milled = process(df, pipeline).to_arrow().to_pylist()
    assert {row["id"]: seen(row) for row in milled} == by_command_line
    check_merged(pipeline, partials(df, pipeline), folder, tmp_path)


def test_ray(pipeline, folder, by_command_line, tmp_path):
    ray = pytest.importorskip("ray")
    from hanmill.ray import partials, process

    ray.init(num_cpus=2, include_dashboard=False, ignore_reinit_error=True)
    try:
        dataset = ray.data.from_arrow([pa.Table.from_pylist(rows()[:90]), pa.Table.from_pylist(rows()[90:])])
        milled = process(dataset, pipeline, batch_size=64).take_all()
        assert {row["id"]: seen(row) for row in milled} == by_command_line
        check_merged(pipeline, partials(dataset, pipeline), folder, tmp_path)
    finally:
        ray.shutdown()


def test_spark(pipeline, folder, by_command_line, tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession

    from hanmill.spark import partials, process

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        df = session.createDataFrame(rows(), "id string, text string").repartition(3)
        milled = process(df, pipeline).toArrow().to_pylist()
        assert {row["id"]: seen(row) for row in milled} == by_command_line
        check_merged(pipeline, partials(df, pipeline), folder, tmp_path)
    finally:
        session.stop()
