"""Writes what OpenCC itself makes of words of its dictionaries, put together at random.

`pip install opencc==1.4.2`, then `python expected.py | gzip -9n > expected.tsv.gz`, in this folder.
Lines of a conversion, a text and what OpenCC makes of it, separated by tabs.
"""
import gzip
import pathlib
import random
import sys

import opencc

PER_CONFIG = 600
data = pathlib.Path(__file__).parents[3] / "data" / "opencc"
sections = gzip.open(data / "dictionaries.txt.gz", "rt", encoding="utf-8").read().split("[")[1:]
words = {}
for section in sections:
    name, lines = section.split("]\n")
    words[name] = [line.split("\t") for line in lines.splitlines()]
groups = {}
for line in (data / "configs.txt").read_text(encoding="utf-8").splitlines():
    config, _, *names = line.split(" ")
    names = [name.rstrip("?") for union in names for name in union.split("|")]
    groups.setdefault(config, []).extend(name for name in names if name not in groups.get(config, []))
simplified = dict(words["TSCharacters"])
usual = [key for key, _ in words["CJK_Compatibility_Ideographs"]]
sys.stdout.reconfigure(encoding="utf-8", newline="\n")
choose = random.Random(1)


def piece(config):
    kind = choose.random()
    key, value = choose.choice(words[choose.choice(groups[config])])
    if kind < 0.5:
        return key
    if kind < 0.6:
        return value
    if kind < 0.8:
        return "".join(simplified.get(c, c) for c in choose.choice([key, value]))
    if kind < 0.85:
        return key[: choose.randrange(len(key)) + 1]
    if kind < 0.9:
        return choose.choice(["，", "。", " ", "SQL", "U", "A", "3", "é", "\U00020000"])
    if kind < 0.93:
        return choose.choice(usual)
    if kind < 0.96:
        return chr(choose.randrange(0x2FF0, 0x3000))
    return chr(choose.randrange(0x4E00, 0xA000))


for config in groups:
    converter = opencc.OpenCC(config)
    for _ in range(PER_CONFIG):
        text = "".join(piece(config) for _ in range(choose.randrange(2, 9)))
        print(config, text, converter.convert(text), sep="\t")
