"""User-mode Linux: a real kernel that runs as a process, on this host's files; for a few seconds.

Source: Documentation/virt/uml/user_mode_linux_howto_v2.rst.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = shutil.which("linux.uml")
_MODULES = ("block/loop", "md/dm-mod", "md/dm-bufio", "md/dm-snapshot", "md/dm-zero")
_TREE = Path(__file__).parents[1]


def run(folder: Path, *arguments: str, memory_mib: int = 2048, timeout_s: float = 120) -> str:
    """Run Python with *arguments* as root of a new kernel, in a tmpfs; return what it printed.

    Raises:
        AssertionError: it failed; the message has all it printed.
    """
    assert PROGRAM is not None, "install user-mode-linux"
    start, output = folder / "start", folder / "output"
    python = shlex.join([sys.executable, *arguments])
    modules = " ".join(_MODULES)
    start.write_text(
        f"""#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
[ -e /dev/loop-control ] || mount -t devtmpfs dev /dev
mount -t tmpfs -o size=75% run /run
mkdir /run/work
for name in {modules}; do
    file=/usr/lib/uml/modules/$(uname -r)/kernel/drivers/$name.ko
    [ ! -e $file ] || insmod $file
done
export PATH={shlex.quote(str(Path(sys.executable).parent))}:/usr/sbin:/usr/bin:/sbin:/bin
export PYTHONPATH={_TREE}/src:{_TREE} PYTHONDONTWRITEBYTECODE=1
cd /run/work
{python} >{output} 2>&1
echo "status $?" >>{output}
exec {sys.executable} -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
"""
    )
    start.chmod(0o755)
    argv = [PROGRAM, f"mem={memory_mib}M", "rootfstype=hostfs", "rootflags=/", "rw"]
    argv += [f"init={start}", "con=null", "con0=null,fd:1", f"umid=bootwright-{folder.name}"]
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s
    )
    said = output.read_text() if output.exists() else ""
    assert said.endswith("status 0\n"), said or done.stdout + done.stderr
    return said.removesuffix("status 0\n")
