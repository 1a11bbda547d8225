"""A Slurm cluster of four nodes on this machine, gone when the test ends.

munged, slurmctld and four slurmd run as the calling user, root or not, with
ports, keys, sockets and spool folders of their own, without systemd and
without cgroups: they meet no Slurm that the machine may have.
"""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NODES = [f"n{i}" for i in range(1, 5)]
DAEMONS = ["munged", "slurmctld", "slurmd"]
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

# Bare counts: what the nodes claim to have is taken from here, whatever the
# machine has. A TmpFS for each node is what lets PMIx, which keys its sockets
# by folder, tell them apart.
CONFIG = """\
ClusterName=cfmpi-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/spool-%n
TmpFS={folder}/tmp-%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/task-prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=5
NodeName=n[1-4] NodeHostname={host} NodeAddr=127.0.0.1 \
Port=[{ports[1]}-{ports[4]}] CPUs=64 RealMemory=256000
PartitionName=test Nodes=n[1-4] Default=YES State=UP
"""

# Open MPI names its shared memory by host name and rank on the host: two nodes
# of one name must keep it in different folders. mpirun would hand what it is
# told itself to every node, so the batch script, which is no step, gets none.
TASK_PROLOG = """\
#!/bin/sh
[ -n "$SLURM_STEP_ID" ] || exit 0
echo export TMPDIR={folder}/tmp-$SLURMD_NODENAME
echo export OMPI_MCA_btl_vader_backing_directory={folder}/tmp-$SLURMD_NODENAME
"""


class ClusterError(Exception):
    """The cluster did not do what was asked; says what its logs say."""


def missing_programs():
    wanted = DAEMONS + ["sbatch", "scontrol", "sinfo", "setpriv"]
    return [name for name in wanted if not shutil.which(name, path=SEARCH)]


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on."""
    for first in range(26900, 32000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for i, sock in enumerate(sockets):
                sock.bind(("127.0.0.1", first + i))
            return [first + i for i in range(count)]
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
    raise ClusterError("no free ports")


class SlurmCluster:
    """with SlurmCluster() as cluster: job = cluster.submit(...)"""

    def __init__(self):
        # Not pytest's folder: the path of a socket has room for 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="cfmpi-slurm-"))
        self.daemons = {}
        # Of a Slurm job that this process may itself run in, nothing.
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("SLURM_", "SBATCH_", "SRUN_",
                                            "OMPI_MCA_pml"))}  # as people start it
        self.env.update(PATH=SEARCH, SLURM_CONF=str(self.folder / "slurm.conf"))

    def __enter__(self):
        try:
            self.write_files()
            self.start_munge()
            self.start("slurmctld", "slurmctld", "-D", "-c")
            for node in NODES:
                self.start(node, "slurmd", "-D", "-N", node)
            self.wait_until(self.idle, 30, "the nodes are not idle")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def write_files(self):
        for name in ["state"] + [f"{kind}-{node}" for node in NODES
                                 for kind in ("spool", "tmp")]:
            (self.folder / name).mkdir()
        (self.folder / "slurm.conf").write_text(CONFIG.format(
            folder=self.folder, host=socket.gethostname().partition(".")[0],
            user=getpass.getuser(), ports=free_ports(1 + len(NODES))))
        prolog = self.folder / "task-prolog"
        prolog.write_text(TASK_PROLOG.format(folder=self.folder))
        prolog.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))

    def start_munge(self):
        path = self.folder / "munge"
        self.start("munged", "munged", "--foreground", "--force",
                   f"--key-file={path}.key", f"--socket={path}.socket",
                   f"--pid-file={path}.pid", f"--seed-file={path}.seed")
        self.wait_until(Path(f"{path}.socket").exists, 10, "munged is mute")

    def start(self, name, *command):
        """In the foreground and dying with this process, however it dies."""
        with open(self.folder / f"{name}.log", "wb") as out:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command], env=self.env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)

    def tool(self, *command, timeout=20, **options):
        """A Slurm client's stdout."""
        options = {"env": self.env, "timeout": timeout, **options}
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, check=False, **options)
        except subprocess.TimeoutExpired:
            raise ClusterError(self.story(f"{command[0]} hangs")) from None
        if done.returncode != 0:
            raise ClusterError(self.story(f"{command[0]}: {done.stderr.strip()}"))
        return done.stdout

    def idle(self):
        try:
            states = self.tool("sinfo", "-h", "-N", "-o", "%T", timeout=3).split()
        except ClusterError:   # slurmctld does not answer yet
            return False
        return states == ["idle"] * len(NODES)

    def wait_until(self, condition, seconds, complaint):
        end = time.monotonic() + seconds
        while not condition():
            for name, daemon in self.daemons.items():
                if daemon.poll() is not None:
                    raise ClusterError(self.story(f"{name} has stopped"))
            if time.monotonic() > end:
                raise ClusterError(self.story(f"{complaint} after {seconds} s"))
            time.sleep(0.1)

    def submit(self, *args, cwd, env=None, seconds=60):
        """sbatch, then the end of the job: its exit code."""
        job = self.tool("sbatch", "--parsable", *map(str, args), cwd=cwd,
                        env={**self.env, **(env or {})})
        return self.wait_for(job.strip(), seconds)

    def wait_for(self, job, seconds):
        fields = {}

        def ended():
            shown = self.tool("scontrol", "-o", "show", "job", job)
            fields.update(word.split("=", 1) for word in shown.split()
                          if "=" in word)
            return fields["JobState"] not in (
                "PENDING", "CONFIGURING", "RUNNING", "COMPLETING")

        try:
            self.wait_until(ended, seconds, f"job {job} has not ended")
        except ClusterError:
            self.tool("scancel", "--signal=KILL", "--full", job)
            raise
        code, _, killed_by = fields["ExitCode"].partition(":")
        return int(code) + 128 * (killed_by != "0")

    def story(self, headline):
        """The headline and the last lines of every log."""
        lines = [headline]
        for log in sorted(self.folder.glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-8:]
            lines += [f"{log.name}: {line}" for line in tail]
        return "\n".join(lines)

    def stragglers(self):
        """Processes of jobs: known by the configuration they were given."""
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:   # gone meanwhile, or somebody else's
                pass
        return found

    def stop(self):
        """munged last: without it the others linger over their farewells."""
        for name in ["slurmctld", *NODES, "munged"]:
            if name in self.daemons:
                self.daemons[name].terminate()
                try:
                    self.daemons[name].wait(5)
                except subprocess.TimeoutExpired:
                    self.daemons[name].kill()
                    self.daemons[name].wait()
        for pid in self.stragglers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)
