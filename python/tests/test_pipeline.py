import pickle

import pyarrow as pa
import pytest
from conftest import rows

import hanmill


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


def test_strings_of_any_type():
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert]")
    strings = pa.array(["漢", None, "漢"])
    kinds = [pa.string(), pa.large_string(), pa.string_view()]
    columns = [strings.cast(kind) for kind in kinds] + [strings.dictionary_encode(), strings.slice(0)]
    columns.append(pa.chunked_array([strings[:1], strings[1:]]))
    for column in columns:
        milled = pipeline.process(pa.table({"text": column}))
        assert milled.column("text").to_pylist() == ["汉", None, "汉"]
        assert milled.column("text").type == pa.string()
        assert milled.column("status").to_pylist() == ["kept", "quarantined", "kept"]
    nothing = pipeline.process(pa.table({"text": pa.nulls(2)}))
    assert nothing.column("reason").to_pylist() == ["there is no text"] * 2


def test_bytes_of_any_type():
    pipeline = hanmill.Pipeline.from_yaml("stages: [decode]")
    data = pa.array(["漢字漢字".encode("big5"), None, b"\x89PNG\r\n\x1a\n" + bytes(50)], pa.binary())
    kinds = [pa.binary(), pa.large_binary(), pa.binary_view()]
    for column in [data.cast(kind) for kind in kinds] + [data.dictionary_encode()]:
        milled = pipeline.process(pa.table({"text": column}))
        assert milled.column("status").to_pylist() == ["kept", "quarantined", "quarantined"]
        assert milled.column("text").to_pylist() == ["漢字漢字", None, None]


