"""Threads, signals, forks and pickles."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time

import pyarrow as pa
import pytest
from conftest import TEXTS, rows

import hanmill

WORDS = {"convert": hanmill.convert, "segment": hanmill.segment, "keywords": hanmill.keywords}
YAML = "stages: [convert, segment, {keywords: {method: tfidf}}]"


def ticks_during(work):
    """How often another thread gets its turn during `work`, and for how many seconds that is."""
    ticks, is_done = 0, threading.Event()

    def tick():
        nonlocal ticks
        while not is_done.wait(0.002):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    is_done.set()
    thread.join()
    return ticks, seconds


@pytest.mark.parametrize("name", ["convert", "segment", "keywords", "detect", "one text", "process", "look"])
def test_other_threads_run_meanwhile(name):
    texts = ["".join(TEXTS) * 20] * 20
    if name == "process":
        pipeline, table = hanmill.Pipeline.from_yaml(YAML), pa.table({"text": texts})
        works = [lambda: pipeline.process(table)]
    elif name == "look":
        pipeline, table = hanmill.Pipeline.from_yaml("stages: [convert, segment, keywords]"), pa.table({"text": texts})
        works = [lambda: pipeline.look(table)]
    elif name == "detect":
        data = [text.encode("gb18030") for text in texts]
        works = [lambda: hanmill.detect(data)]
    elif name == "one text":
        works = [lambda: hanmill.keywords("".join(texts[:5]))]
    else:
        works = [lambda: WORDS[name](texts)]

    def work():
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            works[0]()

    ticks, seconds = ticks_during(work)
    # With the GIL held, a thread would get a turn between the calls alone.
    assert ticks > seconds / 0.002 / 10, f"{ticks} turns in {seconds:.1f} s"


@pytest.mark.parametrize("name", ["segment", "process", "look"])
def test_an_interrupt_ends_the_work(name):
    texts = pa.array(["".join(TEXTS) * 40]).take(pa.array([0] * 8_000))
    pipeline = hanmill.Pipeline.from_yaml("stages: [convert, segment, keywords]")
    works = {
        "segment": lambda texts: hanmill.segment(texts.to_pylist()),
        "process": lambda texts: pipeline.process(pa.record_batch({"text": texts})),
        "look": lambda texts: pipeline.look(pa.record_batch({"text": texts})),
    }
    began = time.monotonic()
    works[name](texts[:80])
    whole = (time.monotonic() - began) * 100
    interrupt = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    began = time.monotonic()
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        works[name](texts)
    seconds = time.monotonic() - began
    assert seconds < 0.3 + whole / 4, f"{seconds:.1f} s of {whole:.1f} s"
    # All is as it was.
    assert pipeline.process(pa.table({"text": ["漢字"]})).column("text").to_pylist() == ["汉字"]
    assert hanmill.segment(["汉字"] * 2) == [["汉字"]] * 2


def in_child(pipeline, texts):
    table = pa.table({"text": texts})
    return hanmill.segment(texts), hanmill.convert(texts), pipeline.process(table).to_pylist()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_get_threads_of_their_own(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    pipeline = hanmill.Pipeline.from_yaml(YAML)
    texts = [row["text"] for row in rows(50)]
    # Threads of the parent exist by then, and hold what they have worked on.
    expected = in_child(pipeline, texts)
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.starmap_async(in_child, [(pipeline, texts)] * 4).get(timeout=60)
    assert found == [expected] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_pipeline_begins_anew():
    pipeline = hanmill.Pipeline.from_yaml("stages: [segment, {keywords: {method: tfidf}}, report]")
    table = pa.table({"text": [row["text"] for row in rows(20)]})
    pipeline.process(table)
    child = os.fork()
    if child == 0:
        # No exception may get out of here, or there would be two of pytest.
        try:
            nothing = hanmill.Pipeline.from_yaml(pipeline._text).partial()
            os._exit(0 if pipeline.partial() == nothing and pipeline.process(table).num_rows == 20 else 1)
        finally:
            os._exit(2)
    waited = time.monotonic() + 60
    while (status := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > waited:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the child hangs")
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(status[1]) == 0


def test_threads_share_a_pipeline():
    pipeline = hanmill.Pipeline.from_yaml(YAML)
    table = pa.table({"text": [row["text"] for row in rows(50)]})
    expected = pipeline.process(table, fold=False)
    found = []
    threads = [threading.Thread(target=lambda: found.append(pipeline.process(table, fold=False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_pickled_pipeline_finds_its_files(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    pipeline = hanmill.Pipeline.from_yaml("stages: [{segment: {user_dict: words.txt}}]")
    travelled = pickle.dumps(pipeline)
    monkeypatch.chdir(tmp_path)
    milled = pickle.loads(travelled).process(pa.table({"text": ["农业机器人"]}))
    assert milled.column("tokens").to_pylist() == [["农业机器人"]]


def test_it_is_the_installed_package_that_is_tested():
    if "HANMILL_ENGINES" not in os.environ:
        pytest.skip("only of interest where the wheel is installed")
    assert "site-packages" in hanmill.__file__, sys.path
