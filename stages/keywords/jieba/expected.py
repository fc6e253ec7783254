"""Writes what jieba 0.42.1 makes of a few sentences, for tests.rs. Usage: python expected.py > expected.jsonl

One line a case: the tokens, then the keywords with their weights, in jieba's order: best first, ties by first appearance.
"""
import json
import random

import jieba
import jieba.analyse
import jieba.posseg

TEXTS = [
    # Repeats, so that counts decide; stop words of jieba's own list in both cases.
    "磨坊主把麦子倒进石磨，石磨转动，麦子变成面粉。面粉装进麻袋，麻袋运到集市。The mill and the river: 石磨靠河水转动。",
    # Names of places and people; three numbers that tie.
    "2009年，苏州河两岸的工厂迁走了37.5%，留下的厂房改成博物馆。张小燕在博物馆讲解苏州河的历史，每年接待12000名观众。",
    # Every word once: the idf alone decides.
    "春雨秋霜，渔舟唱晚，樵夫归山，牧童横笛。",
    # A word next to itself, which is an edge from the word to itself.
    "研究研究研究方法，方法研究方法，语言学家研究语言。语言，语言，语言！",
    # Words that no dictionary holds, English with capitals, words of four characters and more.
    "数据库管理员用Rust重写了分词器，新的分词器比旧的快四倍。数据库管理员说，Rust编译器很严格，但是程序很少崩溃。",
    # Line breaks and white space between paragraphs.
    "  茶马古道\n\n茶马古道从云南出发，经过西藏，到达印度。马帮驮着茶叶，在茶马古道上走了一千年。\n　　马帮的铃声，茶叶的香气，都留在古道上。\n",
    # Nothing that may be a keyword.
    "的，了。《我》？！ 3",
]


# Words of the dictionary at random, some of them often, with Latin, numbers and punctuation between.
jieba.initialize()
RANDOM = random.Random(20261125)
WORDS = sorted(word for word, frequency in jieba.dt.FREQ.items() if frequency > 500)
for _ in range(16):
    few = RANDOM.sample(WORDS, 25)
    signs = ["，", "。", "、", "《", "》", " ", "\n", "GDP", "C++", "the", "2009", "12.5%", "HPLC-ESI-MS"]
    pick = lambda: RANDOM.choice(few if RANDOM.random() < 0.8 else signs)
    TEXTS.append("".join(pick() for _ in range(70)))


def ordered(pairs):
    # As strings, so that a reader gets the same number to the last bit.
    return [[word, repr(weight)] for word, weight in pairs]


for text in TEXTS:
    case = {
        "tokens": list(jieba.cut(text)),
        "tfidf": ordered(jieba.analyse.extract_tags(text, topK=None, withWeight=True)),
        "tagged": [[token.word, token.flag] for token in jieba.posseg.cut(text)],
        "tfidf_ns_n_v": ordered(
            jieba.analyse.extract_tags(text, topK=None, withWeight=True, allowPOS=("ns", "n", "v"))
        ),
        "textrank": ordered(jieba.analyse.textrank(text, topK=None, withWeight=True)),
    }
    print(json.dumps(case, ensure_ascii=False, separators=(",", ":")))
