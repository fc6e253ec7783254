"""Compares with jieba and OpenCC, text by text and as a list: python compare_speed.py FILE.txt…

Each line is a text. Prints MB of UTF-8 a second of the process's CPU time, after both have started up, and whether all
results are equal. Needs: pip install jieba opencc
"""

import sys
import time

import jieba
import jieba.posseg
import opencc

import hanmill

texts = [line for name in sys.argv[1:] for line in open(name, encoding="utf-8").read().splitlines()]
megabytes = sum(len(text.encode()) for text in texts) / 1e6
print(f"{len(texts)} texts, {megabytes:.2f} MB")


def measure(work):
    """Return what `work` makes of the texts, and the MB of them in a second of CPU time: the best of three runs."""
    found, seconds = None, []
    for _ in range(3):
        began = time.process_time()
        found = work()
        seconds.append(time.process_time() - began)
    return found, megabytes / min(seconds)


def compare(name, theirs, each, as_list):
    theirs, of_them = measure(lambda: [theirs(text) for text in texts])
    ours, one_by_one = measure(lambda: [each(text) for text in texts])
    at_once, of_list = measure(lambda: as_list(texts))
    same = "equal" if ours == theirs and at_once == theirs else "NOT EQUAL"
    print(f"{name:22} {of_them:8.2f}   hanmill {one_by_one:8.1f} one by one {of_list:8.1f} as a list   {same}")


jieba.setLogLevel(60)
jieba.initialize()
jieba.posseg.initialize()
hanmill.segment("汉字", pos=True)
compare("jieba.lcut", jieba.lcut, hanmill.cut, hanmill.cut)
compare(
    "jieba.posseg.lcut",
    lambda text: [(word.word, word.flag) for word in jieba.posseg.lcut(text)],
    lambda text: hanmill.segment(text, pos=True),
    lambda texts: hanmill.segment(texts, pos=True),
)
for config in ["t2s", "s2t", "s2twp"]:
    converter = opencc.OpenCC(config)
    hanmill.convert("汉字", config)
    compare(
        f"opencc {config}",
        converter.convert,
        lambda text, config=config: hanmill.convert(text, config),
        lambda texts, config=config: hanmill.convert(texts, config),
    )
