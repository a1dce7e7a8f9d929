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
    Text(
        "--gpus starts a process on each GPU and --processes some on the CPU; leave one out",
        "--gpus는 GPU마다, --processes는 CPU에서 프로세스를 띄웁니다. 하나만 쓰세요",
    ),
    Text(
        "--processes is for the CPU, and here are GPUs; use them with --gpus all",
        "--processes는 CPU용인데 여기에는 GPU가 있습니다. --gpus all을 쓰세요",
    ),
    Text(
        "--gpus {given}: torch sees no GPU here; leave it out, or use the processor with --processes N",
        "--gpus {given}: torch가 찾은 GPU가 없습니다. 빼거나 --processes N으로 CPU를 쓰세요",
    ),
    Text(
        "--gpus {given}: is neither all, nor a number, nor a list such as 0,2",
        "--gpus {given}: all이나 개수, 0,2 같은 목록이어야 합니다",
    ),
    Text(
        "--gpus 0: names no GPU; the first one alone is `--gpus 1` or `--gpus 0,`",
        "--gpus 0: GPU가 없습니다. 첫 번째 하나만 쓰려면 `--gpus 1`이나 `--gpus 0,`로 쓰세요",
    ),
    Text(
        "rank {rank} has other {what} than rank 0; start all with the same settings and files",
        "{rank}번 프로세스의 {what:이/가} 0번과 다릅니다. 모두 같은 설정과 파일로 시작하세요",
    ),
    Text(
        "--predictions and --references score files on the processor: leave out --gpus, --processes",
        "--predictions와 --references는 파일을 CPU로 채점합니다. --gpus와 --processes를 빼세요",
    ),
    Text(
        "--gpus and --processes deal out the dialogues of a table or folder; here is one dialogue",
        "--gpus와 --processes는 표나 폴더의 대화를 나눠 맡깁니다. 여기에는 대화가 하나뿐입니다",
    ),
    Text(
        (
            "{launcher} has started processes whose commands differ (rank {rank}'s from rank 0's), and together they "
            "do one command's work; start all alike, or each outside of the launcher"
        ),
        (
            "{launcher:이/가} 띄운 프로세스들은 명령 하나를 함께 하는데 명령이 서로 다릅니다({rank}번과 0번). 모두 "
            "똑같이 띄우거나, 실행기 밖에서 따로 실행하세요"
        ),
    ),
    Text(
        (
            "training.sharding = weights: there is one process, and nobody to share with; start several with --gpus "
            "all, or set it to auto"
        ),
        (
            "training.sharding = weights: 프로세스가 하나라 나눌 상대가 없습니다. --gpus all로 여럿을 띄우거나 "
            "auto로 두세요"
        ),
    ),
    Text(
        "training.sharding = weights: there is one card; name more with --cards",
        "training.sharding = weights: GPU가 하나입니다. --cards로 더 정하세요",
    ),
    Text(
        "summaries can't be generated from weights that are cut; set training.sharding=none",
        "나눠 둔 가중치로는 요약을 만들 수 없습니다. training.sharding=none으로 두세요",
    ),
    Text("training.sharding = weights: {obstacle}", "training.sharding = weights로 할 수 없습니다. {obstacle:t}"),
    Text(
        (
            "{folder}: can't go on with training.sharding = weights: it was begun by the {engine} engine; set it to "
            "none, or begin anew with --overwrite"
        ),
        (
            "{folder}: training.sharding = weights로 이어서 할 수 없습니다. {engine} 엔진으로 시작한 실행입니다. "
            "none으로 두거나 --overwrite로 새로 시작하세요"
        ),
    ),
    Text(
        (
            "out of memory with weights that are cut over the ranks, where no step can be repeated in smaller parts; "
            "lower training.batch_size or training.micro_batch_tokens, set training.gradient_checkpointing=true, or "
            "use more GPUs"
        ),
        (
            "가중치를 나눠 둔 채 메모리가 모자랍니다. 이때는 스텝을 더 작게 나눠 되풀이할 수 없습니다. "
            "training.batch_size나 training.micro_batch_tokens를 줄이거나 "
            "training.gradient_checkpointing=true로 두거나 GPU를 더 쓰세요"
        ),
    ),
    Text(
        "training.sharding = weights: {model} has no list of layers to cut; set it to none",
        "training.sharding = weights: {model}에는 나눌 층의 목록이 없습니다. none으로 두세요",
    ),
    Text(
        "%s is used in place of %s, since its states are cut too",
        "옵티마이저 상태도 나누므로 %s를 씁니다(설정은 %s)",
    ),
    Text("--gpus {given}: names a GPU twice", "--gpus {given}: 같은 GPU가 두 번 나옵니다"),
    Text("--gpus {given}: there is {count} here, from 0", "--gpus {given}: 여기에는 {count}개뿐입니다(0번부터)"),
    Text("--gpus {given}: there are {count} here, from 0", "--gpus {given}: 여기에는 {count}개뿐입니다(0번부터)"),
    Text("rank {rank} of {count}: {why}", "프로세스 {count}개 가운데 {rank}번: {why:t}"),
    Text(
        "was killed (SIGKILL), by someone or since the machine's memory was full",
        "강제로 종료되었습니다(SIGKILL). 누가 끝냈거나 기계의 메모리가 가득 찼습니다",
    ),
    Text("has crashed ({signal})", "비정상 종료했습니다({signal})"),
    Text("has crashed ({signal}): {why}", "비정상 종료했습니다({signal}): {why}"),
    Text("has ended with exit code {code}", "끝났습니다(종료 코드 {code})"),
    Text("has ended with exit code {code}: {why}", "끝났습니다(종료 코드 {code}): {why}"),
    Text("was told to stop", "멈추라는 신호를 받았습니다"),
    Text("the launcher is gone, so it has stopped", "띄운 프로세스가 사라져 멈췄습니다"),
    Text(
        "has not answered for {seconds} seconds; it was killed, or its machine is gone",
        "{seconds}초 동안 응답이 없습니다. 강제로 종료되었거나 그 기계가 사라졌습니다",
    ),
    Text(
        "has kept the others waiting for {minutes} minutes with work of its own ({times} times training.rank_timeout)",
        "혼자 하는 작업으로 {minutes}분 동안 다른 프로세스를 기다리게 했습니다(training.rank_timeout의 {times}배)",
    ),
    Text(
        "has kept the others waiting for {minutes} minutes (training.rank_timeout)",
        "{minutes}분 동안 다른 프로세스를 기다리게 했습니다(training.rank_timeout)",
    ),
)
