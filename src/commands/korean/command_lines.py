"""Lines and tables of the commands around training: export, serve, data, models, folds, refine.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

COMMAND_LINES = (
    Text("standard output can't be written ({why})", "표준 출력에 쓸 수 없습니다({why:t})"),
    Text("{count} rows in {path}", "{path}에 {count}행을 썼습니다"),
    Text("{count} rows  {path}", "{count}행  {path}"),
    Text(
        "{count} renamed copies of {some} of {all} rows",
        "{all}행 가운데 {some}행에서 이름을 바꾼 {count}행을 만들었습니다",
    ),
    Text("{count} speakers not renamed: {reason}", "{count}명은 이름을 그대로 둠: {reason:t}"),
    Text("{count} more for other reasons", "그 밖의 이유로 {count}명 더"),
    Text("the summary does not use the label", "요약에 그 이름이 나오지 않음"),
    Text("not known to be a name", "이름인지 알 수 없음"),
    Text("not a name", "이름이 아님"),
    Text("a form behind it is not known", "뒤에 붙은 말을 모름"),
    Text("the form {one} is not known", "{one:은/는} 모르는 꼴임"),
    Text("a form of {label} is not known", "{label}에 붙은 말을 모름"),
    Text("another placeholder stays", "다른 자리표시자가 그대로 남음"),
    Text("{one} is in the text and has no turn", "{one:이/가} 글에 나오는데 발화가 없음"),
    Text("the dialogue calls someone by name", "대화에서 누군가를 이름으로 부름"),
    Text("it is an ordinary word too", "보통 낱말이기도 함"),
    Text("no name fits all its particles", "조사가 모두 맞는 이름이 없음"),
    Text("{one} may be the same person", "{one:과/와} 같은 사람일 수 있음"),
    Text("the text has it in small or capital letters too", "글에 대소문자가 다르게 나옴"),
    Text("it may be part of another name, with {one}", "{one:이/가} 든 다른 이름의 일부일 수 있음"),
    Text("{name}: under five instructions", "{name}: 지시문 다섯 개로"),
    Text(
        (
            "The messages are for other trainers. yoyak train shows the five instructions by itself, from a file with "
            "dialogues: data.instruction_augmentation=true"
        ),
        (
            "메시지는 다른 학습 도구에서 쓸 것입니다. yoyak train은 대화 파일에서 지시문 다섯 개를 스스로 만듭니다: "
            "data.instruction_augmentation=true"
        ),
    ),
    Text(
        "Augment the training file only, after the split: a copy of an evaluation dialogue gives its answer away",
        "나눈 뒤에 학습 파일만 늘리세요. 평가 대화를 베낀 행이 있으면 답을 미리 알려 주게 됩니다",
    ),
    Text("Next: {command}", "다음: {command:t}"),
    Text("vllm serve {a}, or yoyak summarize -e {b}", "vllm serve {a} 또는 yoyak summarize -e {b}"),
    Text(
        "Kept on one side: {same}: {rows} rows in {count} groups, the largest of {largest}",
        "한쪽에 함께 둠: {same:t}, {count}묶음 {rows}행(가장 큰 묶음 {largest}행)",
    ),
    Text(
        "No equal or nearly equal dialogues (word trigrams, Jaccard {jaccard} or more)",
        "함께 둘 것 없음: 같거나 거의 같은 대화가 없습니다(세 단어 묶음, Jaccard {jaccard} 이상)",
    ),
    Text(
        "No equal or nearly equal dialogues (word trigrams, Jaccard {jaccard} or more) and rows of one '{column}'",
        (
            "함께 둘 것 없음: 같거나 거의 같은 대화도, '{column}' 값이 같은 행도 없습니다(세 단어 묶음, Jaccard "
            "{jaccard} 이상)"
        ),
    ),
    Text(
        "equal or nearly equal dialogues (word trigrams, Jaccard {jaccard} or more)",
        "같거나 거의 같은 대화(세 단어 묶음, Jaccard {jaccard} 이상)",
    ),
    Text(
        "equal or nearly equal dialogues (word trigrams, Jaccard {jaccard} or more) and rows of one '{column}'",
        "같거나 거의 같은 대화(세 단어 묶음, Jaccard {jaccard} 이상)와 '{column}' 값이 같은 행",
    ),
    Text(
        "Dealt out by topic ({count} of them, rare ones together); seed {seed}",
        "주제 {count}가지를 양쪽에 나눔(드문 것은 한데 모음). 시드 {seed}",
    ),
    Text("Dealt out at random; seed {seed}", "무작위로 나눔. 시드 {seed}"),
    Text("Words are cut as {how}", "단어는 {how:t} 기준"),
    Text("Words are cut as {how}; tokens are those of {tokenizer}", "단어는 {how:t}, 토큰은 {tokenizer} 기준"),
    Text(
        (
            "{second} shares with {first}: {exact} dialogues exactly, {near} more nearly (word trigrams, Jaccard "
            "{jaccard} or more)"
        ),
        (
            "{second:과/와} {first} 양쪽에 있는 대화: 똑같은 것 {exact}개, 거의 같은 것 {near}개(세 단어 묶음, "
            "Jaccard {jaccard} 이상)"
        ),
    ),
    Text("{second}  like  {first}  ({jaccard})", "{second}  비슷함  {first}  ({jaccard})"),
    Text("rows left out", "뺀 행"),
    Text("near-duplicates", "거의 같은 대화"),
    Text("topics", "주제"),
    Text("most common", "자주 나오는 것"),
    Text("max", "최대"),
    Text("p5", "5백분위"),
    Text("p50", "50백분위"),
    Text("p95", "95백분위"),
    Text("This machine has {size} GB for training", "이 컴퓨터에서 학습에 쓸 수 있는 메모리: {size} GB"),
    Text("config", "설정"),
    Text("size", "크기"),
    Text("QLoRA needs", "QLoRA에 필요"),
    Text("fits", "들어감"),
    Text("cached", "받아 둠"),
    Text("from", "출처"),
    Text("setting", "설정"),
    Text("value", "값"),
    Text("default", "기본값"),
    Text("yes", "예"),
    Text("no", "아니요"),
    Text("folder {path}", "폴더 {path}"),
    Text("hub {one}", "허브 {one}"),
    Text("{one} is in {folder}", "{one:은/는} {folder}에 있습니다"),
    Text("Converting {file} to safetensors, once ...", "{file:을/를} safetensors로 한 번 변환하는 중 ..."),
    Text("{folder}: its weights are not those that were written there", "{folder}: 가중치가 변환해 둔 것과 다릅니다"),
    Text("Sending {folder} to {repo} ...", "{folder:을/를} {repo}에 보내는 중 ..."),
    Text("Sent to {address}", "보냈습니다: {address}"),
    Text("Merging in float32, rounding to {dtype} ...", "float32로 병합하여 {dtype:으로/로} 반올림하는 중 ..."),
    Text("Checking the loss of {file} ...", "{file}의 loss를 확인하는 중 ..."),
    Text(
        "The GPU has no room to check what was written; checking on the CPU ...",
        "GPU에 자리가 없어 쓴 것을 CPU에서 확인하는 중 ...",
    ),
    Text("The loss is checked on {sample}: {why}", "loss는 {sample:으로/로} 확인합니다: {why:t}"),
    Text(
        "Loss on {number} dialogue: {trained} as trained, {merged} {base}",
        "대화 {number}개의 loss: 학습한 대로 {trained}, {base:t} {merged}",
    ),
    Text(
        "Loss on {number} dialogues: {trained} as trained, {merged} {base}",
        "대화 {number}개의 loss: 학습한 대로 {trained}, {base:t} {merged}",
    ),
    Text("merged onto the dequantized weights", "역양자화한 가중치에 병합한 뒤"),
    Text("merged onto the original weights", "원래 가중치에 병합한 뒤"),
    Text("as written", "쓴 파일은"),
    Text(
        "Other programs generate without {settings} unless you tell them, and write other summaries than yoyak",
        "다른 프로그램은 따로 정해 주지 않으면 {settings} 없이 생성하므로 yoyak과 다른 요약을 씁니다",
    ),
    Text("The loss was not checked (--check 0)", "loss는 확인하지 않았습니다(--check 0)"),
    Text("Would go: {count} files, {size}", "보낼 파일 {count}개, {size}"),
    Text("Written to {folder}: {count} files, {size}", "{folder}에 파일 {count}개를 썼습니다({size})"),
    Text("look at {file}, then send it with {command}", "{file:을/를} 살펴보고 {command:으로/로} 보내세요"),
    Text(
        "Serving {name} at {address} ({key}); Ctrl-C stops",
        "{name:을/를} {address}에서 서비스합니다({key:t}). Ctrl-C로 멈춥니다",
    ),
    Text("with a key", "키 필요"),
    Text("without a key", "키 없음"),
    Text(
        "No adapter is named: the base model is scored. For the trained one: --adapter {path}",
        "어댑터를 지정하지 않아 기본 모델을 채점합니다. 학습한 모델을 채점하려면: --adapter {path}",
    ),
    Text("before refining", "보상 학습 전"),
    Text(
        "%s: %d summaries hold tags of reasoning such as <think>, which are learned as part of them",
        "%s: 요약 %d개에 <think> 같은 추론 태그가 들어 있고, 요약의 일부로 학습됩니다",
    ),
    Text("What this run trains can't be exported %s", "이 실행의 결과는 내보낼 수 없는 곳이 있습니다: %s"),
    Text(
        "{count} dialogues were too long: {turns} turns were left out",
        "대화 {count}개가 너무 길어 발화 {turns}개를 뺐습니다",
    ),
    Text("- (within chance)", "-(무작위 기준 이내)"),
    Text("{number} (within chance)", "{number}(무작위 기준 이내)"),
    Text(
        "the loss was above {times} times its running median ({median}) for {steps} steps",
        "{steps}스텝 동안 loss가 이동 중앙값({median})의 {times}배를 넘었습니다",
    ),
    Text(
        (
            "the loss was above {times} times its running median ({median}) for {steps} steps; lower "
            "training.learning_rate, or set training.on_divergence=ignore"
        ),
        (
            "{steps}스텝 동안 loss가 이동 중앙값({median})의 {times}배를 넘었습니다. training.learning_rate를 "
            "낮추거나 training.on_divergence=ignore로 두세요"
        ),
    ),
    Text(
        "Step %d: %s; back to the weights of step %d, on with the next examples",
        "%d스텝: %s. %d스텝의 가중치로 되돌아가 다음 예시로 이어 갑니다",
    ),
    Text("; this fits: {settings}", ". 이렇게 하면 들어갑니다: {settings}"),
    Text("; no settings of this model do", ". 이 모델은 설정을 바꿔도 들어가지 않습니다"),
    Text("{path}: is complete and kept", "{path}: 끝난 것이라 그대로 둡니다"),
    Text(
        "{fold}: its scores are left out, which are of {setting} = {value}",
        "{fold}: {setting} = {value}(으)로 매긴 점수라 뺍니다",
    ),
    Text("Fold {number} of {all}", "폴드 {number}/{all}"),
    Text("Figures: {path}", "수치: {path}"),
    Text(
        "{count} folds, each on its own rows (mean, standard deviation over folds):",
        "폴드 {count}개, 저마다 제 행으로 평가(폴드의 평균, 표준편차):",
    ),
    Text(
        "{count} of {all} folds are complete; the same command goes on",
        "폴드 {all}개 가운데 {count}개를 마쳤습니다. 같은 명령으로 이어집니다",
    ),
    Text(
        "{count} of {all} folds are complete; the same command without --overwrite goes on",
        "폴드 {all}개 가운데 {count}개를 마쳤습니다. --overwrite 없이 같은 명령으로 이어집니다",
    ),
    Text(
        (
            "Of {count} models by MBR ({metric}): ROUGE sum {score}, {change} against the mean single model's {mean} "
            "(95% interval {low} to {high}, n = {number}), for {times} times the work"
        ),
        (
            "모델 {count}개 가운데 MBR({metric})로 고름: ROUGE 합 {score}, 모델 하나의 평균 {mean}보다 {change}(95% "
            "신뢰 구간 {low} ~ {high}, n = {number}), 계산량은 {times}배"
        ),
    ),
    Text(
        (
            "Ensemble of {count} folds by MBR ({metric}): ROUGE sum {score}, {change} against the mean single fold's "
            "{mean} (95% interval {low} to {high}, n = {number})"
        ),
        (
            "폴드 {count}개를 MBR({metric})로 고른 앙상블: ROUGE 합 {score}, 폴드 하나의 평균 {mean}보다 {change}(95% "
            "신뢰 구간 {low} ~ {high}, n = {number})"
        ),
    ),
    Text("{adapter}: trained on {a}, used on {b}", "{adapter}: {a}에서 학습했는데 {b}에 씁니다"),
    Text("The run goes on without the curve of %s: %s", "%s 곡선 없이 계속합니다: %s"),
    Text("Refining has ended: %s", "보상 학습을 마쳤습니다: %s"),
    Text("In %g minutes %d steps are made, %.2f s each", "%g분 동안 %d스텝을 합니다(스텝당 %.2f초)"),
    Text("Compare: {command}", "비교:    {command}"),
    Text(
        (
            "Step %d of %d: reward %.1f (score %.1f), %.1f words, %.0f%% ended, %.0f%% copied, %.0f%% repeated, "
            "entropy %.2f, %.1f s"
        ),
        (
            "스텝 %d/%d: 보상 %.1f(점수 %.1f), 단어 %.1f개, 끝맺음 %.0f%%, 그대로 가져옴 %.0f%%, 반복 %.0f%%, "
            "엔트로피 %.2f, %.1f초"
        ),
    ),
    Text(
        (
            "Evaluation dialogues: reward %.2f -> %.2f (step %d), score %.2f -> %.2f, facts kept %.0f%% -> %.0f%%, "
            "facts unsupported %.2f -> %.2f a summary, words %.1f -> %.1f"
        ),
        (
            "평가 대화: 보상 %.2f -> %.2f(스텝 %d), 점수 %.2f -> %.2f, 지킨 사실 %.0f%% -> %.0f%%, 근거 없는 사실 "
            "요약당 %.2f -> %.2f, 단어 %.1f -> %.1f"
        ),
    ),
    Text(
        "The checkpoint asks for {settings}; generation.* decides alone",
        "체크포인트가 {settings:을/를} 권하지만 generation.* 설정만 따릅니다",
    ),
    Text(
        "{checkpoint}: {names} left out, which a text model has no use for ({count} in all)",
        "{checkpoint}: 텍스트 모델에 쓸모없는 {names:을/를} 뺐습니다(모두 {count}개)",
    ),
    Text(
        (
            "{checkpoint}: its config.json ties the head to the embedding, and it holds a head of its own that "
            "differs: that head is used"
        ),
        (
            "{checkpoint}: config.json은 출력층을 임베딩과 같다고 하는데 다른 출력층이 들어 있습니다. 들어 있는 것을 "
            "씁니다"
        ),
    ),
    Text(
        "lora.dropout = {dropout} becomes 0: it can't be had on stacked experts ({names})",
        "lora.dropout = {dropout:을/를} 0으로 바꿉니다. 한데 쌓인 전문가 층({names})에는 쓸 수 없습니다",
    ),
    Text(
        "Facts and copying are not checked: the dialogues are not given.",
        "대화가 주어지지 않아 사실과 복사는 검사하지 않았습니다.",
    ),
    Text("{count} messages of {format}", "{format} 메시지 {count}개"),
    Text(
        "{count} messages of {format}; {number} without words were left out",
        "{format} 메시지 {count}개(말이 없는 {number}개는 뺐습니다)",
    ),
    Text("looks like an export that is not read; {advice}", "내보낸 대화로 보이지만 읽지 못했습니다. {advice:t}"),
    Text(
        "no message of {format} in it; leave out data.dialogue_format={name}",
        "{format} 메시지가 없습니다. data.dialogue_format={name} 설정을 빼세요",
    ),
    Text(
        "{source}: no message of {format} in it; leave out data.dialogue_format={name}",
        "{source}: {format} 메시지가 없습니다. data.dialogue_format={name} 설정을 빼세요",
    ),
)
