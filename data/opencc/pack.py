"""Packs OpenCC's dictionaries and conversions.

    python pack.py dictionaries FOLDER | gzip -9n > dictionaries.txt.gz
    python pack.py configs FOLDER > configs.txt

FOLDER is the unpacked wheel of OpenCC, with `opencc/clib` in it.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

# In the order of `stages/convert/layout.rs`.
CONFIGS = "t2s s2t s2tw s2twp s2hk s2hkp t2tw t2hk t2jp tw2s tw2sp tw2t hk2s hk2sp hk2t jp2t"


def dictionaries(clib):
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "dictionary.txt"
        for packed in sorted((clib / "share" / "opencc").glob("*.ocd2")):
            command = [clib / "bin" / "opencc_dict", "-f", "ocd2", "-t", "text", "-i", packed, "-o", text]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(f"[{packed.stem}]")
            for line in sorted(text.read_text(encoding="utf-8").splitlines()):
                word, values = line.split("\t")
                # The first value is the one that a conversion takes.
                print(word, values.split(" ")[0], sep="\t")


def configs(clib):
    for config in CONFIGS.split():
        rules = json.loads((clib / "share" / "opencc" / f"{config}.json").read_text(encoding="utf-8"))
        normalized_by = [name(step["dict"]) for step in rules["normalization"]]
        assert normalized_by == ["CJK_Compatibility_Ideographs"], config
        if "segmentation" in rules:
            print(config, "segment", *unions(rules["segmentation"]["dict"]))
        for step in rules["conversion_chain"]:
            print(config, "step", *unions(step["dict"]))


def name(rule):
    stem = rule["file"].removesuffix(".ocd2")
    return stem + "?" if rule.get("may_output_tofu") else stem


def unions(rule):
    """Returns the dictionaries of a group, the first of which wins; those of a union as one."""
    if rule["type"] != "group":
        return [name(rule)]
    inner = [union for part in rule["dicts"] for union in unions(part)]
    return ["|".join(inner)] if rule["match_policy"] == "union" else inner


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    clib = pathlib.Path(sys.argv[2]) / "opencc" / "clib"
    {"dictionaries": dictionaries, "configs": configs}[sys.argv[1]](clib)
