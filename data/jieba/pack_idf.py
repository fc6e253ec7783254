"""Packs jieba's idf.txt by value: `python pack_idf.py < idf.txt | gzip -9n > idf_by_value.txt.gz`."""
import collections
import sys

sys.stdin.reconfigure(encoding="utf-8")
sys.stdout.reconfigure(encoding="utf-8")
words = collections.defaultdict(list)
for line in sys.stdin:
    word, value = line.split()
    words[value].append(word)
for value in sorted(words, key=float):
    print(value, *sorted(words[value]))
