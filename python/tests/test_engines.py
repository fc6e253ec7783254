"""The same documents and the same results of the corpus, whoever carries the batches."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import engine, hanmill, kept, rows, written

import hanmill as mill

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def pipeline(folder):
    return mill.Pipeline(folder / "pipeline.yaml")


#: What a report says of the files that documents were read from, which those who hand them over don't have.
OF_FILES = re.compile(
    r'nonce[=-]"?\w+|[\d.]+ kB|"b":\d+|"bytes": \d+'
    # A file of documents lies beside the page only if the command line has written it.
    r'| <span[^>]*>Every one is in.*?</a>(?:<span[^>]*>[^<]*</span>)+'
)


def results(out):
    """The results of the corpus, but for what is said of files and of the run."""
    names = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    of_documents = {"documents.jsonl", "dropped.jsonl", "quarantine.jsonl"}
    of_the_run = {"run.json", "report.fold.gz"}

    def text(path):
        # A document of a file is named by its line, one that was handed over by its id.
        by_id = re.sub(r"corpus\.jsonl:(\d+)", lambda line: f"d{int(line[1]) - 1:03}", path.read_text(encoding="utf-8"))
        return OF_FILES.sub("", by_id)

    return {
        name: text(path)
        for name, path in names.items()
        if name not in of_documents | of_the_run
    }


def check_merged(pipeline, partials, folder, tmp_path):
    assert partials
    mill.merge(pipeline, partials, tmp_path / "out")
    check_results(tmp_path / "out", folder / "out")


def check_results(merged, expected):
    merged, expected = results(merged), results(expected)
    assert "keywords.csv" in merged and "report.html" in merged and merged.keys() == expected.keys()
    differ = [name for name in merged if merged[name] != expected[name]]
    assert not differ


def test_shards(folder, by_command_line, tmp_path):
    folders = []
    for at in (2, 1, 3):
        hanmill(folder, "run", "--shard", f"{at}/3", "--output", str(tmp_path / "run"), "pipeline.yaml")
        folders.append(tmp_path / f"run/shards/{at}-of-3")
    hanmill(folder, "merge", "--output", str(tmp_path / "out"), *map(str, folders))
    assert written(tmp_path / "out") == by_command_line
    check_results(tmp_path / "out", folder / "out")


def test_one_process(pipeline, folder, by_command_line, tmp_path):
    table = pa.Table.from_pylist(rows())
    while pipeline.needs_look:
        for batch in table.to_batches(max_chunksize=30):
            pipeline.look(batch)
        pipeline.end_look([pipeline.partial_look()])
    milled = pipeline.process(table)
    assert kept(milled.to_pylist()) == by_command_line
    check_merged(pipeline, [pipeline.partial()], folder, tmp_path)


def test_daft(pipeline, folder, by_command_line, tmp_path):
    daft = engine("daft", "daft")
    from hanmill.daft import look, partials, process

    df = daft.from_arrow(pa.Table.from_pylist(rows())).into_batches(70)
    look(df, pipeline)
    milled = process(df, pipeline).to_arrow()
    assert kept(milled.to_pylist()) == by_command_line
    assert milled.column_names == pipeline.schema(df.schema().to_pyarrow_schema()).names
    check_merged(pipeline, partials(df, pipeline), folder, tmp_path)


def test_ray(folder, by_command_line, tmp_path):
    ray = engine("ray", "ray")
    engine("ray", "ray.data")
    from hanmill.ray import look, partials, process

    numbered = [{**row, "n": n} for n, row in enumerate(rows())]
    ray.init(num_cpus=2, include_dashboard=False, ignore_reinit_error=True)
    try:
        tables = [pa.Table.from_pylist(numbered[:90]), pa.Table.from_pylist(numbered[90:])]
        dataset = ray.data.from_arrow(tables)
        with pytest.raises(ValueError, match="place=COLUMN"):
            look(dataset, mill.Pipeline(folder / "pipeline.yaml"))
        pipeline = mill.Pipeline(folder / "pipeline.yaml", place="n")
        look(dataset, pipeline, batch_size=64)
        milled = process(dataset, pipeline, batch_size=64).take_all()
        assert kept(milled) == by_command_line
        check_merged(pipeline, partials(dataset, pipeline, batch_size=64), folder, tmp_path)
    finally:
        ray.shutdown()


def test_spark(pipeline, folder, by_command_line, tmp_path, monkeypatch):
    engine("spark", "pyspark")
    from pyspark.sql import SparkSession

    from hanmill.spark import look, partials, process

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 30)
        # Parts in the order of the rows.
        df = session.createDataFrame(session.sparkContext.parallelize(rows(), 3), "id string, place string, text string")
        look(df, pipeline)
        milled = process(df, pipeline).toArrow().to_pylist()
        assert kept(milled) == by_command_line
        check_merged(pipeline, partials(df, pipeline), folder, tmp_path)
    finally:
        session.stop()


@pytest.mark.parametrize("name", ["daft", "ray", "spark"])
def test_examples(name, folder, by_command_line, tmp_path):
    engine(name, {"daft": "daft", "ray": "ray.data", "spark": "pyspark"}[name])
    numbered = [{**row, "n": n} for n, row in enumerate(rows())]
    pyarrow.parquet.write_table(pa.Table.from_pylist(numbered), tmp_path / "in.parquet")
    example = [sys.executable, str(EXAMPLES / f"with_{name}.py"), "in.parquet", "milled"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    ran = subprocess.run(
        [*example, str(folder / "pipeline.yaml")], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    milled = pyarrow.parquet.read_table(tmp_path / "milled").to_pylist()
    assert kept(milled) == by_command_line
    check_results(tmp_path / "milled.report", folder / "out")
