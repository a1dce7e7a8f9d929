"""Errors of exporting models.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

EXPORT_ERRORS = (
    Text("--to {to}: unknown{hint}; it is {names}", "--to {to}: 모르는 값입니다{hint:t}. {names} 가운데 고르세요"),
    Text("--base {base}: it is dequantized or original", "--base {base}: dequantized와 original 가운데 고르세요"),
    Text("--to {target} writes no GGUF model", "--to {target:은/는} GGUF 모델을 쓰지 않습니다"),
    Text("--to {target} merges nothing", "--to {target:은/는} 아무것도 병합하지 않습니다"),
    Text(
        "--base original: the hub gets the adapter alone; add --merge, or leave --base out",
        "--base original: 허브에는 어댑터만 올립니다. --merge를 붙이거나 --base를 빼세요",
    ),
    Text(
        "--check: the hub gets the adapter alone; add --merge, or leave --check out",
        "--check: 허브에는 어댑터만 올립니다. --merge를 붙이거나 --check를 빼세요",
    ),
    Text(
        "--no-merge: {folder} is a whole model; leave it out",
        "--no-merge: {folder:은/는} 어댑터가 아닌 모델입니다. 빼세요",
    ),
    Text("--push, --dry-run and --merge go with --to hub", "--push, --dry-run, --merge는 --to hub와 함께 씁니다"),
    Text("name the export's folder: --out DIR", "내보낼 폴더를 지정하세요: --out 폴더"),
    Text(
        "name one of both: --adapter outputs/NAME/final_model, or --run NAME",
        "둘 가운데 하나를 지정하세요: --adapter outputs/이름/final_model 또는 --run 이름",
    ),
    Text(
        "{option}: the run ({status}) has no final_model; wait for it, or train it again",
        "{option}: 실행({status:t})에 final_model이 없습니다. 끝나기를 기다리거나 다시 학습하세요",
    ),
    Text("unknown", "알 수 없음"),
    Text("{folder}: is a run's folder; name {final}", "{folder}: 실행 폴더입니다. {final:을/를} 지정하세요"),
    Text(
        "{folder}: is a run's folder; name {final}, or --run {run}",
        "{folder}: 실행 폴더입니다. {final:을/를} 지정하거나 --run {run:을/를} 쓰세요",
    ),
    Text(
        "{folder}: no adapter_config.json and no config.json, so it is neither adapter nor model",
        "{folder}: adapter_config.json도 config.json도 없어 어댑터도 모델도 아닙니다",
    ),
    Text("{text}; the adapter was trained on {base}", "{text:t}. 이 어댑터는 {base}에서 학습했습니다"),
    Text(
        "{folder}: is a whole model, without an adapter; use --to merged or gguf",
        "{folder}: 어댑터 없는 전체 모델입니다. --to merged나 gguf를 쓰세요",
    ),
    Text(
        (
            "--base original: {checkpoint} is itself stored in 4 bit; leave --base out, or name the 16-bit checkpoint "
            "with model.checkpoint=NAME"
        ),
        (
            "--base original: {checkpoint} 자체가 4비트로 저장되어 있습니다. --base를 빼거나 "
            "model.checkpoint=이름으로 16비트 체크포인트를 지정하세요"
        ),
    ),
    Text(
        "{folder}: the adapter is broken ({why}); copy or train it again",
        "{folder}: 어댑터가 깨져 있습니다({why:t}). 다시 복사하거나 학습하세요",
    ),
    Text("{layer} has one factor of two", "{layer}에 두 행렬 가운데 하나만 있음"),
    Text("it holds no LoRA factors", "LoRA 행렬이 없음"),
    Text("{folder}: a {kind} adapter; only LoRA is exported", "{folder}: {kind} 어댑터입니다. LoRA만 내보냅니다"),
    Text(
        (
            "{folder}: the adapter, trained on {a}, does not fit {b}: {layer} needs {rows} x {columns}, the base has "
            "{there}"
        ),
        (
            "{folder}: {a}에서 학습한 어댑터라 {b}에 맞지 않습니다. {layer}에는 {rows} x {columns} 크기가 필요한데 "
            "기본 모델은 {there}입니다"
        ),
    ),
    Text(
        (
            "{folder}: the adapter, trained on {a}, does not fit {b}: {layer} needs {rows} x {columns}, the base has "
            "no such layer"
        ),
        "{folder}: {a}에서 학습한 어댑터라 {b}에 맞지 않습니다. 기본 모델에 {layer} 층이 없습니다({rows} x {columns})",
    ),
    Text(
        (
            "the tokenizer's chat template does not render the training prompt; train with "
            "model.chat_template={names} to export a chat model"
        ),
        (
            "토크나이저의 채팅 템플릿이 학습할 때의 프롬프트를 만들지 못합니다. 채팅 모델로 내보내려면 "
            "model.chat_template을 {names:,} 가운데 하나로 두고 학습하세요"
        ),
    ),
    Text(
        "the tokenizer has no chat template and no layout's control tokens; set model.chat_template",
        "토크나이저에 채팅 템플릿도 제어 토큰도 없습니다. model.chat_template을 지정하세요",
    ),
    Text(
        "{where}: its loss is {loss}: the adapter or its base is broken; train it again",
        "{where}: loss가 {loss}입니다. 어댑터나 기본 모델이 깨져 있으니 다시 학습하세요",
    ),
    Text(
        (
            "{where}: the loss was {before} before and is {after} as written, which rounding does not explain (up to "
            "{most}); nothing was kept"
        ),
        (
            "{where}: loss가 쓰기 전 {before}, 쓴 뒤 {after:이라/라} 반올림 차이(최대 {most})를 넘습니다. 아무것도 "
            "남기지 않았습니다"
        ),
    ),
    Text("--out {path}: is a file; name a folder", "--out {path}: 파일입니다. 폴더를 지정하세요"),
    Text(
        "--out {path}: is not empty and holds no export of yoyak; name a new folder",
        "--out {path}: 비어 있지 않고 yoyak이 내보낸 폴더도 아닙니다. 새 폴더를 지정하세요",
    ),
    Text(
        "--out {path}: holds an export; pass --overwrite to replace it, or name a new folder",
        "--out {path}: 이미 내보낸 것이 있습니다. 덮어쓰려면 --overwrite를 붙이거나 새 폴더를 지정하세요",
    ),
    Text(
        (
            "--out {path}: needs {need} GB and the disk has {free} GB free; free some space or name a folder on "
            "another disk"
        ),
        (
            "--out {path}: {need} GB가 필요한데 디스크에 {free} GB만 남았습니다. 공간을 비우거나 다른 디스크의 폴더를 "
            "지정하세요"
        ),
    ),
    Text(
        "--out {path}: the disk is full; nothing half-written was kept",
        "--out {path}: 디스크가 가득 찼습니다. 쓰다 만 파일은 남기지 않았습니다",
    ),
    Text(
        "--out {path}: a file is larger than this process may write (ulimit -f); nothing half-written was kept",
        "--out {path}: 이 프로세스가 쓸 수 있는 크기(ulimit -f)를 넘는 파일입니다. 쓰다 만 파일은 남기지 않았습니다",
    ),
    Text("--out {path}: can't be written ({why})", "--out {path}: 쓸 수 없습니다({why:t})"),
    Text(
        "{folder}: GGUF adapters have no place for {what}; use --to gguf instead",
        "{folder}: GGUF 어댑터에는 {what:t:을/를} 담을 수 없습니다. --to gguf를 쓰세요",
    ),
    Text("DoRA's magnitudes", "DoRA의 크기 벡터"),
    Text("init_lora_weights {name}, which changes the base weights", "기본 가중치를 바꾸는 init_lora_weights {name}"),
    Text(
        "{folder}: llama.cpp has no place for {layer}; use --to gguf instead",
        "{folder}: llama.cpp에는 {layer:을/를} 담을 자리가 없습니다. --to gguf를 쓰세요",
    ),
    Text(
        (
            "GGUF: {kind} models are not written here, only {names}; export merged, and see whether llama.cpp's "
            "convert_hf_to_gguf.py knows them"
        ),
        (
            "GGUF: {kind} 모델은 쓸 수 없습니다({names}만 됩니다). --to merged로 내보낸 뒤 llama.cpp의 "
            "convert_hf_to_gguf.py로 변환되는지 확인하세요"
        ),
    ),
    Text(
        "GGUF: rotary scaling {kind} is not written here; export merged instead",
        "GGUF: 회전 위치 인코딩 {kind:은/는} 쓸 수 없습니다. --to merged로 내보내세요",
    ),
    Text("GGUF: {what}; export merged", "GGUF: {what:t}. --to merged로 내보내세요"),
    Text(
        "GGUF: llama.cpp does not compute {what} for {kind} models; export merged",
        "GGUF: llama.cpp는 {kind} 모델에서 {what:t:을/를} 계산하지 않습니다. --to merged로 내보내세요",
    ),
    Text("the checkpoint's own code", "체크포인트의 자체 코드"),
    Text("the activation {one}", "활성 함수 {one}"),
    Text("attention in a sliding window", "슬라이딩 윈도 어텐션"),
    Text(
        "GGUF: llama.cpp has no place for {name}; export merged instead",
        "GGUF: llama.cpp에는 {name:을/를} 담을 자리가 없습니다. --to merged로 내보내세요",
    ),
    Text(
        "--quantization {name}: unknown{hint}; there are: {known}",
        "--quantization {name}: 모르는 값입니다{hint:t}. 있는 것: {known}",
    ),
    Text(
        (
            "--quantization {name}: llama.cpp makes it, through llama-cpp-python, which is not installed (pip install "
            "llama-cpp-python); f16, bf16 and q8_0 need nothing"
        ),
        (
            "--quantization {name}: llama.cpp가 만드는 형식이라 llama-cpp-python이 필요한데 설치되어 있지 "
            "않습니다(pip install llama-cpp-python). f16, bf16, q8_0은 그냥 됩니다"
        ),
    ),
    Text(
        "--quantization {name}: llama.cpp could not quantize the model (code {code})",
        "--quantization {name}: llama.cpp가 모델을 양자화하지 못했습니다(코드 {code})",
    ),
    Text(
        "{file}: {name} is missing in the file that was written; export merged instead",
        "{file}: 쓴 파일에 {name:이/가} 없습니다. --to merged로 내보내세요",
    ),
    Text(
        "GGUF: the tokenizer is {kind} of another kind; only byte-level BPE and Gemma's kind are written here",
        "GGUF: 토크나이저가 {kind} 방식입니다. 바이트 단위 BPE와 Gemma 방식만 쓸 수 있습니다",
    ),
    Text(
        "GGUF: the tokenizer is no byte-level BPE without a space before the text",
        "GGUF: 글 앞에 공백을 넣지 않는 바이트 단위 BPE 토크나이저가 아닙니다",
    ),
    Text(
        "GGUF: llama.cpp has no known name for how this tokenizer splits text; export merged instead",
        "GGUF: 이 토크나이저가 글을 나누는 방식에 해당하는 llama.cpp 이름이 없습니다. --to merged로 내보내세요",
    ),
    Text(
        "--push {repo}: not a repository's name; it looks like owner/name",
        "--push {repo}: 저장소 이름이 아닙니다. 소유자/이름 꼴로 쓰세요",
    ),
    Text(
        (
            "--push {repo}: {why}; the folder is ready in {folder}: log in with `hf auth login`, then `hf upload "
            "{command}`"
        ),
        (
            "--push {repo}: {why}. 폴더는 {folder}에 준비되어 있습니다. `hf auth login`으로 로그인한 뒤 `hf upload "
            "{command}`를 실행하세요"
        ),
    ),
    Text(
        "the adapter's bias can't be merged: {name} has none",
        "어댑터의 편향을 병합할 수 없습니다. {name}에는 편향이 없습니다",
    ),
    Text(
        "{name} is beyond the range of {dtype}; use bf16 (--quantization bf16, or model.dtype=bf16)",
        "{name:이/가} {dtype} 범위를 넘습니다. bf16을 쓰세요(--quantization bf16 또는 model.dtype=bf16)",
    ),
    Text(
        "{name} holds numbers that are not finite: the adapter or its base is broken",
        "{name}에 유한하지 않은 수가 있습니다. 어댑터나 기본 모델이 깨져 있습니다",
    ),
    Text(
        "{folder}: vLLM does not load adapters with {what}; use --to merged instead",
        "{folder}: vLLM은 이런 어댑터를 읽지 못합니다({what:t}). --to merged를 쓰세요",
    ),
    Text("rows of added tokens", "더한 토큰의 행"),
    Text("to {targets} ({reason})", "{targets}({reason:t})"),
    Text("trained rows of added tokens", "더한 토큰의 학습된 행"),
    Text("rank {number}, above {count}", "rank {number}({count} 초과)"),
    Text("adapters on {layers}", "{layers}에 붙은 어댑터"),
    Text("the tensor {one}", "{one} 텐서"),
)
