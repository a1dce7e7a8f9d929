import pytest

from src.errors import YoyakError
from src.ranks.place import OWN_LAUNCHER, RankPlace, first_node, place_of

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True", "RANK": "3", "WORLD_SIZE": "4",
    "LOCAL_RANK": "1", "MASTER_ADDR": "node01", "MASTER_PORT": "29500",
}  # fmt: skip
SRUN = {
    "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "2",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
}  # fmt: skip
MPIRUN = {
    "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "MASTER_PORT": "5000",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        (TORCHRUN, RankPlace(3, 4, 1, "torchrun", "node01", 29500, False, True)),
        (TORCHRUN | {"TORCHELASTIC_RUN_ID": "yoyak-7"}, RankPlace(3, 4, 1, OWN_LAUNCHER, "node01", 29500, False, True)),
        (
            TORCHRUN | {"TORCHELASTIC_USE_AGENT_STORE": "False", "RANK": "0"},
            RankPlace(0, 4, 1, "torchrun", "node01", 29500, True, False),
        ),
        (SRUN, RankPlace(5, 8, 1, "srun", "gpu03", 20702, False, False)),
        (
            SRUN | {"SLURM_PROCID": "0", "MASTER_ADDR": "h", "MASTER_PORT": "9"},
            RankPlace(0, 8, 1, "srun", "h", 9, True, False),
        ),
        (MPIRUN, RankPlace(0, 2, 0, "mpirun", "127.0.0.1", 5000, True, False)),
    ],
)
def test_launchers_say_where_a_process_stands(environment, place):
    assert place_of(environment) == place


@pytest.mark.parametrize(
    "environment",
    [
        {},
        TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"},
        {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"},  # no launcher's own
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
        {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"},  # a batch script's own process
    ],
)
def test_what_is_left_over_puts_a_process_nowhere(environment):
    assert place_of(environment) is None


def test_processes_of_several_machines_have_to_be_told_where_to_meet():
    with pytest.raises(YoyakError, match=r"^this is process 0 of 2 \(mpirun\), on several machines: name the one of"):
        place_of(MPIRUN | {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"})


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node7", "node7"),
        ("a,b", "a"),
        ("node[03-05,9],other", "node03"),
        ("rack1-gpu[11,12]-ib", "rack1-gpu11-ib"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_first_machine_of_slurms_list(nodes, first):
    assert first_node(nodes) == first
