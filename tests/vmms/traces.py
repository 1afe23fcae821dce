"""Lines as QEMU's log backend writes them of a guest's accesses to devices."""

from __future__ import annotations


def access(
    kind: str, region: str, address: int, *, value: int = 0, size: int = 4, cpu: int = 0
) -> str:
    return (
        f"memory_region_ops_{kind} cpu {cpu} mr 0x55bffe7faa40 addr 0x{address:x} "
        f"value 0x{value:x} size {size} name '{region}'\n"
    )


def write(region: str, address: int, *, value: int = 0, size: int = 4, cpu: int = 0) -> str:
    return access("write", region, address, value=value, size=size, cpu=cpu)


def read(region: str, address: int, *, size: int = 4, cpu: int = 0) -> str:
    return access("read", region, address, size=size, cpu=cpu)


def sent(text: str, port: int = 0x2F8) -> str:
    """Return what is traced of a text that a guest sends over a UART."""
    return "".join(write("serial", port, value=ord(char), size=1) for char in text)
