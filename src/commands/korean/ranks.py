"""Errors of runs of several processes.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

RANKS = (
    Text(
        "{count} processes share {number} GPUs; start one on each",
        "프로세스 {count}개가 GPU {number}개를 함께 씁니다. GPU마다 하나씩 시작하세요",
    ),
    Text(
        "some processes see a GPU and some none; start all on machines that have one",
        "GPU가 보이는 프로세스와 보이지 않는 프로세스가 있습니다. 모두 GPU가 있는 컴퓨터에서 시작하세요",
    ),
    Text(
        (
            "this is process {own} of {all} ({launcher}), and the others are not at {address} ({why}); start all, or "
            "`unset` what a launcher has left in the environment"
        ),
        (
            "프로세스 {all}개 가운데 {own}번인데({launcher}) 나머지가 {address}에 없습니다({why}). 모두 시작하거나, "
            "실행기가 환경에 남긴 변수를 `unset`으로 지우세요"
        ),
    ),
    Text(
        (
            "this is process {own} of {all} (mpirun), on several machines: name the one of process 0 with mpirun -x "
            "MASTER_ADDR=HOST"
        ),
        (
            "여러 컴퓨터의 프로세스 {all}개 가운데 {own}번입니다(mpirun). 0번 프로세스의 컴퓨터를 mpirun -x "
            "MASTER_ADDR=호스트로 알려 주세요"
        ),
    ),
    Text(
        "Out of memory on another rank; all go on with %s at a time",
        "다른 프로세스의 메모리가 모자라 모두 한 번에 %s씩 합니다",
    ),
)
