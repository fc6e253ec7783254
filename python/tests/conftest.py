"""A made-up corpus, and what the command line makes of it."""

import json
import os
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

PIPELINE = """\
input: corpus.jsonl
output: out
stages:
  - repair
  - convert: {config: t2s}
  - segment: {pos: true}
  - keywords: {top: 5, method: tfidf}
  - report
"""


def rows(n=200):
    return [
        {"id": f"d{at:03}", "text": "".join(TEXTS[(at * k + k) % 5] for k in range(1, 2 + at % 7)) + f"第{at}篇"}
        for at in range(n)
    ]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows()]
    (folder / "corpus.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def by_command_line(folder):
    """What the command line gives, with the folder of its results."""
    built = Path(__file__).parents[2] / "target" / "debug" / "hanmill"
    program = os.environ.get("HANMILL", str(built))
    subprocess.run([program, "run", "pipeline.yaml"], cwd=folder, check=True, capture_output=True)
    lines = (folder / "out" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: seen(row) for row in map(json.loads, lines)}


def seen(row):
    """What is compared of a document."""
    words = [(keyword["word"], keyword["weight"], keyword["count"]) for keyword in row["keywords"] or []]
    return row["text"], list(row["tokens"]), list(row["pos"]), words
