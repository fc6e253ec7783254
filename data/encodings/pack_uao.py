"""Packs the table of the package uao: `python pack_uao.py | gzip -9n > big5_uao.txt.gz`.

A line a lead byte: its two hex digits and the characters of the trail bytes 40 to 7e and a1 to fe,
with U+FFFD where a pair means nothing.
"""
import sys

from uao.b2u import b2u_table

sys.stdout.reconfigure(encoding="utf-8")
TRAILS = [*range(0x40, 0x7F), *range(0xA1, 0xFF)]
for lead in range(0x81, 0xFF):
    print(f"{lead:02x}", "".join(b2u_table.get(lead << 8 | trail, "\ufffd") for trail in TRAILS))
