"""Writes what jieba itself makes of texts put together at random.

`pip install jieba==0.42.1`, then `python expected.py | gzip -9n > expected.jsonl.gz`, in this folder.
A line is an array: how the text is cut, the user's dictionary, the text, and the tokens. Tokens with
parts of speech are `word/tag`.
"""
import json
import logging
import pathlib
import random
import string
import sys

import jieba
import jieba.finalseg
import jieba.posseg

N_TEXTS = 3_900
N_TAGGED = 600
N_DICTIONARIES = 48
TEXTS_PER_DICTIONARY = 8

jieba.setLogLevel(logging.WARNING)
jieba.initialize()
sys.stdout.reconfigure(encoding="utf-8", newline="\n")
choose = random.Random(1)
lines = (pathlib.Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
words = [line.split(" ")[0] for line in lines]
frequent = [line.split(" ")[0] for line in lines if int(line.split(" ")[1]) > 300]
with_ascii = [word for word in words if any(c.isascii() for c in word)]
well_known = ["AT&T", "C++", "c#", "T恤", "4S店", "CALL机", "IP地址", "卡拉OK", "3.14%", "v1.2.3-beta"]
traditional = ["臺灣", "語言", "處理", "國際", "電腦", "網路", "資訊", "軟體", "學習", "頭髮", "乾燥", "乾隆", "裡面"]
spaces = [" ", "\t", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u2028", "\u3000"]
strange = ["\0", "\u200b", "\ufeff", "é", "ß", "ア", "한", "Ａ", "１", "²", "〇", "\u9fd5", "\u9fd6", "㐀", "\uf900", "·"]
emoji = ["😀", "👨\u200d👩\u200d👧", "👍🏽", "🇨🇳", "❤\ufe0f", "3\ufe0f\u20e3", "\U00020000", "\U0002f800", "\U0001f004"]


def some(pieces, least, most):
    return "".join(choose.choice(pieces) for _ in range(choose.randint(least, most)))


def piece():
    kind = choose.random()
    if kind < 0.34:
        return choose.choice(choose.choice([words, frequent]))
    if kind < 0.40:
        return choose.choice(choose.choice([with_ascii, well_known, traditional]))
    if kind < 0.53:
        return "".join(choose.choice(words)[0] for _ in range(choose.randint(1, 5)))
    if kind < 0.60:
        return "".join(chr(choose.randint(0x4E00, 0x9FFF)) for _ in range(choose.randint(1, 3)))
    if kind < 0.68:
        return some("abcXYZ0129", 1, 6)
    if kind < 0.80:
        return some("aB1.+#&._%- ,!/", 1, 6)
    if kind < 0.88:
        return some("，。！？、；：“”（）《》—…～①％＋", 1, 2)
    if kind < 0.94:
        return some(spaces, 1, 2)
    return choose.choice(choose.choice([strange, emoji]))


def text(most):
    return "".join(piece() for _ in range(choose.randint(1, most)))


def cut(how, tokenizer, sentence):
    if how == "full":
        # Between two of its expressions jieba finds empty words, which are none.
        return [word for word in tokenizer.cut(sentence, cut_all=True) if word]
    if how == "search":
        return list(tokenizer.cut_for_search(sentence))
    return list(tokenizer.cut(sentence, HMM=how == "accurate"))


def tag(how, tagger, sentence):
    return [f"{word}/{tag}" for word, tag in tagger.cut(sentence, HMM=how == "tags")]


def write(*line):
    print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


def is_tagged(how):
    return how.startswith("tags")


for number in range(N_TEXTS):
    sentence = text(choose.choice([3, 8]))
    # Of a text in every way the ways that nothing is known of yet would be the fewest.
    for how in ["accurate", ["without hmm", "search", "full"][number % 3]]:
        write(how, "", sentence, cut(how, jieba, sentence))
for _ in range(N_TAGGED):
    # Characters that the model doesn't know may be anything, which takes jieba seconds.
    sentence = text(4)[:12]
    for how in ["tags", "tags without hmm"]:
        try:
            write(how, "", sentence, tag(how, jieba.posseg, sentence))
        except ValueError:
            # jieba fails where no state may follow another.
            pass

base = jieba.dt
tags = dict(jieba.posseg.dt.word_tag_tab)


def user_word():
    kind = choose.random()
    if kind < 0.3:
        return choose.choice(words)
    if kind < 0.5:
        return choose.choice(frequent) + choose.choice(frequent)
    if kind < 0.65:
        both = choose.choice(frequent) + choose.choice(frequent)
        at = choose.randrange(len(both))
        return both[at : at + 3]
    if kind < 0.75:
        return "".join(chr(choose.randint(0x4E00, 0x9FD5)) for _ in range(choose.randint(1, 4)))
    if kind < 0.85:
        return choose.choice(words)[0] + some("abAB12", 1, 3)
    if kind < 0.95:
        return some("abAB12+#&._%-", 1, 5)
    return choose.choice(frequent)[0]


def user_line(word):
    kind = choose.random()
    frequency = "" if kind < 0.35 else " 0" if kind < 0.5 else f" {int(10 ** choose.uniform(0, 6))}"
    return word + frequency + choose.choice(["", " nz", " zz"])


for number in range(N_DICTIONARIES):
    # In full mode jieba joins Latin that isn't adjacent, if a user's word leads there. Words with `%` and
    # `-` are never found with parts of speech, and hanmill says so instead.
    last, strangers = [("full", string.printable), ("tags", "%-"), ("tags without hmm", "%-"), (None, "")][number % 4]
    own = [user_word() for _ in range(choose.randint(1, 8))]
    own = [word for word in own if not set(word) & set(strangers)] or ["学生命"]
    dictionary = [user_line(word) for word in own]
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total, tokenizer.initialized = dict(base.FREQ), base.total, True
    # jieba shares these among all tokenizers.
    jieba.finalseg.Force_Split_Words.clear()
    tokenizer.load_userdict(line.encode() for line in dictionary)
    jieba.posseg.dt.tokenizer = tokenizer
    jieba.posseg.dt.word_tag_tab = dict(tags)
    for how in ["accurate", "without hmm", "search", last]:
        for _ in range(TEXTS_PER_DICTIONARY if how else 0):
            pieces = [choose.choice(own) if choose.random() < 0.6 else piece() for _ in range(choose.randint(1, 6))]
            at = choose.randrange(len(pieces))
            pieces[at] = pieces[at][choose.randrange(len(pieces[at])) :]
            sentence = "".join(pieces)[: 12 if is_tagged(how) else None]
            try:
                found = tag(how, jieba.posseg.dt, sentence) if is_tagged(how) else cut(how, tokenizer, sentence)
            except ValueError:
                continue
            write(how, "\n".join(dictionary), sentence, found)
