"""What type checkers have to find right; checked by `test_types.py`, and never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hanmill

words: list[str] = hanmill.segment("汉字")
many: list[list[str]] = hanmill.segment(["汉字"], mode="search", user_dict=Path("words.txt"), protect=["url"])
tagged: list[tuple[str, str]] = hanmill.segment("汉字", pos=True)
many_tagged: list[list[tuple[str, str]]] = hanmill.segment(["汉字"], pos=True)
as_jieba: list[str] = hanmill.cut("汉字", HMM=False)
spans: list[tuple[str, int, int]] = hanmill.tokenize("汉字")
converted: str = hanmill.convert("漢字", "s2twp")
all_converted: list[str] = hanmill.convert(("漢字", "字"))
repaired: str = hanmill.repair("汉字")
name: str = hanmill.detect(b"").encoding
text: str = hanmill.decode(b"")
keywords: list[str] = hanmill.keywords("汉字", 5, method="tfidf")
weighted: list[tuple[str, float]] = hanmill.keywords("汉字", with_weight=True)


def mill(batch: Any) -> list[Path]:
    pipeline = hanmill.Pipeline("pipeline.yaml", place="n")
    while pipeline.needs_look:
        pipeline.look(batch)
        pipeline.end_look([pipeline.partial_look()])
    pipeline.process(batch, fold=True)
    return hanmill.merge(pipeline, [pipeline.partial()], "out")


hanmill.segment(b"")  # type: ignore[arg-type]
hanmill.segment("汉字", mode="fine")  # type: ignore[call-overload]
hanmill.keywords("汉字", method="rake")  # type: ignore[call-overload]
