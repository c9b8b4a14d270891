"""Reads a gettext catalogue (.po) and compiles it to what the standard library loads (.mo).

The formats: the manual of GNU gettext, "The Format of PO Files" and "The Format of GNU MO Files".
"""

import ast
import dataclasses
import struct

MAGIC = 0x950412DE
CONTEXT_END = "\x04"
PLURAL_END = "\x00"
HEADER = ""  # the id of the entry that describes the catalogue
FUZZY = "#,"


class CatalogueError(ValueError):
    """A line of a catalogue cannot be understood. The text says which one."""


@dataclasses.dataclass
class _Entry:
    texts: dict[str, str] = dataclasses.field(default_factory=dict)  # by keyword
    fuzzy: bool = False

    @property
    def id(self) -> str:
        context = self.texts.get("msgctxt")
        single = self.texts["msgid"]
        full = single if context is None else context + CONTEXT_END + single
        plural = self.texts.get("msgid_plural")
        return full if plural is None else full + PLURAL_END + plural

    @property
    def translations(self) -> list[str]:
        found = {key: text for key, text in self.texts.items() if key.startswith("msgstr")}
        return [found[key] for key in sorted(found)]


def parse(text: str, name: str) -> dict[str, str]:
    """The finished texts of the catalogue `name`, by id, both as an .mo file writes them.

    What is empty or marked fuzzy is left out: the reader then sees English.
    Raises `CatalogueError`.
    """
    entries: list[_Entry] = []
    entry = _Entry()
    keyword = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        starts_next = line.startswith(("#", "msgctxt", "msgid ")) or not line
        if starts_next and any(key.startswith("msgstr") for key in entry.texts):
            entries.append(entry)
            entry = _Entry()
        if line.startswith(FUZZY) and "fuzzy" in line:
            entry.fuzzy = True
        if not line or line.startswith("#"):
            continue
        head, quote, _ = line.partition('"')
        if quote and head:
            keyword = head.strip()
            entry.texts[keyword] = ""
        try:
            value = ast.literal_eval(line[len(head) :])
            entry.texts[keyword] += value
        except (SyntaxError, ValueError, KeyError, TypeError):
            raise CatalogueError(f"{name}, line {number}: not understood: {line}") from None
    if any(key.startswith("msgstr") for key in entry.texts):
        entries.append(entry)
    return {
        entry.id: PLURAL_END.join(entry.translations)
        for entry in entries
        if all(entry.translations) and (not entry.fuzzy or entry.id == HEADER)
    }


def compile(texts: dict[str, str]) -> bytes:  # noqa: A001 (the word of the trade)
    """`texts` as an .mo file."""
    pairs = [(key.encode(), texts[key].encode()) for key in sorted(texts)]
    ids = b"".join(key + b"\0" for key, _ in pairs)
    start = 7 * 4 + len(pairs) * 16  # bytes: the header and two tables
    id_table, text_table = b"", b""
    id_at, text_at = start, start + len(ids)
    for key, text in pairs:
        id_table += struct.pack("<II", len(key), id_at)
        text_table += struct.pack("<II", len(text), text_at)
        id_at += len(key) + 1
        text_at += len(text) + 1
    header = struct.pack("<7I", MAGIC, 0, len(pairs), 28, 28 + len(pairs) * 8, 0, 0)
    return header + id_table + text_table + ids + b"".join(text + b"\0" for _, text in pairs)
