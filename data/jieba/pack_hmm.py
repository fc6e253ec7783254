"""Packs jieba's hidden Markov models as text.

    python pack_hmm.py words | gzip -9n > hmm_words.txt.gz
    python pack_hmm.py tags | gzip -9n > hmm_tags.txt.gz

Needs `pip install jieba==0.42.1`. A line is a kind and its fields, with tabs between:

    start  STATE  LOG_PROBABILITY
    next   STATE  STATE  LOG_PROBABILITY
    emit   LOG_PROBABILITY  STATE  CHARACTERS      every character with this value in this state
    may    STATES  CHARACTERS                      `tags` only: where these are not the states that emit them;
                                                   no states at all stand for every state

A state is B, E, M or S (begin, end, middle, single), followed by a tag in the model `tags`.
"""
import collections
import sys

sys.stdout.reconfigure(encoding="utf-8", newline="\n")
if sys.argv[1] == "words":
    from jieba.finalseg.prob_emit import P as emit
    from jieba.finalseg.prob_start import P as start
    from jieba.finalseg.prob_trans import P as trans

    may = {}
else:
    from jieba.posseg.char_state_tab import P as may
    from jieba.posseg.prob_emit import P as emit
    from jieba.posseg.prob_start import P as start
    from jieba.posseg.prob_trans import P as trans


def row(*fields):
    print(*fields, sep="\t")


for state in sorted(start):
    row("start", "".join(state), repr(float(start[state])))
for state in sorted(trans):
    for after in sorted(trans[state]):
        row("next", "".join(state), "".join(after), repr(float(trans[state][after])))
for state in sorted(emit):
    characters = collections.defaultdict(list)
    for character, value in emit[state].items():
        # jieba looks at no other character.
        if "\u4e00" <= character <= "\u9fd5":
            characters[value].append(character)
    for value in sorted(characters):
        row("emit", repr(float(value)), "".join(state), "".join(sorted(characters[value])))
characters = collections.defaultdict(list)
for character in sorted(set(may).union(*emit.values()) if may else []):
    states = sorted("".join(state) for state in may.get(character, []))
    if states != sorted("".join(state) for state in emit if character in emit[state]):
        characters[" ".join(states)].append(character)
for states in sorted(characters):
    row("may", states, "".join(characters[states]))
