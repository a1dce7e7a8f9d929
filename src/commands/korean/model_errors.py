"""Errors of checkpoints and adapters that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

MODEL_ERRORS = (
    Text(
        "model.revision is of a hub's checkpoint, and {name} is none; leave it out",
        "model.revision은 허브의 체크포인트에 쓰이는데, {name:은/는} 허브의 것이 아닙니다. 빼세요",
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: holds no tokenizer; copy tokenizer.json and tokenizer_config.json of its "
            "base model into it"
        ),
        (
            "model.checkpoint = {checkpoint}: 토크나이저가 없습니다. 기본 모델의 tokenizer.json과 "
            "tokenizer_config.json을 이 폴더에 복사하세요"
        ),
    ),
    Text(
        "{folder}: adapter_config.json is larger than {size} MiB; get the adapter again",
        "{folder}: adapter_config.json이 {size} MiB보다 큽니다. 어댑터를 다시 받으세요",
    ),
    Text(
        "{folder}: adapter_config.json holds no settings; copy or train the adapter again",
        "{folder}: adapter_config.json에 설정이 없습니다. 어댑터를 다시 복사하거나 학습하세요",
    ),
    Text("{folder}: a {kind} adapter; only LoRA is loaded", "{folder}: {kind} 어댑터입니다. LoRA만 불러옵니다"),
    Text(
        "{folder}: adapter_config.json asks for Megatron's modules, which are not loaded here",
        "{folder}: adapter_config.json이 불러올 수 없는 Megatron 모듈을 요구합니다",
    ),
    Text(
        "{folder}: adapter_config.json asks for layer_replication, which is not computed here",
        "{folder}: adapter_config.json이 계산할 수 없는 layer_replication을 요구합니다",
    ),
    Text(
        "{folder}: adapter_config.json: {name} = {value}: {why}; get the adapter again",
        "{folder}: adapter_config.json: {name:t} = {value}: {why:t}. 어댑터를 다시 받으세요",
    ),
    Text("a pattern of layers' names", "층 이름의 패턴"),
    Text("{count} rounds at most", "{count}번까지만 됩니다"),
    Text("a number of {count} at most is meant", "{count} 이하의 수여야 합니다"),
    Text(
        (
            "{folder}: the adapter does not fit its adapter_config.json: {name} = {value}, and the largest rank that "
            "is stored is {stored}; get the adapter again"
        ),
        (
            "{folder}: 어댑터가 adapter_config.json과 맞지 않습니다. {name} = {value}인데 저장된 가장 큰 rank는 "
            "{stored}입니다. 어댑터를 다시 받으세요"
        ),
    ),
    Text(
        (
            "{where} = {init} changes the base weights, which 4 bit can't hold; set lora.use_qlora=false and name a "
            "16-bit checkpoint, or set lora.init to default or eva"
        ),
        (
            "{where} = {init:은/는} 기본 가중치를 바꾸는데 4비트로는 담을 수 없습니다. lora.use_qlora=false로 두고 "
            "16비트 체크포인트를 지정하거나, lora.init을 default나 eva로 쓰세요"
        ),
    ),
    Text(
        (
            "lora.init = eva needs a batch of {count} summary tokens for lora.r = {r}; raise training.batch_size, "
            "lower lora.r, or set lora.init=default"
        ),
        (
            "lora.init = eva는 lora.r = {r}에 요약 토큰 {count}개짜리 배치가 필요합니다. training.batch_size를 "
            "올리거나 lora.r을 낮추거나 lora.init=default로 두세요"
        ),
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: an adapter, loaded on the base model that it names; set "
            "model.checkpoint to that base model and lora.adapter to the adapter's folder"
        ),
        (
            "model.checkpoint = {checkpoint}: 모델이 아니라 어댑터입니다. model.checkpoint에는 어댑터가 가리키는 기본 "
            "모델을, lora.adapter에는 어댑터 폴더를 쓰세요"
        ),
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: {file} is pickled, which can run code when loaded; only safetensors are "
            "loaded. If you trust its maker, convert it: {command} and set {setting}"
        ),
        (
            "model.checkpoint = {checkpoint}: {file:은/는} 불러올 때 코드를 실행할 수 있는 pickle입니다. "
            "safetensors만 불러옵니다. 믿을 수 있는 모델이면 다음으로 변환하고 {setting:을/를} 지정하세요: {command}"
        ),
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: stored as {method}, which can't be trained here; name the 16-bit "
            "checkpoint, or one in bitsandbytes 4 bit"
        ),
        (
            "model.checkpoint = {checkpoint}: {method} 형식으로 저장되어 있어 학습할 수 없습니다. 16비트 체크포인트나 "
            "bitsandbytes 4비트 체크포인트를 지정하세요"
        ),
    ),
    Text(
        "model.attn_implementation = {name}: flash_attn is not installed or finds no CUDA; use sdpa",
        "model.attn_implementation = {name}: flash_attn이 설치되어 있지 않거나 CUDA를 찾지 못합니다. sdpa를 쓰세요",
    ),
    Text(
        (
            "QLoRA: {share} of the layers' weights stay in 16 bit, which bitsandbytes does not know as linear layers: "
            "{names}"
        ),
        "QLoRA: 층 가중치의 {share:이/가} 16비트로 남습니다. bitsandbytes가 선형 층으로 알아보지 못합니다: {names}",
    ),
    Text(
        "LoRA: {share} of the layers' weights get no adapter: {names}; lora.target_modules can name {more} too",
        "LoRA: 층 가중치의 {share}에 어댑터가 붙지 않습니다: {names}. lora.target_modules에 {more}도 쓸 수 있습니다",
    ),
    Text(
        "LoRA: {share} of the layers' weights get no adapter: {names}",
        "LoRA: 층 가중치의 {share}에 어댑터가 붙지 않습니다: {names}",
    ),
    Text(
        "{file} of the checkpoint: eos_token_id = {value}: must be token ids; mend it",
        "체크포인트의 {file}: eos_token_id = {value}: 토큰 id여야 합니다. 고치세요",
    ),
    Text(
        "{where}: {name} holds values that are no numbers (NaN or infinite); get it again",
        "{where}: {name}에 수가 아닌 값(NaN이나 무한대)이 있습니다. 다시 받으세요",
    ),
    Text(
        "model.checkpoint = {checkpoint}: lacks {some} of the model in its config.json, {first}; {mend}",
        "model.checkpoint = {checkpoint}: config.json의 모델에 있어야 할 {some:t:이/가} 없습니다({first:t}). {mend:t}",
    ),
    Text(
        "model.checkpoint = {checkpoint}: has {some} that the model in its config.json does not, {first}; {mend}",
        "model.checkpoint = {checkpoint}: config.json의 모델에 없는 {some:t:이/가} 있습니다({first:t}). {mend:t}",
    ),
    Text(
        "model.checkpoint = {checkpoint}: is stored in 4 bit by its config.json, and its weights are not; {mend}",
        "model.checkpoint = {checkpoint}: config.json으로는 4비트인데 가중치는 그렇지 않습니다. {mend:t}",
    ),
    Text("a tensor", "텐서 하나"),
    Text("{number} tensors", "텐서 {number}개"),
    Text("first {one}", "처음은 {one}"),
    Text("get it again, or the config.json that belongs to it", "체크포인트나 그에 맞는 config.json을 다시 받으세요"),
    Text("get the config.json that belongs to it", "체크포인트에 맞는 config.json을 받으세요"),
    Text(
        'where its head is its embedding, set "tie_word_embeddings": true in its config.json; else get it again',
        '출력층이 임베딩과 같다면 config.json에 "tie_word_embeddings": true를 쓰고, 아니면 다시 받으세요',
    ),
    Text(
        "its names have '{word}' in them ({name}), {mend}",
        "이름에 '{word}'{word:-이/가} 들어 있습니다({name}). {mend:t}",
    ),
    Text(
        "PEFT's: merge that adapter (model.merge_and_unload()) and save the result",
        "PEFT가 붙인 것이니 어댑터를 병합하여(model.merge_and_unload()) 저장하세요",
    ),
    Text(
        "torch.compile's: save the model that was compiled (model._orig_mod.save_pretrained)",
        "torch.compile이 붙인 것이니 원래 모델을 저장하세요(model._orig_mod.save_pretrained)",
    ),
    Text("FSDP's: save it with a full state dict", "FSDP가 붙인 것이니 전체 state dict로 저장하세요"),
    Text(
        "of activation checkpointing: save the model inside", "활성값 체크포인팅이 붙인 것이니 안쪽 모델을 저장하세요"
    ),
    Text("of data parallel training: save model.module", "데이터 병렬 학습이 붙인 것이니 model.module을 저장하세요"),
    Text(
        (
            "model.checkpoint = {checkpoint}: {name} is {a}, and {b} by its config.json ({count} tensors differ); get "
            "the config.json that belongs to it"
        ),
        (
            "model.checkpoint = {checkpoint}: {name:은/는} {a}인데 config.json으로는 {b}입니다(텐서 {count}개가 "
            "다름). 체크포인트에 맞는 config.json을 받으세요"
        ),
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: {name} is {a}, and {b} by its config.json; get the config.json that "
            "belongs to it"
        ),
        (
            "model.checkpoint = {checkpoint}: {name:은/는} {a}인데 config.json으로는 {b}입니다. 체크포인트에 맞는 "
            "config.json을 받으세요"
        ),
    ),
    Text(
        "model.trust_remote_code: Python code from %s runs with all your rights",
        "model.trust_remote_code: %s의 Python 코드가 사용자와 같은 권한으로 실행됩니다",
    ),
    Text("model.attn_implementation: %s, since %s has no %s", "model.attn_implementation: %s(%s에 %s이(가) 없음)"),
    Text("Added control tokens: %s", "더한 제어 토큰: %s"),
    Text(
        "lora.init = orthogonal needs an even lora.r, not {r}",
        "lora.init = orthogonal은 lora.r이 짝수여야 합니다(지금 {r})",
    ),
    Text(
        "lora.init = eva can't be had with added control tokens; set lora.init=default",
        "lora.init = eva는 제어 토큰을 더한 모델에 쓸 수 없습니다. lora.init=default로 두세요",
    ),
    Text(
        "lora: PEFT can't put this adapter on the model: {why}",
        "lora: PEFT가 이 어댑터를 모델에 붙일 수 없습니다: {why}",
    ),
    Text(
        "lora.target_modules: the model has no layer {names}; it has {known}",
        "lora.target_modules: 모델에 {names} 층이 없습니다. 있는 층: {known}",
    ),
    Text(
        "lora.target_modules: is empty; name layers, such as {example}",
        "lora.target_modules가 비어 있습니다. {example}처럼 층 이름을 적으세요",
    ),
    Text("lora.target_modules: {why}", "lora.target_modules: PEFT가 받지 않습니다: {why}"),
    Text(
        (
            "lora.{setting}: can't be had on this model's experts ({names}), which are stacked; leave it out, or set "
            "lora.target_modules=[{plain}]"
        ),
        (
            "lora.{setting}: 한데 쌓인 이 모델의 전문가 층({names})에는 쓸 수 없습니다. 빼거나 "
            "lora.target_modules=[{plain}]로 두세요"
        ),
    ),
    Text(
        "{where}: {variant} in {name}, which is not computed here; use a plain LoRA adapter",
        "{where:t}: {name}의 {variant:은/는} 계산할 수 없습니다. 보통의 LoRA 어댑터를 쓰세요",
    ),
    Text("merging", "병합"),
    Text("the hub is switched off (HF_HUB_OFFLINE)", "허브를 꺼 두었거나(HF_HUB_OFFLINE)"),
    Text("no hub answers", "허브에 접속할 수 없거나"),
    Text("the model has no place for the adapter's {name}", "어댑터의 {name:을/를} 붙일 자리가 모델에 없음"),
    Text("the adapter has no {name}", "어댑터에 {name:이/가} 없음"),
    Text(
        "loss {a} by the {engine_name} engine, {b} by the model's own forward, {c} apart ({d} and {e} from float32)",
        "{engine_name:t} 엔진의 손실 {a}, 모델 자체 forward의 손실 {b}, 차이 {c}(float32와의 차이 {d}, {e})",
    ),
    Text(
        "loss {a} by the {engine_name} engine, {b} by the model's own forward, {c} apart",
        "{engine_name:t} 엔진의 손실 {a}, 모델 자체 forward의 손실 {b}, 차이 {c}",
    ),
    Text(
        "loss {a} by the {engine_name} engine, {b} by the model's own forward",
        "{engine_name:t} 엔진의 손실 {a}, 모델 자체 forward의 손실 {b}",
    ),
    Text("cached decoder's", "캐시 디코더"),
    Text(
        (
            "model.checkpoint = {checkpoint}: a model of type {kind}, whose text part ({part}) transformers has no "
            "class for; name a text model"
        ),
        (
            "model.checkpoint = {checkpoint}: {kind} 모델인데 transformers에 그 텍스트 부분({part})의 클래스가 "
            "없습니다. 텍스트 모델을 지정하세요"
        ),
    ),
)
