"""A SLURM of one node on this machine: its daemons as plain processes, for tests as root.

Usage: python slurm_cluster.py start|stop FOLDER. Packages of Debian: slurmctld slurmd slurm-client munge.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
REQUEUE_WAIT = 30  # seconds before a requeued job may start: as long as the credentials of its steps hold; else 120
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_wait}
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
ReturnToService=2
SchedulerParameters=requeue_setup_env_fail
MinJobAge=2
KillWait=30
InactiveLimit=0
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=INFINITE State=UP OverTimeLimit=0
"""


def missing() -> str:
    """Why SLURM can't be run here; "" when it can."""
    if os.geteuid() != 0:
        return "a SLURM of one's own needs root"
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
    lacking = [name for name in programs if shutil.which(name) is None]
    return f"there is no {lacking[0]}: apt-get install {' '.join(PACKAGES)}" if lacking else ""


def start(folder: Path) -> None:
    """Start munged, slurmctld and slurmd, and wait until the node takes jobs."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    config = folder / "slurm.conf"
    cpus = len(os.sched_getaffinity(0))
    text = CONFIG.format(host=platform.node(), folder=folder, cpus=cpus, requeue_wait=REQUEUE_WAIT)
    config.write_text(text, encoding="utf-8")
    of_munge = folder / "munge"
    of_munge.mkdir(exist_ok=True)
    key = of_munge / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    for path in (of_munge, key):
        shutil.chown(path, "munge", "munge")
    of_munge.chmod(0o700)
    shutil.chown(folder, "munge")  # its socket lies here
    munged = ("munged", f"--socket={folder}/munge.socket", f"--key-file={key}", f"--pid-file={of_munge}/pid")
    options = (f"--log-file={of_munge}/log", f"--seed-file={of_munge}/seed", "--force")
    subprocess.run(("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", *munged, *options), check=True)
    start_controller(folder)
    subprocess.run(("slurmd", "-f", str(config), "-N", platform.node()), check=True)
    wait_for_node(folder)


def start_controller(folder: Path) -> None:
    subprocess.run(("slurmctld", "-f", str(folder / "slurm.conf")), check=True)


def wait_for_node(folder: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while node_state(folder) not in ("idle", "mixed", "allocated"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the node is {node_state(folder)!r}; see the logs in {folder}")
        time.sleep(0.5)


def node_state(folder: Path) -> str:
    command = ("sinfo", "--noheader", "--format=%T")
    done = subprocess.run(command, capture_output=True, text=True, env=environment(folder), check=False)
    return done.stdout.strip().rstrip("*")


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}


def stop(folder: Path) -> None:
    """End what `start` started, by its ids. Jobs are cancelled first."""
    subprocess.run(("scancel", "--user=root"), env=environment(folder), check=False, timeout=30)
    for file in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
        end(folder / file)


def end(pid_file: Path) -> None:
    if not pid_file.is_file():
        return
    pid = int(pid_file.read_text(encoding="ascii"))
    try:
        os.kill(pid, 15)
        for _ in range(200):
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    if problem := missing():
        sys.exit(problem)
    {"start": start, "stop": stop}[sys.argv[1]](Path(sys.argv[2]).resolve())
