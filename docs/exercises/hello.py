"""Write a tiny Linux program that says hello: python3 hello.py amd64 or arm64.

It is for the exercise on two platforms, because few machines have a compiler for another machine.
"""

import struct
import sys

ADDRESS = 0x400000  # where the program is in memory
HEADERS = 64 + 56  # bytes: one of the file, one of its only part


def program(machine: str) -> bytes:
    """Return the file: write(1, text, length), then exit(0)."""
    text = f"hello from a program for {machine}\n".encode()
    if machine == "amd64":
        code = b"\xb8\1\0\0\0\xbf\1\0\0\0"  # eax = write, edi = 1
        code += b"\xbe" + struct.pack("<I", ADDRESS + HEADERS + 31)  # esi = text
        code += b"\xba" + struct.pack("<I", len(text)) + b"\x0f\5"  # edx = length, call
        code += b"\xb8\x3c\0\0\0\x31\xff\x0f\5"  # eax = exit, edi = 0, call
    elif machine == "arm64":
        write = [0xD2800020, 0x100000E1, 0xD2800002 | len(text) << 5, 0xD2800808, 0xD4000001]
        code = struct.pack("<8I", *write, 0xD2800000, 0xD2800BA8, 0xD4000001)
    else:
        sys.exit(f"{machine!r} is neither amd64 nor arm64")
    kind = {"amd64": 62, "arm64": 183}[machine]
    size = HEADERS + len(code) + len(text)
    file = struct.pack(
        "<HHIQQQIHHHHHH", 2, kind, 1, ADDRESS + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    part = struct.pack("<IIQQQQQQ", 1, 5, 0, ADDRESS, ADDRESS, size, size, 0x10000)
    return b"\x7fELF\2\1\1" + bytes(9) + file + part + code + text


sys.stdout.buffer.write(program(sys.argv[1]))
