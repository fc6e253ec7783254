"""A mill for Chinese text: decode, repair, convert, segment, keywords and a report.

A `Pipeline` carries batches of Arrow through the stages that a YAML file names. The functions of
this module are single stages for single texts::

    >>> import hanmill
    >>> hanmill.convert("漢字")
    '汉字'
    >>> hanmill.cut("我来到北京清华大学")
    ['我', '来到', '北京', '清华大学']

Each of them takes a string, or a list of strings, which is worked on by all cores.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import NamedTuple

from . import _hanmill
from ._hanmill import __version__

# What belongs to the process that this one was forked from. It is never given back: the threads that would
# have to agree are not here.
_of_the_parent: list[_hanmill.Mill] = []

__all__ = [
    "Encoding",
    "Pipeline",
    "__version__",
    "convert",
    "cut",
    "decode",
    "detect",
    "keywords",
    "merge",
    "repair",
    "segment",
    "tokenize",
]


class Pipeline:
    """The stages of a pipeline file, for batches of Arrow.

    `path` is the pipeline file; its `input` and `output.path` are not used here. Raises `ValueError` with
    every mistake in it, at its line and column.

    `place` names a column of integers that say where in the corpus each row is, such as its number: what
    comes first, and which document is which from one job to the next. Each is unique, and none below 0. Left
    out, rows are counted as they come.

    A pipeline can be pickled, and so travels to the workers of Ray, Spark or Daft: what travels is the
    YAML, the folder that its paths start at, and what `end_look` has left. What was folded does not. In a
    process that was forked it works as in any other, and has folded nothing yet.
    """

    def __init__(
        self, path: str | os.PathLike[str] = "pipeline.yaml", *, place: str | None = None
    ) -> None:
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the pipeline `{path}` can't be read: {error}") from error
        self._init(text, str(path.absolute()), [], 0, place)

    @classmethod
    def from_yaml(
        cls, text: str, base: str | os.PathLike[str] = ".", *, place: str | None = None
    ) -> Pipeline:
        """Make a pipeline of YAML; relative paths in it start at the folder `base`."""
        pipeline = cls.__new__(cls)
        pipeline._init(text, str(Path(base).absolute() / "pipeline.yaml"), [], 0, place)
        return pipeline

    def _init(self, text: str, path: str, looks: list[bytes], partition: int, place: str | None) -> None:
        self._text = text
        self._path = path
        self._looks = looks
        self._partition = partition
        self._place = place
        self._pid = -1
        self._get()

    def _get(self) -> _hanmill.Mill:
        # Threads don't survive a fork.
        if self._pid != os.getpid():
            if self._pid != -1:
                _of_the_parent.append(self._mill)
            self._mill = _hanmill.Mill(self._text, self._path, self._partition, self._place)
            for look in self._looks:
                self._mill.finish_look([look])
            self._pid = os.getpid()
        return self._mill

    def __getstate__(self) -> tuple[str, str, list[bytes], int, str | None]:
        return self._text, self._path, self._looks, self._partition, self._place

    def __setstate__(self, state: tuple[str, str, list[bytes], int, str | None]) -> None:
        self._init(*state)

    def __repr__(self) -> str:
        return f"Pipeline({self._path!r})"

    def process(self, batch, *, fold=True):
        """Mill a batch; every row comes back, in order.

        `batch` is a `pyarrow.RecordBatch`, or a `Table` or a stream of batches, or what another library has
        of that kind. It has a column `text` of strings, or of bytes, which the stage `decode` reads, and may have a
        column `id`. Other columns of strings, numbers, truth values or dates, and lists of them, are the fields
        of the document, which options such as `when` can name. Of a `RecordBatch` comes a `RecordBatch`, of the
        others a `Table`.

        Its columns pass through, with `text` as the stages leave it. Added are `encoding`, `tokens`, `pos`, `keywords`
        and `repairs`, with what else `output.tokens` asks for, and

        * `status`: `kept`, `dropped` or `quarantined`;
        * `stage`: the stage that a document was dropped or failed in;
        * `reason`: why.

        A column that came in under one of these names goes out as `NAME_in`. A row that was not kept has the text
        it came with, or null where that was bytes.

        Corpus stages, such as `report`, fold what they see of the documents, for `partial`; with `fold=False` they
        don't, and nothing is kept of the documents, however many there are. After a `KeyboardInterrupt` some
        rows of the batch may be folded and others not.

        Raises `ValueError` if the batch is not of that kind, or if a stage, such as `dedup`, is still to be
        shown all documents; see `needs_look`.
        """
        return self._get().process(_whole(batch), fold)

    def schema(self, schema):
        """Return the columns that `process` makes of batches with the columns of `schema`."""
        return self._get().schema(schema)

    @property
    def place(self) -> str | None:
        """The column that says where in the corpus each row is, if one was named."""
        return self._place

    def look(self, batch) -> None:
        """Show documents to the stage that has a look at the corpus next.

        Such a stage, as `keywords` where it weighs by the corpus, otherwise knows nothing of the other
        documents; and `dedup` can't work at all. See `needs_look`.
        """
        self._get().look(_whole(batch))

    @property
    def needs_look(self) -> bool:
        """Whether a stage is still to have a look at the corpus ahead of the first document.

        If so, show it all documents, in as many processes as you like, and bring together what they saw::

            while pipeline.needs_look:
                for batch in batches:
                    pipeline.look(batch)
                pipeline.end_look([pipeline.partial_look()])

        Without a column of places, the batches then have to come again as they came. The modules for Daft, Ray
        and Spark have a function `look` that does all this.
        """
        return self._get().n_surveys() > 0

    def partial_look(self) -> bytes:
        """Take out what the documents have shown the stage that looks."""
        return bytes(self._get().store_look())

    def end_look(self, looks) -> None:
        """End the look of one stage with what `partial_look` returned, in every process that looked."""
        self._looks.append(bytes(self._get().finish_look(list(looks))))

    def partial(self) -> bytes:
        """Take out what the corpus stages have folded since the last call, for `merge`.

        As bytes it can be kept in a file, or sent to another machine.
        """
        return bytes(self._get().store())

    def for_partition(self, partition: int) -> Pipeline:
        """Return a pipeline for one of several parts of the corpus, which come in the order of their numbers."""
        pipeline = type(self).__new__(type(self))
        pipeline._init(self._text, self._path, list(self._looks), partition, self._place)
        return pipeline

    def _at(self, place: str | None) -> Pipeline:
        pipeline = type(self).__new__(type(self))
        pipeline._init(self._text, self._path, list(self._looks), self._partition, place)
        return pipeline


def _whole(batch):
    """Make columns anew that lack a buffer, as views do that pyarrow 21 has cast: to read them would crash."""
    types = getattr(getattr(batch, "schema", None), "types", [])
    for at, kind in enumerate(types):
        if str(kind) in ("string_view", "binary_view") and hasattr(batch, "set_column"):
            column = batch.column(at)
            parts = getattr(column, "chunks", [column])
            if any(buffer is None for part in parts for buffer in part.buffers()[2:]):
                import pyarrow as pa

                plain = pa.large_string() if str(kind) == "string_view" else pa.large_binary()
                batch = batch.set_column(at, batch.schema.names[at], pa.array(column.to_pylist(), plain))
    return batch


def merge(pipeline: Pipeline, partials, output: str | os.PathLike[str]) -> list[Path]:
    """Write the results of the corpus stages to the folder `output`, such as the report; return their paths.

    `partials` are what `Pipeline.partial` returned in all processes, in the order of the corpus. Results
    appear together or not at all.
    """
    return [Path(output) / name for name in pipeline._get().finish(list(partials), os.fspath(output))]


class Encoding(NamedTuple):
    """What `detect` has found."""

    encoding: str
    """Name in the WHATWG standard, in lower case, such as `gb18030`."""
    confidence: float
    """Chance that it is right, from 0 to 1."""
    method: str
    """What it rests on, such as `bom` or `detected`."""
    malformed: int
    """Number of spots that are not of this encoding."""


@functools.lru_cache(maxsize=64)
def _chain(folder: str, *stages: str) -> _hanmill.Chain:
    # Relative paths start at the working folder, which belongs to the key for that.
    return _hanmill.Chain(list(stages))


def _stages(*stages: tuple[str, dict]) -> _hanmill.Chain:
    """Return a chain of stages with their options; those that are `None` have their defaults."""
    written = []
    for name, options in stages:
        options = {key: value for key, value in options.items() if value is not None}
        # A dictionary that has changed is read again.
        paths = options.get("user_dict", [])
        paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        stage = json.dumps({name: options}, ensure_ascii=False, default=os.fspath)  # JSON is YAML.
        written.append(stage + "".join(f" # {_stamp(path)}" for path in paths))
    return _chain(os.getcwd(), *written)


def _stamp(path: str | os.PathLike[str]) -> str:
    try:
        stat = os.stat(path)
    except OSError:
        return "missing"
    return f"{stat.st_mtime_ns} {stat.st_size}"


_BYTES = (bytes, bytearray, memoryview)


def _map(work, texts, kind=str):
    if isinstance(texts, kind):
        return work([texts])[0]
    name = "a string" if kind is str else "bytes"
    refused = TypeError(f"this takes {name}, or a list of them, not {type(texts).__name__}")
    if kind is str and isinstance(texts, _BYTES):
        raise TypeError(f"{refused}; `hanmill.decode` makes text of bytes")
    if isinstance(texts, str):
        raise refused
    if hasattr(texts, "to_pylist"):
        texts = texts.to_pylist()
    try:
        texts = list(texts)
    except TypeError:
        raise refused from None
    for at, text in enumerate(texts):
        if not isinstance(text, kind):
            raise TypeError(f"item {at} is {type(text).__name__}, not {name}")
    return work(texts)


def segment(text, *, mode="accurate", hmm=True, pos=False, user_dict=None, **options):
    """Cut text into words: token for token those of jieba 0.42.1.

    `mode` is `accurate`, `search` or `full`; `hmm` guesses words that no dictionary has. With `pos`, each word
    is a pair with its part of speech, as of `jieba.posseg`. `user_dict` is the path of a dictionary in jieba's
    format, or a list of them. `options` are others of the stage `segment`, such as `protect=["url"]`.
    """
    options.update(mode=mode, hmm=hmm, pos=pos, user_dict=user_dict)
    chain = _stages(("segment", options))
    return _map(chain.tagged if pos else chain.words, text)


def cut(sentence, cut_all=False, HMM=True):  # noqa: N803
    """Cut text into words, as `jieba.lcut` does, under its names."""
    return segment(sentence, mode="full" if cut_all else "accurate", hmm=HMM)


def tokenize(text, *, mode="accurate", hmm=True, user_dict=None, **options):
    """Cut text into words with the characters they cover, as `(word, start, end)`, as `jieba.tokenize` does."""
    options.update(mode=mode, hmm=hmm, user_dict=user_dict)
    return _map(_stages(("segment", options)).spans, text)


def convert(text, config="t2s", *, user_dict=None, **options):
    """Convert between the scripts of Chinese, byte for byte as OpenCC; `config` is OpenCC's name, such as `s2twp`.

    `user_dict` is the path of a dictionary in OpenCC's format, or a list of them. `options` are others of the
    stage `convert`.
    """
    options.update(config=config.removesuffix(".json"), user_dict=user_dict)
    return _map(_stages(("convert", options)).texts, text)


def repair(text, **options):
    """Undo mojibake and other damage of a crawl where that is sure; `options` are those of the stage `repair`."""
    return _map(_stages(("repair", options)).texts, text)


def detect(data, **options):
    """Find what bytes are written in; `options` are those of the stage `decode`."""
    chain = _stages(("decode", options))
    return _map(lambda data: [Encoding(*found) for _, found in _decoded(chain, data)], data, _BYTES)


def decode(data, **options):
    """Make text of bytes in whatever encoding; `options` are those of the stage `decode`.

    Malformed spots become U+FFFD; `detect` counts them. Raises `ValueError` for what is no text.
    """
    chain = _stages(("decode", options))
    return _map(lambda data: [text for text, _ in _decoded(chain, data)], data, _BYTES)


def _decoded(chain, data):
    return chain.decoded([bytes(data) for data in data])


def keywords(text, top=20, *, method=None, with_weight=False, user_dict=None, **options):
    """Find the keywords of a text, best first; with `with_weight` as pairs with their weights.

    `method` is one of the stage `keywords`, such as `tfidf` or `textrank`, which give what `jieba.analyse` gives.
    `user_dict` is for the segmentation; `options` are others of the stage `keywords`, such as `pos=["n", "ns"]`.
    """
    options.update(top=top, method=method)
    chain = _stages(("segment", {"pos": True, "user_dict": user_dict}), ("keywords", options))

    def found(texts):
        ranked = chain.keywords(texts)
        return ranked if with_weight else [[word for word, _ in words] for words in ranked]

    return _map(found, text)
