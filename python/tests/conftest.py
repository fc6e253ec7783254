"""A made-up corpus, what the command line makes of it, and the engines there are."""

import functools
import importlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TEXTS = [
    "習近平走進鹽城，聽取關於乾燥與乾隆的介紹。",
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造。",
    "人工智能技術正在改變農業生產，農業機器人進入田間。",
    "我来到北京清华大学，清华大学的图书馆很大。",
    "機器學習需要大量語料，語料質量決定模型質量。",
]

#: Stages of every kind: of one document, of a field, of the whole corpus ahead of the run and behind it.
PIPELINE = """\
input: corpus.jsonl
output: out
stages:
  - repair
  - dedup
  - convert: {config: t2s, when: fields.place != "臺北"}
  - segment: {pos: true, user_dict: words.txt}
  - keywords: {top: 5}
  - report
"""


def rows(n=200):
    """Texts of several lengths, some of them twice."""
    return [
        {
            "id": f"d{at:03}",
            "place": ["臺北", "北京", None][at % 3],
            "text": "".join(TEXTS[(at * k + k) % 5] for k in range(1, 2 + at % 7))
            + ("" if at % 20 == 0 else f"第{at}篇"),
        }
        for at in range(n)
    ]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The corpus and its pipeline."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows()]
    (folder / "corpus.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "words.txt").write_text("农业机器人 5 n\n", encoding="utf-8")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder


@functools.cache
def program():
    """The command line to compare with."""
    built = Path(__file__).parents[2] / "target" / "debug" / "hanmill"
    found = os.environ.get("HANMILL", str(built))
    if not Path(found).exists() and "HANMILL_ENGINES" not in os.environ:
        pytest.skip(f"there is no {found} to compare with; `cargo build` makes it, and HANMILL names another")
    return found


def hanmill(folder, *args):
    """Run the command line in `folder`."""
    ran = subprocess.run([program(), *args], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="session")
def by_command_line(folder):
    """What the command line gives, by the ids of the documents; its results are in `out`."""
    hanmill(folder, "run", "pipeline.yaml")
    return written(folder / "out")


def written(out):
    """What is compared of the documents in the folder of a run."""
    lines = (out / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: seen(row) for row in map(json.loads, lines)}


def kept(rows):
    """What is compared of the rows of a pipeline that were kept."""
    return {row["id"]: seen(row) for row in rows if row["status"] == "kept"}


def seen(row):
    words = [(word["word"], word["weight"], word["count"], word["df"]) for word in row["keywords"] or []]
    return row["text"], list(row["tokens"]), list(row["pos"]), words


def engine(name, module):
    """Import the module of an engine, or skip the test where it is missing.

    Where `HANMILL_ENGINES` names engines, those have to be there.
    """
    if name in os.environ.get("HANMILL_ENGINES", "").split():
        return importlib.import_module(module)
    if name == "spark" and not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    return pytest.importorskip(module, reason=f"{module} is not installed")
