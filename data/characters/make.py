"""Makes frequencies.txt.gz, the statistics that tell one encoding from another.

    python make.py IPADIC_FOLDER MECAB_KO_DIC/sys.dic | gzip -9n > frequencies.txt.gz

Needs `pip install opencc`; reads ../jieba/dict.txt.gz and ../opencc/dictionaries.txt.gz. See README.md
for what the sections are and where the words come from.
"""
import collections
import csv
import gzip
import math
import pathlib
import struct
import sys

import opencc

HERE = pathlib.Path(__file__).parent
# Steps of a cost to one natural logarithm.
STEPS = 8
# Pairs of characters that are kept.
PAIRS = 80_000


def is_han(c):
    return "\u3400" <= c <= "\u9fff" or c == "〇"


def chinese_words():
    with gzip.open(HERE / "../jieba/dict.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            word, count, _ = line.rsplit(" ", 2)
            if all(map(is_han, word)):
                yield word, int(count)


def japanese_words(folder):
    for path in sorted(pathlib.Path(folder).glob("*.csv")):
        for row in csv.reader(path.open(encoding="euc-jp")):
            yield row[0], row[4], int(row[3]) / 700


def korean_words(path):
    data = pathlib.Path(path).read_bytes()
    trie_bytes, token_bytes = struct.unpack_from("<2I", data, 24)
    tokens = 72 + trie_bytes
    features = tokens + token_bytes
    for at in range(tokens, features, 16):
        cost, feature = struct.unpack_from("<hI", data, at + 6)
        start = features + feature
        columns = data[start : data.index(b"\0", start)].decode().split(",")
        if len(columns) > 3:
            yield columns[3], columns[0][0], cost / 800


def counted(words, shares, is_wanted):
    """Counts characters of words whose costs are those of MeCab: -ln of a word's chance in its class.

    `shares` are the classes' shares in running text; what they leave is for all other classes.
    """
    by_class = collections.defaultdict(collections.Counter)
    for word, word_class, cost in words:
        # Words that the makers wanted to win everywhere have negative costs.
        weight = math.exp(-max(cost, 3))
        for c in filter(is_wanted, word):
            by_class[word_class if word_class in shares else ""][c] += weight
    counts = collections.Counter()
    for word_class, chars in by_class.items():
        share = shares.get(word_class, 1 - sum(shares.values()))
        total = sum(chars.values())
        for c, weight in chars.items():
            counts[c] += share * weight / total
    return counts


# Shares of the classes in newspaper prose, rounded: nouns, particles, verbs, auxiliaries; and nouns,
# particles, endings, verbs.
JAPANESE_SHARES = {"名詞": 0.45, "助詞": 0.25, "動詞": 0.15, "助動詞": 0.1}
KOREAN_SHARES = {"N": 0.45, "J": 0.2, "E": 0.2, "V": 0.1}


def print_costs(name, counts):
    total = sum(counts.values())
    by_cost = collections.defaultdict(list)
    for c, count in counts.items():
        by_cost[round(-STEPS * math.log(count / total))].append(c)
    print(f"[{name}]")
    for cost in sorted(by_cost):
        if cost < 256:
            print(cost, "".join(sorted(by_cost[cost])))


def traditional_characters():
    """Returns the simplified form of each character of OpenCC's table that has another."""
    section, forms = "", {}
    with gzip.open(HERE / "../opencc/dictionaries.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("["):
                section = line
            elif section == "[TSCharacters]":
                traditional, simplified = line.split("\t")
                if traditional != simplified and max(traditional, simplified) <= "\uffff":
                    forms[traditional] = simplified
    return forms


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    simplified, traditional = collections.Counter(), collections.Counter()
    pairs, starts, ends, totals = (collections.Counter() for _ in range(4))
    words = list(chinese_words())
    written = [w for w, _ in words]
    variants = []
    for config in ("s2t", "s2tw", "s2hk"):
        converted = opencc.OpenCC(config).convert("\n".join(written)).split("\n")
        assert len(converted) == len(written)
        variants.append(converted)
    for (word, count), *forms in zip(words, *variants):
        for c in word:
            simplified[c] += count
            totals[c] += count
        for form in forms:
            for c in form:
                traditional[c] += count / 3
        starts[word[0]] += count
        ends[word[-1]] += count
        for pair in zip(word, word[1:]):
            pairs[pair] += count
    japanese = counted(
        japanese_words(sys.argv[1]),
        JAPANESE_SHARES,
        lambda c: "\u3041" <= c <= "\u30ff" or is_han(c),
    )
    korean = counted(korean_words(sys.argv[2]), KOREAN_SHARES, lambda c: "\uac00" <= c <= "\ud7a3")
    print_costs("simplified", simplified)
    print_costs("traditional", traditional)
    print_costs("japanese", japanese)
    print_costs("korean", korean)

    print("[forms]")
    print("".join(t + s for t, s in sorted(traditional_characters().items())))

    # How much likelier a character is behind another than by itself.
    n_starts, n_all = sum(starts.values()), sum(totals.values())
    gains = {}
    for (first, second), count in pairs.items():
        chance = count / totals[first] + ends[first] / totals[first] * starts[second] / n_starts
        gain = math.log(chance / (totals[second] / n_all))
        if gain >= 1:
            gains[first, second] = gain
    kept = sorted(gains, key=lambda pair: (-pairs[pair] * gains[pair], pair))[:PAIRS]
    seconds = collections.defaultdict(list)
    for first, second in sorted(kept):
        # A letter a step, from `a` for none.
        seconds[first].append(second + chr(ord("a") + min(25, round(2 * gains[first, second]))))
    print("[pairs]")
    for first in sorted(seconds):
        print(first + "".join(seconds[first]))


main()