def test_nothing_comes_of_nothing():
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert, segment]")
    empty = pa.table({"text": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    for batches in [empty, empty.to_reader(), pa.table({"text": pa.chunked_array([], pa.string()), "n": pa.chunked_array([], pa.int64())})]:
        milled = pipeline.process(batches)
        assert milled.num_rows == 0
        assert milled.schema == pipeline.schema(empty.schema)
    batch = pa.RecordBatch.from_pylist([], empty.schema)
    assert pipeline.process(batch).schema == pipeline.schema(empty.schema)


def test_integers_are_signed_as_spark_has_no_others():
    def kinds(kind):
        if pa.types.is_list(kind):
            return kinds(kind.value_type)
        return [kind] if not pa.types.is_struct(kind) else sum((kinds(field.type) for field in kind), [])

    pipeline = hanmill.Pipeline.from_yaml("stages: [segment, keywords]\noutput: {tokens: origins}")
    schema = pipeline.schema(pa.schema({"text": pa.string()}))
    found = sum((kinds(field.type) for field in schema), [])
    assert pa.int64() in found and pa.int32() in found
    assert not any(pa.types.is_unsigned_integer(kind) for kind in found)


def test_other_columns_are_fields():
    pipeline = hanmill.Pipeline.from_yaml('stages: [{convert: {when: fields.n >= 2 and "a" in fields.tags}}]')
    table = pa.table(
        {
            "n": [1, 2, 3],
            "tags": [["a"], ["a", "b"], ["b"]],
            "vector": pa.array([[0.5, 0.25]] * 3, pa.list_(pa.float32(), 2)),
            "raw": [b"\xff"] * 3,
            "text": ["漢"] * 3,
        }
    )
    milled = pipeline.process(table)
    assert milled.column("text").to_pylist() == ["漢", "汉", "漢"]
    assert milled.select(["n", "tags", "vector", "raw"]) == table.select(["n", "tags", "vector", "raw"])


DEDUP = "stages: [dedup, {sample: {documents: 2}}]"


def test_what_has_to_see_all_documents_says_so():
    pipeline = hanmill.Pipeline.from_yaml(DEDUP)
    table = pa.table({"text": ["甲", "乙", "甲", "丙"]})
    with pytest.raises(ValueError, match="`dedup` can do nothing before it was shown all documents"):
        pipeline.process(table)
    pipeline.look(table)
    pipeline.end_look([pipeline.partial_look()])
    with pytest.raises(ValueError, match="`sample` can do nothing"):
        pipeline.process(table)
    pipeline.look(table)
    pipeline.end_look([pipeline.partial_look()])
    stages = pipeline.process(table).column("stage").to_pylist()
    assert stages[2] == "dedup" and sorted(stages, key=str) == [None, None, "dedup", "sample"]


def test_places_tell_documents_apart():
    pipeline = hanmill.Pipeline.from_yaml("stages: [dedup]", place="n")
    table = pa.table({"n": pa.array([7, 3, 5], pa.uint32()), "text": ["甲", "甲", "乙"]})
    pipeline.look(table)
    pipeline.end_look([pipeline.partial_look()])
    # In another order, in other batches, in another process.
    pipeline = pickle.loads(pickle.dumps(pipeline))
    for row, status in [(2, "kept"), (0, "dropped"), (1, "kept")]:
        milled = pipeline.process(table.slice(row, 1))
        assert milled.column("status").to_pylist() == [status]
        assert milled.column_names[:2] == ["n", "text"]
    for column, mistake in [
        (["1"], "column `n`, which tells the places of documents, holds Utf8, not integers"),
        ([-1], "is below 0 in row 0"),
        (pa.array([None], pa.int64()), "is null in row 0"),
    ]:
        with pytest.raises(ValueError, match=mistake):
            pipeline.process(pa.table({"n": column, "text": ["甲"]}))
    with pytest.raises(ValueError, match="no column `n`; its columns: text"):
        pipeline.process(pa.table({"text": ["甲"]}))


def test_mistakes_are_told_at_their_place():
    with pytest.raises(ValueError, match=r"segmnt(.|\n)*segment"):
        hanmill.Pipeline.from_yaml("stages:\n  - segmnt\n")
    with pytest.raises(ValueError, match="no.yaml"):
        hanmill.Pipeline("no.yaml")
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert]")
    with pytest.raises(ValueError, match="no column `text`; its columns: body"):
        pipeline.process(pa.table({"body": ["汉"]}))
    with pytest.raises(ValueError, match="no column `text`, nor any other"):
        pipeline.process(pa.table({}))
    with pytest.raises(ValueError, match=r"pipeline.yaml:3:.*\n(.|\n)*hmn(.|\n)*hmm"):
        hanmill.Pipeline.from_yaml("stages:\n  - segment:\n      hmn: true\n")
    with pytest.raises(ValueError, match="no stage decodes"):
        pipeline.process(pa.table({"text": [b"x"]}))
    with pytest.raises(ValueError, match="neither strings nor bytes"):
        pipeline.process(pa.table({"text": [1]}))


def test_a_pipeline_can_be_pickled():
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert, segment]")
    table = pa.Table.from_pylist(rows(5))
    assert pickle.loads(pickle.dumps(pipeline)).process(table) == pipeline.process(table)


def test_parts_of_another_pipeline_are_refused(tmp_path):
    pipeline = hanmill.Pipeline.from_yaml("stages: [segment, {keywords: {method: tfidf}}, report]")
    pipeline.process(pa.Table.from_pylist(rows(10)))
    parts = [pipeline.partial()]
    names = {path.name for path in hanmill.merge(pipeline, parts, tmp_path / "out")}
    assert {"keywords.csv", "report.html", "summary.json", "run.json"} <= names
    other = hanmill.Pipeline.from_yaml("stages: [segment, keywords, report]")
    with pytest.raises(ValueError, match="part 0 is of a pipeline with other stages"):
        hanmill.merge(other, parts, tmp_path / "other")
    with pytest.raises(ValueError, match="part 0 is damaged"):
        hanmill.merge(pipeline, [b"x"], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_look_at_the_corpus_tells_keywords():
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
