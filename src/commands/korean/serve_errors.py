"""Errors and warnings of serving models.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

SERVE_ERRORS = (
    Text(
        (
            "{folder}: vLLM does not load adapters with {what}; merge it first (yoyak export --to merged) and serve "
            "that model"
        ),
        (
            "{folder}: vLLM은 이런 어댑터를 읽지 못합니다({what:t}). 먼저 yoyak export --to merged로 병합하고 그 "
            "모델을 서버에 올리세요"
        ),
    ),
    Text(
        "--engine {engine}: unknown{hint}; there are: {known}",
        "--engine {engine}: 모르는 값입니다{hint:t}. 있는 것: {known}",
    ),
    Text("{option} {value}: must be at least {least}", "{option} {value}: {least} 이상으로 쓰세요"),
    Text(
        "--api-key and --no-auth exclude each other; name one",
        "--api-key와 --no-auth는 함께 쓸 수 없습니다. 하나만 쓰세요",
    ),
    Text(
        "{source}: must be printable ASCII, not empty, without spaces at its ends",
        "{source}: 비어 있지 않고 앞뒤에 공백이 없는 ASCII 글자여야 합니다",
    ),
    Text(
        "a key on the command line can be seen by all users of this machine; set YOYAK_API_KEY, or say --api-key @FILE",
        (
            "명령줄에 쓴 키는 이 컴퓨터의 모든 사용자가 볼 수 있습니다. YOYAK_API_KEY로 지정하거나 --api-key @파일을 "
            "쓰세요"
        ),
    ),
    Text(
        "--api-key @{file}: cannot be read: {why}; name a file that holds the key alone",
        "--api-key @{file}: 읽을 수 없습니다({why:t}). 키만 든 파일을 지정하세요",
    ),
    Text(
        (
            "--host {host} can be reached from other machines; set YOYAK_API_KEY (or --api-key), or say --no-auth to "
            "serve everybody"
        ),
        (
            "--host {host:은/는} 다른 컴퓨터에서 접속할 수 있습니다. YOYAK_API_KEY(또는 --api-key)를 지정하거나, "
            "누구나 쓰게 하려면 --no-auth를 붙이세요"
        ),
    ),
    Text(
        "--engine vllm starts no model beyond its positions. {why}",
        "--engine vllm은 위치 수를 넘는 모델을 띄우지 않습니다. {why:t}",
    ),
    Text(
        "--port {port}: must be 0 to 65535 (0 takes any that is free)",
        "--port {port}: 0에서 65535 사이로 쓰세요(0이면 비어 있는 포트)",
    ),
    Text(
        "--host {host}: no such address; 127.0.0.1 is this machine alone",
        "--host {host}: 없는 주소입니다. 이 컴퓨터에서만 쓰려면 127.0.0.1을 쓰세요",
    ),
    Text(
        "{place}: the port is in use; choose another with --port",
        "{place}: 이미 쓰이는 포트입니다. --port로 다른 포트를 고르세요",
    ),
    Text("{place}: {why}; choose another address or port", "{place}: {why:t}. 다른 주소나 포트를 고르세요"),
    Text("Cannot assign requested address", "이 컴퓨터의 주소가 아닙니다"),
    Text(
        "a limit of {most} open files leaves no room for clients; raise it: ulimit -n {needed}",
        "열 수 있는 파일이 {most}개뿐이라 접속을 받을 수 없습니다. 늘리세요: ulimit -n {needed}",
    ),
    Text("a request failed", "요청 하나가 실패했습니다"),
    Text("it is no text", "글이 아닙니다"),
    Text(
        "the engine failed; the requests in its batch were given up",
        "엔진이 실패하여 함께 처리하던 요청을 포기했습니다",
    ),
    Text(
        "no file is left for a connection; raise ulimit -n", "접속을 받을 파일이 남지 않았습니다. ulimit -n을 늘리세요"
    ),
    Text(
        "out of memory: %d at a time at most for now",
        "메모리가 모자라 당분간 한 번에 %d개까지만 요약합니다",
    ),
    Text(
        "out of memory on a single request, which was given up", "요청 하나에도 메모리가 모자라 그 요청을 포기했습니다"
    ),
    Text(
        (
            "generation.{name} = {value}: the server generates one summary token by token; add "
            "generation.{again}={neutral}"
        ),
        (
            "generation.{name} = {value}: 서버는 요약 하나를 토큰 단위로 만듭니다. generation.{again}={neutral:을/를} "
            "붙이세요"
        ),
    ),
    Text("vLLM has limits of its own", "vLLM에는 자체 한도가 있습니다"),
    Text(
        (
            "--engine vllm: generation.{name} = {value} can't be set for all requests there; add "
            "generation.{again}=0, or leave --engine out"
        ),
        (
            "--engine vllm: generation.{name} = {value:은/는} vLLM 서버 전체에 정해 둘 수 없습니다. "
            "generation.{again}=0을 붙이거나 --engine을 빼세요"
        ),
    ),
    Text(
        (
            "serve: layers of this model see {window} tokens at a time, and tokenizer.encoder_max_len + "
            "tokenizer.decoder_max_len is {sum}; lower these, {instead}"
        ),
        (
            "serve: 이 모델의 층은 한 번에 {window}토큰을 보는데 tokenizer.encoder_max_len + "
            "tokenizer.decoder_max_len이 {sum}입니다. 이 값을 낮추거나 {instead:t}"
        ),
    ),
    Text(
        "serve: this model takes no batches that grow ({why}); {instead}",
        "serve: 이 모델은 늘어나는 배치를 받지 않습니다({why}). {instead:t}",
    ),
    Text("serve: the probe: {found}; {instead}", "serve: 시험 계산: {found:t}. {instead:t}"),
    Text(
        "summarize files with yoyak summarize, or serve with --engine vllm",
        "yoyak summarize로 파일을 요약하거나 --engine vllm으로 띄우세요",
    ),
    Text(
        (
            "--engine vllm: vLLM is not installed here; install it (pip install vllm, a GPU machine with Linux), or "
            "leave --engine out"
        ),
        (
            "--engine vllm: vLLM이 설치되어 있지 않습니다. GPU가 있는 리눅스에서 pip install vllm으로 설치하거나 "
            "--engine을 빼세요"
        ),
    ),
    Text(
        "--engine vllm: the tokenizer does not read the training prompt's text as its ids; leave --engine out",
        "--engine vllm: 토크나이저가 학습할 때의 프롬프트를 같은 id로 읽지 않습니다. --engine을 빼세요",
    ),
    Text(
        (
            "{folder}: names its layers as the text part alone does, and vLLM loads the whole {kind} model; export it "
            "first (yoyak export --to adapter --adapter {adapter} --out FOLDER) and serve that"
        ),
        (
            "{folder}: 층 이름이 텍스트 부분만의 것인데 vLLM은 {kind} 모델 전체를 읽습니다. 먼저 yoyak export --to "
            "adapter --adapter {adapter} --out 폴더로 내보내고 그것을 띄우세요"
        ),
    ),
)
