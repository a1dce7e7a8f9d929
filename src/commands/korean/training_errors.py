"""Errors and warnings of training and refining.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

TRAINING_ERRORS = (
    Text("{setting} has a part in searches alone; leave it out", "{setting:은/는} 설정 탐색에만 쓰입니다. 빼세요"),
    Text(
        "data.eval with --folds is of the ensemble, which evaluation.generate=true asks for; leave one out",
        "--folds에서 data.eval은 evaluation.generate=true로 요청하는 앙상블에만 쓰입니다. 하나를 빼세요",
    ),
    Text(
        "{setting} without lora.use_lora: all weights train, no adapter; leave one out",
        "lora.use_lora 없이 {setting:을/를} 쓸 수 없습니다. 어댑터가 아니라 모든 가중치를 학습합니다. 하나를 빼세요",
    ),
    Text(
        "lora.cache_dequantized without lora.use_qlora: no weights are in 4 bit; leave one out",
        "lora.use_qlora 없이 lora.cache_dequantized를 쓸 수 없습니다. 4비트 가중치가 없습니다. 하나를 빼세요",
    ),
    Text(
        "lora.init: {adapter} has its start already; leave it out",
        "lora.init: {adapter}에는 이미 초깃값이 있습니다. 빼세요",
    ),
    Text(
        "{setting}: {adapter} has {own}, and stays as it is; leave it out",
        "{setting}: {adapter}의 값은 {own}이며 그대로 쓰입니다. 빼세요",
    ),
    Text(
        "training.deterministic = true: {operation} has no deterministic kernel on this device; set it to false",
        "training.deterministic = true: 이 장치에는 {operation}의 결정적 커널이 없습니다. false로 두세요",
    ),
    Text(
        (
            "this is process {own} of {all} ({launcher}), and each would do all of the work: start it by itself; where "
            "{size} and {rank} are only left over, `unset {names}`"
        ),
        (
            "프로세스 {all}개 가운데 {own}번입니다({launcher}). 프로세스마다 같은 일을 모두 되풀이하게 됩니다. 따로 "
            "실행하세요. {size:과/와} {rank:이/가} 남아 있을 뿐이라면 `unset {names}`를 실행하세요"
        ),
    ),
    Text(
        "Left out of the environment, since a run is one process as configured: %s",
        "실행은 프로세스 하나라 환경 변수에서 뺐습니다: %s",
    ),
    Text(
        "training was set up with {what} = {value} where {wanted} was asked; start yoyak anew",
        "학습이 {what} = {value:으로/로} 준비되었는데 {wanted:이/가} 필요합니다. yoyak을 다시 시작하세요",
    ),
    Text(
        (
            "out of memory in {what} with one example of {tokens} tokens; set training.gradient_checkpointing=true or "
            "lora.use_qlora=true, or lower lora.r or tokenizer.encoder_max_len"
        ),
        (
            "예시 하나({tokens}토큰)에도 메모리가 모자랍니다({what:t}). training.gradient_checkpointing=true나 "
            "lora.use_qlora=true로 두거나, lora.r이나 tokenizer.encoder_max_len을 낮추세요"
        ),
    ),
    Text(
        (
            "out of memory with one example of {tokens} tokens; set training.gradient_checkpointing=true, or lower "
            "lora.r or tokenizer.encoder_max_len, or set lora.use_qlora=true"
        ),
        (
            "예시 하나({tokens}토큰)에도 메모리가 모자랍니다. training.gradient_checkpointing=true로 두거나, "
            "lora.r이나 tokenizer.encoder_max_len을 낮추거나, lora.use_qlora=true로 두세요"
        ),
    ),
    Text(
        (
            "out of memory with one example of {tokens} tokens; lower lora.r or tokenizer.encoder_max_len, or set "
            "lora.use_qlora=true"
        ),
        (
            "예시 하나({tokens}토큰)에도 메모리가 모자랍니다. lora.r이나 tokenizer.encoder_max_len을 낮추거나 "
            "lora.use_qlora=true로 두세요"
        ),
    ),
    Text(
        (
            "the host's memory has no room for the layers' inputs, {size} GB a layer and process: lower "
            "training.micro_batch_tokens"
        ),
        (
            "호스트 메모리에 층의 입력을 둘 자리가 없습니다(층과 프로세스마다 {size} GB). "
            "training.micro_batch_tokens를 낮추세요"
        ),
    ),
    Text(
        "Out of memory in %s with %d examples at a time; repeated and going on with %d",
        "%s: 예시를 한 번에 %d개씩 하기에는 메모리가 모자라 %d개씩 다시 합니다",
    ),
    Text(
        "Out of memory in a micro-batch of %d tokens; the step is repeated, and the run goes on, with %d",
        "%d토큰짜리 마이크로배치에 메모리가 모자라 %d토큰으로 스텝을 다시 하고 이어 갑니다",
    ),
    Text(
        "Memory that others held is free again: micro-batches of %d tokens from here on",
        "다른 프로세스가 쓰던 메모리가 비어 이제부터 마이크로배치를 다시 %d토큰으로 합니다",
    ),
    Text(
        "Out of memory with one example of %d tokens; activations are computed again from here on",
        "예시 하나(%d토큰)에도 메모리가 모자라 이제부터 활성값을 다시 계산합니다",
    ),
    Text(
        "Step %d was left out: loss %s, gradient norm %s; its examples are in %s",
        "%d스텝은 뺐습니다: loss %s, 그래디언트 노름 %s. 쓴 예시는 %s에 있습니다",
    ),
    Text(
        (
            "{count} steps in a row had a loss or gradient that is not a number (training.max_bad_steps); their "
            "examples are in {path}; look at those, or lower training.learning_rate"
        ),
        (
            "{count}스텝 연달아 loss나 그래디언트가 수가 아니었습니다(training.max_bad_steps). 쓴 예시는 {path}에 "
            "있으니 살펴보거나 training.learning_rate를 낮추세요"
        ),
    ),
    Text(
        "no step had a loss and a gradient that are numbers; their examples are in {path}",
        "loss와 그래디언트가 수인 스텝이 하나도 없었습니다. 쓴 예시는 {path}에 있습니다",
    ),
    Text(
        "training was stopped (state after step {step}: {folder}): {why}",
        "학습을 멈췄습니다({step}스텝까지의 상태: {folder}). {why:t}",
    ),
    Text("training was stopped: {why}", "학습을 멈췄습니다. {why:t}"),
    Text("no training examples; check data.train", "학습 예시가 없습니다. data.train을 확인하세요"),
    Text("no evaluation examples; check data.eval", "평가 예시가 없습니다. data.eval을 확인하세요"),
    Text(
        (
            "the GPU's memory is full (peak {peak} GB), and not by micro-batches; set training.optim=paged_adamw_8bit "
            "or training.gradient_checkpointing=true, or lower lora.r"
        ),
        (
            "GPU 메모리가 가득 찼는데(최대 {peak} GB) 마이크로배치 때문이 아닙니다. training.optim=paged_adamw_8bit나 "
            "training.gradient_checkpointing=true로 두거나 lora.r을 낮추세요"
        ),
    ),
    Text(
        "training.report_to: wandb is not installed; pip install 'yoyak[wandb]', or leave it out",
        "training.report_to: wandb가 설치되어 있지 않습니다. pip install 'yoyak[wandb]'을 실행하거나 빼세요",
    ),
    Text(
        "wandb has not taken everything (%d lines dropped); see %s. `wandb sync` uploads what is kept locally",
        "wandb에 다 보내지 못했습니다(%d줄 빠짐). %s을(를) 보세요. 남겨 둔 것은 `wandb sync`로 올릴 수 있습니다",
    ),
    Text(
        (
            "{where}: the training takes {memory} GB at the least ({device} with graphs and CUDA's own); raise it, "
            "lower training.micro_batch_tokens, {smaller}, or set training.gradient_checkpointing=auto"
        ),
        (
            "{where:t}: 학습에 적어도 {memory} GB가 필요합니다(그래프와 CUDA까지 {device} GB). 값을 올리거나, "
            "training.micro_batch_tokens를 낮추거나, {smaller:t}, training.gradient_checkpointing=auto로 두세요"
        ),
    ),
    Text("the GPU's free memory", "GPU의 빈 메모리"),
    Text(
        (
            "{where}: refining takes {memory} GB at the least ({device} with CUDA's own); raise it, lower "
            "refine.samples or lora.r, or set lora.use_qlora=true"
        ),
        (
            "{where:t}: refine에 적어도 {memory} GB가 필요합니다(CUDA까지 {device} GB). 값을 올리거나 "
            "refine.samples나 lora.r를 낮추거나 lora.use_qlora=true로 두세요"
        ),
    ),
    Text("choose training.optim=paged_adamw_8bit", "training.optim=paged_adamw_8bit를 쓰거나"),
    Text("lower lora.r", "lora.r을 낮추거나"),
    Text(
        "training.gradient_checkpointing: off, since %s can't", "training.gradient_checkpointing: 끔(%s에는 쓸 수 없음)"
    ),
    Text(
        "training.gradient_checkpointing = auto: on, since memory can't be planned (%s)",
        "training.gradient_checkpointing = auto: 켬(메모리를 계산할 수 없음: %s)",
    ),
    Text(
        "the probe: {found}; this model can't be trained here, since its loss would be another than its own",
        "시험 계산: {found:t}. loss가 모델 자체의 것과 달라 이 모델은 학습할 수 없습니다",
    ),
    Text(
        "the probe: {found}; this model can't be refined here, since it would learn something else than its rewards",
        "시험 계산: {found:t}. 보상과 다른 것을 배우게 되므로 이 모델은 여기서 refine할 수 없습니다",
    ),
    Text(
        (
            "the probe: {found}; this model can't be trained by the packed engine: set training.engine=auto and "
            "training.base_precision=compute"
        ),
        (
            "시험 계산: {found:t}. packed 엔진으로 학습할 수 없는 모델입니다. training.engine=auto와 "
            "training.base_precision=compute로 두세요"
        ),
    ),
    Text(
        "EVA: computing the adapter's start from the training data", "EVA: 학습 데이터로 어댑터의 시작값을 계산합니다"
    ),
    Text(
        "No CUDA graphs, so small micro-batches are slow: %s",
        "CUDA 그래프를 쓸 수 없어 작은 마이크로배치가 느립니다: %s",
    ),
    Text(
        "refining needs the packed engine, which can't train this model: {obstacle}",
        "refine에는 packed 엔진이 필요한데 이 모델은 packed 엔진으로 학습할 수 없습니다({obstacle:t})",
    ),
    Text(
        "a step takes {dialogues} dialogues and data.train has {count}; set refine.dialogues={again}",
        (
            "한 스텝에 대화 {dialogues}개를 쓰는데 data.train에는 {count}개뿐입니다. refine.dialogues={again:으로/로} "
            "두세요"
        ),
    ),
    Text(
        (
            "out of memory with a dialogue and its summaries ({tokens} tokens); lower refine.samples, lora.r or "
            "tokenizer.encoder_max_len, or set lora.use_qlora=true"
        ),
        (
            "대화 하나와 그 요약들({tokens}토큰)에도 메모리가 모자랍니다. refine.samples, lora.r, "
            "tokenizer.encoder_max_len 가운데 하나를 낮추거나 lora.use_qlora=true로 두세요"
        ),
    ),
    Text(
        "Memory holds %d summaries at a time, and held %d: the run goes on, but not to the last bit",
        "한 번에 요약 %d개까지 메모리에 들어가고 전에는 %d개였습니다: 이어 가지만 마지막 비트까지 같지는 않습니다",
    ),
    Text(
        "Out of memory in refining; the step is repeated, and the run goes on, with %d tokens at a time",
        "메모리가 모자라 한 번에 %d토큰씩 스텝을 다시 하고 이어 갑니다",
    ),
    Text(
        (
            "step {step}: {name} is not a number; go on from the checkpoint before it with --resume and a lower "
            "refine.learning_rate"
        ),
        (
            "{step}스텝: {name:이/가} 수가 아닙니다. refine.learning_rate를 낮추고 --resume으로 그 앞의 "
            "체크포인트에서 이어서 하세요"
        ),
    ),
)
