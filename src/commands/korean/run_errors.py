"""Errors of models, runs, plans and scores that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

RUN_ERRORS = (
    Text(
        "name a model: --adapter outputs/NAME/final_model, or --experiment NAME",
        "어떤 모델을 쓸지 지정하세요: --adapter outputs/이름/final_model 또는 --experiment 이름",
    ),
    Text(
        "{folder}: no such adapter folder; name a run's final_model",
        "{folder}: 어댑터 폴더가 없습니다. 실행 폴더의 final_model을 지정하세요",
    ),
    Text(
        "{folder}: no {file}, so its prompt is not known; its base model is {base}; add --experiment {name}",
        "{folder}: {file:이/가} 없어 프롬프트를 알 수 없습니다. {base} 위에 학습했습니다. "
        "--experiment {name:을/를} 붙이세요",
    ),
    Text(
        "{folder}: no {file}, so its prompt is not known; add --experiment NAME",
        "{folder}: {file:이/가} 없어 어떤 프롬프트로 학습했는지 알 수 없습니다. --experiment 이름을 붙이세요",
    ),
    Text(
        "{folder}: no {file}, so its base model is not known; add --experiment NAME",
        "{folder}: {file:이/가} 없어 어떤 모델 위에 학습했는지 알 수 없습니다. --experiment 이름을 붙이세요",
    ),
    Text(
        "{folder}: holds checkpoints of a run, and no model of its own; name one: {newest}",
        "{folder}: 모델이 아니라 실행의 체크포인트들이 있습니다. 하나를 지정하세요: {newest}",
    ),
    Text(
        "{file}: holds no settings of a run; add --experiment NAME",
        "{file}: 실행의 설정이 없습니다. --experiment 이름을 붙이세요",
    ),
    Text(
        "{folder}: no adapter_config.json, so this is no adapter folder; name a run's final_model",
        "{folder}: adapter_config.json이 없어 어댑터 폴더가 아닙니다. 실행 폴더의 final_model을 지정하세요",
    ),
    Text(
        "{folder}: no adapter_model.safetensors (pickled adapters are not loaded: they can run code)",
        "{folder}: adapter_model.safetensors가 없습니다(pickle로 저장한 어댑터는 코드를 실행할 수 있어 읽지 않습니다)",
    ),
    Text("{folder}: the adapter does not fit {base}: {why}", "{folder}: 어댑터가 {base} 모델과 맞지 않습니다: {why:t}"),
    Text(
        "model.checkpoint = {checkpoint}: no such model folder", "model.checkpoint = {checkpoint}: 모델 폴더가 없습니다"
    ),
    Text(
        "model.checkpoint = {checkpoint}: the folder has no config.json, so it is no model",
        "model.checkpoint = {checkpoint}: 폴더에 config.json이 없어 모델이 아닙니다",
    ),
    Text(
        "model.checkpoint = {checkpoint}: neither a folder nor a hub's name; it starts with '-'",
        "model.checkpoint = {checkpoint}: 폴더도 허브의 이름도 아닙니다. '-'로 시작합니다",
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: not a local folder, not in the cache, and {why} or has no such model; "
            "connect to a network, or use model.checkpoint=FOLDER or model.checkpoint=bundled:smollm2-135m"
        ),
        (
            "model.checkpoint = {checkpoint}: 폴더도 아니고 캐시에도 없으며, {why:t} 허브에 그런 모델이 없습니다. "
            "네트워크에 연결하거나 model.checkpoint=폴더 또는 model.checkpoint=bundled:smollm2-135m을 쓰세요"
        ),
    ),
    Text(
        "model.checkpoint = {checkpoint}: can't be loaded: {why}",
        "model.checkpoint = {checkpoint}: 불러올 수 없습니다: {why}",
    ),
    Text(
        (
            "model.checkpoint = {checkpoint}: stored in 4 bit, and 4-bit weights can't be trained; name the 16-bit "
            "checkpoint, or set lora.use_lora=true"
        ),
        (
            "model.checkpoint = {checkpoint}: 4비트로 저장되어 있어 가중치를 학습할 수 없습니다. 16비트 체크포인트를 "
            "지정하거나 lora.use_lora=true로 두세요"
        ),
    ),
    Text(
        "no bundled model '{name}'{hint}; there are: {names}",
        "'{name}'{name:-이라는/라는} 내장 모델은 없습니다{hint:t}. 있는 것은 {names}입니다",
    ),
    Text(
        "model {prefix} is not here yet; run: yoyak models fetch {name}",
        "{prefix} 모델이 아직 없습니다. 다음을 실행하세요: yoyak models fetch {name}",
    ),
    Text(
        (
            "{folder}: holds a run ({status}, {started}); pass --overwrite to replace it, --resume to go on with it, "
            "or set experiment.name=OTHER"
        ),
        (
            "{folder}: 이미 실행 결과가 있습니다({status:t}, {started}). 덮어쓰려면 --overwrite, 이어서 하려면 "
            "--resume을 붙이거나 experiment.name=다른이름을 지정하세요"
        ),
    ),
    Text(
        "{folder}: holds a run ({status}, {started}); pass --overwrite to replace it, or set experiment.name=OTHER",
        (
            "{folder}: 이미 실행 결과가 있습니다({status:t}, {started}). 덮어쓰려면 --overwrite를 붙이거나 "
            "experiment.name=다른이름을 지정하세요"
        ),
    ),
    Text(
        "{folder}: is there already and holds no run; set experiment.name=OTHER",
        "{folder}: 이미 있는 폴더인데 실행 결과가 아닙니다. experiment.name=다른이름을 지정하세요",
    ),
    Text(
        "{folder}: holds no run to go on with; set experiment.name=OTHER",
        "{folder}: 이어서 할 실행이 없습니다. experiment.name=다른이름을 지정하세요",
    ),
    Text(
        "--resume goes on with a run and --overwrite replaces it; leave one out",
        "--resume은 이어서 하고 --overwrite는 덮어씁니다. 하나만 쓰세요",
    ),
    Text(
        "{option} {name}: no such link here; {links} are known",
        "{option} {name}: 모르는 연결입니다({links} 가운데 하나)",
    ),
    Text(
        "--cards {cards} --hosts {hosts}: at most {most} cards in all are planned for",
        "--cards {cards} --hosts {hosts}: GPU는 모두 {most}개까지 계산합니다",
    ),
    Text(
        "{folder}: another run is writing there ({where}); wait for it, or set experiment.name=OTHER",
        "{folder}: 다른 실행이 쓰고 있습니다({where}). 끝나기를 기다리거나 experiment.name=다른이름을 지정하세요",
    ),
    Text(
        (
            "{folder}: the disk is full ({free} MB free); nothing half-written was kept; free some space or set "
            "experiment.output_dir"
        ),
        (
            "{folder}: 디스크가 가득 찼습니다(남은 공간 {free} MB). 쓰다 만 파일은 남기지 않았습니다. 공간을 비우거나 "
            "experiment.output_dir을 바꾸세요"
        ),
    ),
    Text(
        "{folder}: can't be written ({why}); set experiment.output_dir",
        "{folder}: 쓸 수 없습니다({why:t}). experiment.output_dir을 바꾸세요",
    ),
    Text(
        "{option}: no such run: no {file} in {a} or {b}",
        "{option}: 그런 실행이 없습니다. {a}, {b} 어디에도 {file:이/가} 없습니다",
    ),
    Text(
        (
            "{source}: its dialogues begin with an instruction ({sentence}), as rows of yoyak data augment "
            "--instructions do, which are for other trainers; name the file that they were made from, and set "
            "data.instruction_augmentation=true for the training dialogues"
        ),
        (
            "{source}: 대화가 지시문으로 시작합니다({sentence}). yoyak data augment --instructions로 만든, 다른 "
            "도구용 파일입니다. 그 파일을 만든 원본을 지정하고 data.instruction_augmentation=true를 쓰세요"
        ),
    ),
    Text(
        "{verdict}; this fits: {settings}; or try with --force",
        "{verdict:t} 이렇게 하면 들어갑니다: {settings}. 그래도 하려면 --force를 붙이세요",
    ),
    Text(
        "{verdict}; no settings of this model do; or try with --force",
        "{verdict:t} 이 모델은 설정을 바꿔도 들어가지 않습니다. 그래도 하려면 --force를 붙이세요",
    ),
    Text(
        "training.memory_budget_gb = {budget}: the run takes {least} GB at the least; this fits: {settings}",
        "training.memory_budget_gb = {budget}: 적어도 {least} GB가 필요합니다. 이렇게 하면 들어갑니다: {settings}",
    ),
    Text(
        "training.memory_budget_gb = {budget}: the run takes {least} GB at the least; raise it",
        "training.memory_budget_gb = {budget}: 적어도 {least} GB가 필요합니다. 값을 올리세요",
    ),
    Text(
        "out of memory with one example of {tokens} tokens; {advice}",
        "예시 하나({tokens} 토큰)에도 메모리가 모자랍니다. 다음을 시도하세요: {advice}",
    ),
    Text(
        "out of memory in {what} with one example of {tokens} tokens; {advice}",
        "예시 하나({tokens} 토큰)에도 메모리가 모자랍니다({what}). 다음을 시도하세요: {advice}",
    ),
    Text(
        (
            "this machine has no GPU; say which card to plan for (--gpu NAME or --memory-gb X), or measure this "
            "machine with yoyak plan --calibrate"
        ),
        (
            "이 컴퓨터에는 GPU가 없습니다. 어떤 GPU로 계산할지 --gpu 이름이나 --memory-gb X로 알려 주거나, yoyak plan "
            "--calibrate로 이 컴퓨터를 측정하세요"
        ),
    ),
    Text(
        "--memory-gb {size}: no card has that; give its memory in 1e9 bytes, such as 24",
        "--memory-gb {size}: 그런 GPU는 없습니다. 메모리를 24처럼 GB(10억 바이트)로 쓰세요",
    ),
    Text(
        "this machine's {name} is not in the table of cards; run yoyak plan --calibrate, or say --gpu NAME",
        "이 컴퓨터의 {name:은/는} 목록에 없는 GPU입니다. yoyak plan --calibrate를 실행하거나 --gpu 이름을 쓰세요",
    ),
    Text(
        (
            "--gpu {name}: no such card here; nearest: {names} (or say --memory-gb X; yoyak plan --calibrate measures "
            "this machine)"
        ),
        (
            "--gpu {name}: 목록에 없는 GPU입니다. 비슷한 것: {names}(--memory-gb X를 쓰거나 yoyak plan --calibrate로 "
            "이 컴퓨터를 측정하세요)"
        ),
    ),
    Text(
        "--out {path}: the picture is SVG; name a file that ends in .svg",
        "--out {path}: 그림은 SVG입니다. .svg로 끝나는 파일을 지정하세요",
    ),
    Text(
        "--split {split}: choose dev (data.eval) or train (data.train)",
        "--split {split}: dev(data.eval)와 train(data.train) 가운데 고르세요",
    ),
    Text(
        "name both files: --predictions FILE --references FILE",
        "파일을 둘 다 지정하세요: --predictions 파일 --references 파일",
    ),
    Text(
        "{option} '{value}' is unknown; choose {choices}{hint}",
        "{option} '{value}': 모르는 값입니다. {choices} 가운데 고르세요{hint:t}",
    ),
    Text(
        "unknown tokenization '{name}'; choose {names}{hint}",
        "'{name}'{name:-이라는/라는} 토큰화는 없습니다. {names} 가운데 고르세요{hint:t}",
    ),
    Text(
        "tokenization mecab: python-mecab-ko is not installed; pip install 'yoyak[mecab]'",
        "mecab 토큰화에 필요한 python-mecab-ko가 없습니다. pip install 'yoyak[mecab]'을 실행하세요",
    ),
    Text(
        "{source}: no column '{column}'{hint}; {columns}; name one with {option}",
        "{source}: '{column}' 열이 없습니다{hint:t}({columns:t}). {option:으로/로} 지정하세요",
    ),
    Text("its columns are {columns}", "있는 열: {columns}"),
    Text(
        "{source}: every '{column}' is empty; there is nothing to score",
        "{source}: '{column}' 열이 모두 비어 있어 채점할 것이 없습니다",
    ),
    Text(
        "{source}: {missing} of {all} dialogues are not in it, such as {example}",
        "{source}: 대화 {all}개 가운데 {missing}개가 없습니다(예: {example})",
    ),
    Text(
        "{a}: no {name} in common with {b}, such as {ours} and {theirs}",
        "{a}: {b:과/와} 겹치는 {name:이/가} 없습니다(예: {ours:과/와} {theirs})",
    ),
    Text("name a data file, such as sample:en/train.csv", "데이터 파일을 지정하세요(예: sample:ko/train.csv)"),
    Text("{file}: named twice; name each file once", "{file}: 같은 파일을 두 번 썼습니다. 한 번만 쓰세요"),
    Text(
        (
            "{folder}: model.checkpoint = {checkpoint} was a folder, and is not found from here; name it with "
            "model.checkpoint=FOLDER"
        ),
        (
            "{folder}: model.checkpoint = {checkpoint:은/는} 폴더였는데 여기에서 찾을 수 없습니다. "
            "model.checkpoint=폴더로 지정하세요"
        ),
    ),
    Text("{name}; it was trained on {a}, not on {b}", "{name}. 이 어댑터는 {b:이/가} 아니라 {a}에서 학습했습니다"),
    Text(
        "{index}: not an index of weights; get the checkpoint again",
        "{index}: 가중치 목록 파일이 아닙니다. 체크포인트를 다시 받으세요",
    ),
    Text(
        "{index}: names {shard}, and only .safetensors files beside it are loaded",
        "{index}: {shard:이/가} 적혀 있는데, 같은 폴더의 .safetensors 파일만 읽습니다",
    ),
    Text(
        "{file} is not the expected file (its sha256 differs); reinstall {what}",
        "{file:은/는} 있어야 할 파일이 아닙니다(sha256이 다름). {what:을/를} 다시 설치하세요",
    ),
    Text(
        "{path}: can't be locked (it vanishes each time); set experiment.output_dir",
        "{path}: 잠글 수 없습니다(번번이 사라짐). experiment.output_dir을 바꾸세요",
    ),
    Text(
        "{path}: can't be locked ({why}); set experiment.output_dir",
        "{path}: 잠글 수 없습니다({why:t}). experiment.output_dir을 바꾸세요",
    ),
    Text("{path}: is a link, which no run makes; remove it", "{path}: 링크입니다. 실행이 만든 것이 아니니 지우세요"),
    Text(
        "yoyak: unexpected {fault}; --debug-errors shows where",
        "yoyak: 예상하지 못한 오류 {fault}. 어디에서 났는지 보려면 --debug-errors를 붙이세요",
    ),
)
