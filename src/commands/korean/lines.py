"""Lines and tables of the commands, and lines of a run.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

LINES = (
    Text("yoyak studio is at {address}", "스튜디오 주소: {address}"),
    Text("Ctrl-C ends it; runs go on.", "Ctrl-C로 끝냅니다. 실행은 계속됩니다."),
    Text("Run %s, log in %s", "실행 폴더 %s, 로그 %s"),
    Text("Not used: %s", "쓰지 않음: %s"),
    Text("No whole checkpoint: training begins at step 0", "온전한 체크포인트가 없어 처음부터 학습합니다"),
    Text("Going on from %s", "%s에서 이어서 학습합니다"),
    Text(
        "The last bits may differ from an uninterrupted run's: %s",
        "중단하지 않은 실행과 마지막 비트가 다를 수 있습니다: %s",
    ),
    Text(
        "The run goes on with %d processes, and had %d: its numbers are equal to rounding, not to the last bit",
        "프로세스 %d개로 이어서 합니다(전에는 %d개). 수치는 반올림 오차까지만 같고 마지막 비트까지 같지는 않습니다",
    ),
    Text("Stopped after step %d of training%s", "학습 %d스텝을 마치고 멈췄습니다%s"),
    Text("; its state is in {checkpoint}", ". 상태는 {checkpoint}에 있습니다"),
    Text("Stopped; what was not finished is not kept", "멈췄습니다. 끝내지 못한 것은 남기지 않았습니다"),
    Text(
        "refine.warmup_steps = %d: of %d steps the learning rate rises in all, and is reached at the last one",
        "refine.warmup_steps = %d: 스텝 %d개 내내 학습률이 올라 마지막 스텝에서야 설정한 값이 됩니다",
    ),
    Text(
        "training.learning_rate = %g is low for LoRA, which hardly learns at it; try training.learning_rate=%s",
        (
            "training.learning_rate = %g은(는) LoRA에는 낮아 거의 배우지 못합니다. training.learning_rate=%s을(를) 써 "
            "보세요"
        ),
    ),
    Text(
        (
            "{busy} of {cores} cores are busy and this run has {threads} threads: training will be slow; "
            "OMP_NUM_THREADS={free} is faster here"
        ),
        (
            "코어 {cores}개 가운데 {busy}개가 이미 쓰이는데 이 실행은 스레드 {threads}개를 씁니다. 학습이 느려집니다. "
            "OMP_NUM_THREADS={free:이/가} 더 빠릅니다"
        ),
    ),
    Text(
        (
            "{busy} of {cores} cores are busy and this run has {threads} thread: training will be slow; "
            "OMP_NUM_THREADS={free} is faster here"
        ),
        (
            "코어 {cores}개 가운데 {busy}개가 이미 쓰이는데 이 실행은 스레드 {threads}개를 씁니다. 학습이 느려집니다. "
            "OMP_NUM_THREADS={free:이/가} 더 빠릅니다"
        ),
    ),
    Text(
        "{busy} of {cores} cores are busy and this run has {threads} threads: training will be slow",
        "코어 {cores}개 가운데 {busy}개가 이미 쓰이는데 이 실행은 스레드 {threads}개를 씁니다. 학습이 느려집니다",
    ),
    Text(
        "{busy} of {cores} cores are busy and this run has {threads} thread: training will be slow",
        "코어 {cores}개 가운데 {busy}개가 이미 쓰이는데 이 실행은 스레드 {threads}개를 씁니다. 학습이 느려집니다",
    ),
    Text(
        "{busy} of {cores} cores are busy: at rest this machine is faster; measure it again then",
        "코어 {cores}개 가운데 {busy}개가 쓰이고 있습니다. 쉴 때는 이 컴퓨터가 더 빠르니 그때 다시 재세요",
    ),
    Text("%s: %s from %s (%s)%s", "%s: 읽은 %s, %s(%s)%s"),
    Text("%s: has changed since %s was trained", "%s: %s 실행을 학습한 뒤에 바뀌었습니다"),
    Text(
        "%s: changed during the run, which used what it held at the start",
        "%s: 실행하는 동안 바뀌었습니다. 시작할 때의 내용을 썼습니다",
    ),
    Text("Compute: %s on %s (%s)", "계산: %s, %s(%s)"),
    Text("Parameters: %s of %s train", "파라미터: %s개 학습(전체 %s개)"),
    Text(
        "Of the layers' weights {adapted} have adapters and {quantized} are in 4 bit",
        "층 가중치 가운데 {adapted}에 어댑터가 붙고 {quantized:이/가} 4비트입니다",
    ),
    Text("%s: %s, sum's 95%% interval %.2f to %.2f", "%s: %s, 합의 95%% 신뢰 구간 %.2f ~ %.2f"),
    Text(
        "Trained %s in %.0f s, %.1f of them for checkpoints: loss %.3f%s, %.0f tokens/s, peak memory %.2f GB",
        "%s을 %.0f초에 학습(체크포인트 %.1f초 포함): loss %.3f%s, 초당 %.0f토큰, 최대 메모리 %.2f GB",
    ),
    Text(", ROUGE sum {value}", ", ROUGE 합 {value}"),
    Text("No plan: %s", "계획을 세울 수 없음: %s"),
    Text("Plan: about %s%s, %.2f s a step", "계획: 약 %s%s, 스텝당 %.2f초"),
    Text(" (an estimate)", "(추정)"),
    Text("Plan: %s", "계획: %s"),
    Text(
        "Plan against run: %.2f and %.2f GB, %.2f and %.2f s a step", "계획과 실제: %.2f, %.2f GB. 스텝당 %.2f, %.2f초"
    ),
    Text("Started all the same (--force)%s", "그래도 시작합니다(--force)%s"),
    Text("Engine: %s (%s)", "엔진: %s(%s)"),
    Text("Memory: %s", "메모리: %s"),
    Text(
        "step {step}/{all}  loss {loss}  {rate} tokens/s  {left} s left",
        "스텝 {step}/{all}  loss {loss}  초당 {rate}토큰  {left}초 남음",
    ),
    Text(
        "epoch {epoch}  evaluation loss {loss}  ROUGE sum {score}", "에폭 {epoch}  평가 loss {loss}  ROUGE 합 {score}"
    ),
    Text("epoch {epoch}  evaluation loss {loss}", "에폭 {epoch}  평가 loss {loss}"),
    Text("ROUGE F1 x100 ({how}; {n} dialogues)", "ROUGE F1 x100({how:t}, 대화 {n}개)"),
    Text("zero-shot", "학습 전"),
    Text("fine-tuned", "학습 후"),
    Text("zero_shot", "학습 전"),
    Text("sum", "합"),
    Text("mean", "평균"),
    Text("dialogue", "대화"),
    Text("reference", "기준 요약"),
    Text("before", "전"),
    Text("after", "후"),
    Text("Report:  {path}", "보고서:  {path}"),
    Text(
        'Next:    yoyak summarize "Anna: ... Ben: ..." --adapter {path}',
        '다음:    yoyak summarize "민지: ... 준호: ..." --adapter {path}',
    ),
    Text("{folder}: is complete, nothing to do", "{folder}: 이미 끝난 실행이라 할 일이 없습니다"),
    Text(
        "{source}: is not what {folder} was trained on; --overwrite trains anew",
        "{source}: {folder} 실행을 학습한 데이터와 다릅니다. --overwrite로 다시 학습합니다",
    ),
    Text("Loading {model} ...", "{model} 불러오는 중 ..."),
    Text("{done} summaries in {seconds} s, {rate} summaries/s", "요약 {done}개, {seconds}초, 초당 {rate}개"),
    Text("{path} has {done} of {all} summaries already", "요약 {all}개 가운데 {done}개가 이미 {path}에 있습니다"),
    Text("the dialogue is too long: {count} turns were left out", "대화가 너무 길어 발화 {count}개를 뺐습니다"),
    Text("{count} summaries in {path}, column {column}", "{path}에 요약 {count}개를 썼습니다({column} 열)"),
    Text(
        "The input's column summary is kept; the new one is generated_summary",
        "입력의 summary 열은 그대로 두고 새 요약은 generated_summary 열에 썼습니다",
    ),
    Text(
        "{count} summaries ran into tokenizer.decoder_max_len",
        "요약 {count}개가 tokenizer.decoder_max_len에 걸려 잘렸습니다",
    ),
    Text("{source}: {count} rows are left out ({reasons})", "{source}: 행 {count}개를 뺐습니다({reasons:t})"),
    Text("Summaries: {path}", "요약: {path}"),
    Text("No ids in common: joined row by row.", "겹치는 id가 없어 행 순서대로 짝지었습니다."),
    Text("Warning: {text}", "주의: {text:t}"),
    Text("stopped; {where}", "멈췄습니다. {where:t}"),
    Text(
        "the output can't be written any more ({why}); the run goes on",
        "더는 출력할 수 없습니다({why}). 실행은 계속됩니다",
    ),
    Text("Scores x100 ({how}; {n} dialogues)", "점수 x100({how:t}, 대화 {n}개)"),
    Text("score", "점수"),
    Text("95% interval", "95% 신뢰 구간"),
    Text("by chance", "무작위 기준"),
    Text("lead-3", "앞 세 발화"),
    Text("{number} ({low} to {high})", "{number}({low} ~ {high})"),
    Text("{number} ({low} to {high}) (within chance)", "{number}({low} ~ {high}, 무작위 기준 이내)"),
    Text("{done} of {all}", "{all} 중 {done}"),
    Text("Against the baseline", "비교 대상과의 차이"),
    Text("baseline", "비교 대상"),
    Text("difference", "차이"),
    Text("wins", "이김"),
    Text("ties", "비김"),
    Text("losses", "짐"),
    Text("Beyond overlap", "겹침 말고 다른 검사"),
    Text("summaries", "요약"),
    Text("references", "기준 요약"),
    Text("without an end token", "끝맺지 못한 요약"),
    Text("that ended in a loop", "같은 말을 되풀이하다 잘린 요약"),
    Text("empty", "빈 요약"),
    Text("length, against the references", "기준 대비 길이"),
    Text("repeated three-word sequences", "되풀이된 세 단어"),
    Text("words copied from the dialogue", "대화에서 그대로 옮긴 단어"),
    Text("words in a copied piece (density)", "이어서 옮긴 단어 수(density)"),
    Text("numbers that the dialogue does not hold", "대화에 없는 수"),
    Text("dates that the dialogue does not hold", "대화에 없는 날짜"),
    Text("names that the dialogue does not hold", "대화에 없는 이름"),
    Text("numbers and dates not judged", "판단하지 않은 수와 날짜"),
    Text("Not in the dialogue:", "대화에 없음:"),
    Text(
        "and in {count} more dialogues; --json lists all",
        "그 밖에 대화 {count}개에 더 있습니다. 모두 보려면 --json을 쓰세요",
    ),
    Text(
        "One dialogue: there is no chance floor, and the intervals say nothing.",
        "대화가 하나뿐이라 무작위 기준이 없고 신뢰 구간도 뜻이 없습니다.",
    ),
    Text("Bad rows", "쓸 수 없는 행"),
    Text("reason", "이유"),
    Text("rows", "행"),
    Text("first lines", "처음 나온 줄"),
    Text("first rows", "처음 나온 행"),
    Text("Per dialogue", "대화별 통계"),
    Text("turns", "발화 수"),
    Text("speakers", "화자 수"),
    Text("dialogue characters", "대화 글자 수"),
    Text("summary characters", "요약 글자 수"),
    Text("prompt tokens", "프롬프트 토큰"),
    Text("repeated dialogues", "되풀이된 대화"),
    Text("turns without a speaker", "말하는 사람이 없는 발화"),
    Text("most common speakers", "자주 나오는 사람"),
    Text("none", "없음"),
    Text("Prompt tokens before truncation", "자르기 전의 프롬프트 토큰"),
    Text(
        "{over} of {all} ({share}%) exceed {limit} tokens and lose turns",
        "{all}개 가운데 {over}개({share}%)가 {limit}토큰을 넘어 발화를 잃습니다",
    ),
    Text("Truncation: {text}", "자르기: {text:t}"),
    Text("Lengths in tokens are left out: {why}", "토큰 길이는 세지 못했습니다: {why:t}"),
    Text("{split}: no file {path}; using {lengths}", "{split}: {path} 파일이 없어 {lengths:t}로 계산합니다"),
    Text(
        "{split}: the model's tokenizer is not here; lengths are estimates",
        "{split}: 모델의 토크나이저가 없어 길이는 추정값입니다",
    ),
    Text("completed", "완료"),
    Text("interrupted", "중단됨"),
    Text("failed", "실패"),
    Text("running", "실행 중"),
    Text("file", "파일"),
    Text("encoding", "인코딩"),
    Text("usable rows", "쓸 수 있는 행"),
    Text("bad rows", "쓸 수 없는 행"),
    Text("composed (NFC)", "합친 자모(NFC)"),
    Text("read as turns", "발화로 읽은 것"),
    Text("exports not read", "읽지 못한 내보내기"),
    Text("{count} ({number} lines)", "{count}({number}줄)"),
    Text("{count} rows", "{count}행"),
    Text("{count} examples, none shortened", "예시 {count}개, 줄인 것 없음"),
    Text("{count} example, none shortened", "예시 {count}개, 줄인 것 없음"),
    Text(
        (
            "{count} examples, {dialogues} dialogues shortened ({turns} turns, {tokens} tokens cut), {summaries} "
            "summaries longer than decoder_max_len, kept whole"
        ),
        (
            "예시 {count}개, 대화 {dialogues}개를 줄임(발화 {turns}개, 토큰 {tokens}개를 뺌), decoder_max_len보다 긴 "
            "요약 {summaries}개는 그대로 둠"
        ),
    ),
    Text(
        "{count} examples, {dialogues} dialogues shortened ({turns} turns, {tokens} tokens cut)",
        "예시 {count}개, 대화 {dialogues}개를 줄임(발화 {turns}개, 토큰 {tokens}개를 뺌)",
    ),
    Text(
        "{count} examples, {summaries} summaries longer than decoder_max_len, kept whole",
        "예시 {count}개, decoder_max_len보다 긴 요약 {summaries}개는 그대로 둠",
    ),
    Text("... {count} turns ...", "... 발화 {count}개 ..."),
    Text("the shipped histogram of {count} Korean dialogues", "함께 들어 있는 한국어 대화 {count}개의 길이 분포"),
    Text("summaries/s  left", "개/초  남은 시간"),
    Text("Training", "학습"),
    Text(
        "steps  loss {task.fields[loss]}  {task.fields[rate]} tokens/s  left",
        "스텝  loss {task.fields[loss]}  초당 {task.fields[rate]}토큰  남은 시간",
    ),
    Text("Scoring", "채점"),
    Text("Summarizing", "요약"),
    Text("{number} h", "{number}시간"),
    Text("{number} min", "{number}분"),
    Text("{number} s", "{number}초"),
    Text(
        "The prompt is not the one that the model was trained with: {settings} differ",
        "학습할 때와 프롬프트가 다릅니다: {settings}",
    ),
    Text(
        "An older version trained this model without an empty reasoning block, so it gets none",
        "예전 버전이 빈 추론 블록 없이 학습한 모델이라 넣지 않습니다",
    ),
    Text("{low} to {high}", "{low} ~ {high}"),
    Text("%s is gone; it is made again with all that it held", "%s이(가) 없어져, 담겨 있던 내용으로 다시 만들었습니다"),
    Text("%s: can't be written (%s)", "%s: 쓸 수 없습니다(%s)"),
    Text("Probe: %s", "시험 계산: %s"),
    Text(
        "Probe: %s; the trainer engine is taken, with the model's own forward",
        "시험 계산: %s. 모델 자체 forward를 쓰는 trainer 엔진으로 학습합니다",
    ),
    Text(
        "Probe: %s; transformers generates, which is slower",
        "시험 계산: %s. 더 느린 transformers로 생성합니다",
    ),
    Text("%s needs CUDA; %s is used on the CPU", "%s에는 CUDA가 필요해 CPU에서는 %s을(를) 씁니다"),
    Text(
        "Optimizer: %s would page nothing that does not fit; %s computes the same without waiting for the GPU",
        "옵티마이저: %s 대신(메모리가 모자라지 않아 페이징할 것이 없음) 같은 계산을 기다림 없이 하는 %s을(를) 씁니다",
    ),
    Text("{a}, sum {sum}, mean {mean} ({how}; {n} dialogues)", "{a}, 합 {sum}, 평균 {mean}({how:t}, 대화 {n}개)"),
    Text("{how}, stemmed", "{how}, 어간 추출"),
    Text("Summarizing {n} dialogues", "대화 {n}개 요약"),
    Text(
        "{count} {what} held reasoning in tags such as <think>, which was left out",
        "{what:t} {count}개에 <think> 같은 추론이 들어 있어 뺐습니다",
    ),
    Text("summary", "요약"),
    Text(
        (
            "{a}: within what chance alone gives. These summaries fit their own dialogues' references no better than "
            "those of others."
        ),
        (
            "{a:t}: 무작위 기준 안에 있습니다. 이 요약들은 다른 대화의 기준 요약보다 제 대화의 기준 요약과 더 잘 맞지 "
            "않습니다."
        ),
    ),
)
