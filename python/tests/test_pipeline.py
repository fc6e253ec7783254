import pickle

import pyarrow as pa
import pytest
from conftest import rows, seen

import hanmill


def test_documents_are_those_of_the_command_line(folder, by_command_line):
    pipeline = hanmill.Pipeline(folder / "pipeline.yaml")
    table = pipeline.process(pa.Table.from_pylist(rows()))
    assert isinstance(table, pa.Table)
    assert table.column("id").to_pylist() == [row["id"] for row in rows()]
    assert {row["id"]: seen(row) for row in table.to_pylist()} == by_command_line


def test_every_row_comes_back_in_order():
    pipeline = hanmill.Pipeline.from_yaml("stages:\n  - decode\n  - segment\n")
    batch = pa.record_batch(
        {
            "id": [7, 8, 9],
            "text": pa.array(["汉字是文字。".encode("utf-8"), None, b"\x89PNG\r\n\x1a\n" + bytes(50)], pa.binary()),
            "status": ["a", "b", "c"],
        }
    )
    milled = pipeline.process(batch)
    assert isinstance(milled, pa.RecordBatch)
    assert milled.column("id").to_pylist() == [7, 8, 9]
    assert milled.column("status").to_pylist() == ["kept", "quarantined", "quarantined"]
    assert milled.column("status_in").to_pylist() == ["a", "b", "c"]
    assert milled.column("stage").to_pylist() == [None, "source", "decode"]
    assert milled.column("text").to_pylist() == ["汉字是文字。", None, None]
    assert milled.column("encoding")[0]["name"].as_py() == "utf-8"
    assert milled.column("tokens")[0].as_py() == ["汉字", "是", "文字", "。"]


def test_strings_of_any_type_and_empty_batches():
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert]")
    for kind in [pa.string(), pa.large_string(), pa.string_view()]:
        assert pipeline.process(pa.table({"text": pa.array(["漢"], kind)})).column("text").to_pylist() == ["汉"]
    assert pipeline.process(pa.table({"text": pa.array([], pa.string())})).num_rows == 0


def test_mistakes_are_told_at_their_place():
    with pytest.raises(ValueError, match=r"segmnt(.|\n)*segment"):
        hanmill.Pipeline.from_yaml("stages:\n  - segmnt\n")
    with pytest.raises(ValueError, match="no.yaml"):
        hanmill.Pipeline("no.yaml")
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert]")
    with pytest.raises(ValueError, match="no column `text`; its columns: body"):
        pipeline.process(pa.table({"body": ["汉"]}))
    with pytest.raises(ValueError, match="no stage decodes"):
        pipeline.process(pa.table({"text": [b"x"]}))
    with pytest.raises(ValueError, match="neither strings nor bytes"):
        pipeline.process(pa.table({"text": [1]}))


def test_a_pipeline_can_be_pickled(folder):
    pipeline = hanmill.Pipeline(folder / "pipeline.yaml")
    table = pa.Table.from_pylist(rows(5))
    assert pickle.loads(pickle.dumps(pipeline)).process(table) == pipeline.process(table)


def test_parts_merge_to_what_the_command_line_gives(folder, by_command_line, tmp_path):
    parts = []
    for part in range(4):
        mill = hanmill.Pipeline(folder / "pipeline.yaml").for_partition(part)
        mill.process(pa.Table.from_pylist(rows()[part * 50 : part * 50 + 50]))
        parts.append(mill.partial())
    pipeline = hanmill.Pipeline(folder / "pipeline.yaml")
    names = {path.name for path in hanmill.merge(pipeline, parts, tmp_path / "out")}
    assert {"keywords.csv", "report.html", "summary.json", "run.json"} <= names
    expected = (folder / "out" / "keywords.csv").read_bytes()
    assert (tmp_path / "out" / "keywords.csv").read_bytes() == expected
    other = hanmill.Pipeline.from_yaml("stages: [segment, keywords, report]")
    with pytest.raises(ValueError, match="part 0 is of a pipeline with other stages"):
        hanmill.merge(other, parts, tmp_path / "other")
    with pytest.raises(ValueError, match="part 0 is damaged"):
        hanmill.merge(pipeline, [b"x"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_look_at_the_corpus_is_that_of_the_command_line(folder):
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert, segment, keywords]")
    table = pa.Table.from_pylist(rows())
    blind = pipeline.process(table)
    looks = 0
    while pipeline.needs_look:
        seen = []
        for part in range(2):
            pipeline.look(table.slice(part * 100, 100))
            seen.append(pipeline.partial_look())
        pipeline.end_look(seen)
        looks += 1
    assert looks > 0
    milled = pipeline.process(table)
    assert milled.column("keywords") != blind.column("keywords")
    assert pickle.loads(pickle.dumps(pipeline)).process(table) == milled
