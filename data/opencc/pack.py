"""Packs OpenCC's dictionaries: `python pack.py FOLDER | gzip -9n > dictionaries.txt.gz`.

FOLDER is the unpacked wheel of OpenCC, with `opencc/clib` in it.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.stdout.reconfigure(encoding="utf-8", newline="\n")
clib = pathlib.Path(sys.argv[1]) / "opencc" / "clib"
with tempfile.TemporaryDirectory() as folder:
    text = pathlib.Path(folder) / "dictionary.txt"
    for packed in sorted((clib / "share" / "opencc").glob("*.ocd2")):
        if packed.stem == "CJK_Compatibility_Ideographs":
            continue  # a part of Unicode, which opencc-fmmseg has
        command = [clib / "bin" / "opencc_dict", "-f", "ocd2", "-t", "text", "-i", packed, "-o", text]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"[{packed.stem}]")
        for line in sorted(text.read_text(encoding="utf-8").splitlines()):
            word, values = line.split("\t")
            # The first value is the one that a conversion takes.
            print(word, values.split(" ")[0], sep="\t")
