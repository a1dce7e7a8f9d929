"""What `yoyak search` prints, and its help.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

_LEAST = "적어도 {took:t} 필요합니다"

SEARCH = (
    Text(
        "evaluation.generate = false: a search goes by generated summaries; leave it out",
        "evaluation.generate = false: 설정 탐색은 생성한 요약을 보고 고릅니다. 빼세요",
    ),
    Text("How long it may run, such as 20m, 3h or 1h30m.", "탐색할 시간(20m, 3h, 1h30m 등)."),
    Text(
        "URL of an Optuna storage; SQLite beside the runs if not.",
        "Optuna 저장소의 URL. 없으면 실행 결과 옆의 SQLite 파일을 씁니다.",
    ),
    Text("Begin anew where the folder holds a search.", "폴더에 탐색이 있어도 처음부터 다시 합니다."),
    Text(
        "Try other settings of a config until a deadline; outputs go to outputs/NAME_search/, the best to best/ there.",
        "정해 둔 시간 동안 설정을 바꿔 가며 학습합니다. 결과는 "
        "outputs/이름_search/에, 가장 좋은 실행은 그 안의 best/에 둡니다.",
    ),
    Text(
        "How many trials yoyak search has time for, such as 3h.",
        "그 시간(3h 등)에 yoyak search가 몇 번 시도할 수 있는지 계산합니다.",
    ),
    Text(
        "About {n} trials of {model} in {took} on {card}, {done} of them to the end",
        "{card:t}에서 {took:t} 동안 {model:을/를} 약 {n}번 시도, 그중 {done}번은 끝까지",
    ),
    Text(
        "The config as it is takes {first}, a drawn trial {took} to its end, the score at the end {last}",
        "원래 설정은 {first:t}, 새 설정은 끝까지 {took:t}, 마지막 채점은 {last:t} 걸립니다",
    ),
    Text(
        "{took} of it are kept for what is added to the winner",
        "선택된 시도를 더 낫게 하는 데 쓰려고 남겨 두는 시간: {took:t}",
    ),
    Text(
        "{share} of what is drawn would not fit into memory", "뽑히는 설정의 {share:은/는} 메모리에 들어가지 않습니다"
    ),
    Text(
        "{took} allow no trial of {model} on {card}; the least is {least}",
        "{card:t}에서 {took:t} 안에는 {model:을/를} 한 번도 학습할 수 없습니다. 적어도 {least:t} 필요합니다",
    ),
    Text(
        "Another process goes on with this search and ends it",
        "다른 프로세스가 이 탐색을 계속하고 마무리합니다",
    ),
    Text(
        "Another process is ending this search; waiting for it",
        "다른 프로세스가 이 탐색을 마무리하고 있어 기다립니다",
    ),
    Text("the config as it is", "원래 설정 그대로"),
    Text(
        "Trial {number}: {what} (about {took}, {left} left)",
        "시도 {number}: {what:t} (약 {took:t}, 남은 시간 {left:t})",
    ),
    Text(
        "Trial {number} goes on: {what} (about {took}, {left} left)",
        "시도 {number} 이어서: {what:t} (약 {took:t}, 남은 시간 {left:t})",
    ),
    Text("ended after {took}: {found}", "{took:t} 만에 끝: {found}"),
    Text("paused after {took}: evaluation loss {found}", "{took:t} 뒤 멈춤: 평가 손실 {found}"),
    Text("paused after {took}: {found}", "{took:t} 뒤 멈춤: {found}"),
    Text("paused after {took}, not measured", "{took:t} 뒤 멈춤, 재지 못함"),
    Text(
        "Trial {number} has been ended by another process meanwhile; what this one found is not kept",
        "시도 {number}: 그사이 다른 프로세스가 끝냈으므로 이 프로세스가 얻은 결과는 남기지 않습니다",
    ),
    Text(
        "two processes have ended at it unexpectedly, the last one so: {why}",
        "프로세스 두 개가 이 시도에서 예기치 않게 끝났습니다. 마지막 이유: {why}",
    ),
    Text(
        "Ended:   a process at trial {number}, unexpectedly: {why}",
        "중단:    시도 {number}에서 프로세스가 예기치 않게 끝남: {why}",
    ),
    Text(
        "Trial {number} is put back, not failed: memory that other processes hold ran out ({why})",
        "시도 {number}: 실패로 치지 않고 나중에 다시 합니다. 다른 프로세스가 쓰는 메모리 때문에 모자랐습니다({why:t})",
    ),
    Text(
        "memory that other processes hold ran out {n} times in a row, the last time in trial {number} ({why}); end "
        "them, or set CUDA_VISIBLE_DEVICES to another card, and the same command goes on",
        "다른 프로세스가 쓰는 메모리 때문에 {n}번 연달아 모자랐습니다. 마지막은 시도 {number}({why:t}). 그 프로세스를 "
        "끝내거나 CUDA_VISIBLE_DEVICES로 다른 GPU를 고른 뒤 같은 명령을 실행하면 이어서 합니다",
    ),
    Text(
        "{place}: memory ran out when it was to summarize; free some, and the same command goes on",
        "{place}: 요약하려는데 메모리가 모자랐습니다. 메모리를 비우고 같은 명령을 실행하면 이어서 합니다",
    ),
    Text("memory ran out ({why})", "메모리가 모자랐습니다({why:t})"),
    Text(
        "{device}: {free} of {all} GB free, {planned} planned",
        "{device}: {all} GB 중 {free} GB 남음, {planned} GB 예상",
    ),
    Text("Trial {number} failed: {why}", "시도 {number} 실패: {why:t}"),
    Text(
        "{n} trials in {took}, {done} of them to the end; {over} never started",
        "{took:t} 동안 {n}번 시도해 {done}번은 끝까지 학습, {over}번은 시작하지 않음",
    ),
    Text(
        "Winner:  trial {number}: {score} ({low} to {high}) on {n} dialogues",
        "선택:    시도 {number}: {score}({low} ~ {high}), 대화 {n}개",
    ),
    Text(
        "Others:  {n} trials ended in {place}, where their weights are; the best is trial {number}: {score}",
        "다른 곳: {place}에서 시도 {n}개가 끝났고 가중치도 거기 있습니다. 가장 나은 것은 시도 {number}: {score}",
    ),
    Text("No trial has ended in this folder", "이 폴더에서 끝난 시도가 없습니다"),
    Text(
        "{url}: holds trials of {place} too, which --overwrite would replace; give another experiment.name",
        "{url}: {place}의 시도도 담겨 있어 --overwrite로 바꿀 수 없습니다. experiment.name을 다르게 하세요",
    ),
    Text(
        "{url}: holds trials of {folder} whose files are gone, trial {number} first; put them back, or begin anew with "
        "--overwrite or another experiment.name",
        "{url}: {folder}의 시도가 담겨 있는데 그 파일이 없습니다(시도 {number}부터). 파일을 되돌려 놓거나, "
        "--overwrite 또는 다른 experiment.name으로 새로 시작하세요",
    ),
    Text("Equal:   {others}, at a higher cost", "동등:    {others}(비용이 더 듦)"),
    Text(
        "Equal:   {others}, at a lower cost, but below the config as it is",
        "동등:    {others}(비용은 덜 들지만 원래 설정보다 점수가 낮음)",
    ),
    Text(
        "Gain:    {gain} ({low} to {high}) against the config as it is", "향상:    원래 설정보다 {gain}({low} ~ {high})"
    ),
    Text(
        "Test:    {score} ({low} to {high}) on {n} dialogues that nothing was chosen on",
        "확인:    선택에 쓰지 않은 대화 {n}개에서 {score}({low} ~ {high})",
    ),
    Text(
        "Gain:    {gain} ({low} to {high}) against the config as it is, {before} there",
        "향상:    원래 설정({before})보다 {gain}({low} ~ {high})",
    ),
    Text("Config:  {path}", "설정:    {path}"),
    Text("Added:   {name}: {score}, {gain} ({low} to {high})", "추가:    {name}: {score}, {gain}({low} ~ {high})"),
    Text("Untried: {kind}: {why}", "안 해 봄: {kind}: {why:t}"),
    Text(
        "there is no other model to average with; set {setting} or more",
        "평균을 낼 다른 모델이 없습니다. {setting} 이상으로 하세요",
    ),
    Text("there is no other model to average with", "평균을 낼 다른 모델이 없습니다"),
    Text("the config has beams, samples or MBR of its own", "설정에 빔 탐색, 샘플링이나 MBR이 이미 있습니다"),
    Text("the winner has beams, samples or MBR of its own", "선택된 시도에 빔 탐색, 샘플링이나 MBR이 이미 있습니다"),
    Text(
        "it takes three models to choose among; set {setting} or more",
        "모델이 셋은 있어야 고를 수 있습니다. {setting} 이상으로 하세요",
    ),
    Text(
        "of fewer than three models none is closer to the others",
        "모델이 셋보다 적으면 다른 요약에 더 가까운 것이 없습니다",
    ),
    Text("Gone:    {name}: {why}", "없음:    {name}: {why:t}"),
    Text(
        "Before:  {name} of an earlier end is still better than what trial {number} came to",
        "이전:    앞서 끝났을 때 남긴 {name:이/가} 시도 {number}의 결과보다 여전히 낫습니다",
    ),
    Text(
        "Before:  {name} ({score}) of an earlier end no longer counts: {why}",
        "이전:    앞서 끝났을 때 남긴 {name}({score})은 이제 쓰지 않습니다: {why:t}",
    ),
    Text("has the same settings as trial {number}", "시도 {number:과/와} 설정이 같습니다"),
    Text("search.additions leaves {kind} out", "search.additions에 {kind:이/가} 없습니다"),
    Text("what stands now scores {low}", "지금 결과는 {low}점입니다"),
    Text(
        "it has {facts} unsupported facts a summary, and {most} are allowed",
        "요약마다 근거 없는 사실이 {facts}개이고 {most}개까지만 허용됩니다",
    ),
    Text("{place} is no longer there", "{place:이/가} 이제 없습니다"),
    Text("Several: yoyak evaluate --adapter {path}", "여럿:    yoyak evaluate --adapter {path}"),
    Text(
        "{option} {text}: give a time such as 90s, 20m, 3h or 1h30m",
        "{option} {text}: 90s, 20m, 3h, 1h30m처럼 시간을 적어 주세요",
    ),
    Text(
        "yoyak search needs Optuna, which is not installed; pip install 'yoyak[search]'",
        "yoyak search에는 Optuna가 필요합니다. pip install 'yoyak[search]'로 설치하세요",
    ),
    Text(
        (
            "--deadline: {within} allows no trial; one takes {took} at the least, with loading and the score at the "
            "end, and {left} of it are left after the start"
        ),
        (
            f"--deadline: {{within:t}} 안에는 한 번도 학습할 수 없습니다. 불러오기와 마지막 채점까지 {_LEAST}. "
            "시작하고 남은 시간은 {left:t}입니다"
        ),
    ),
    Text(
        "--deadline: {within} allowed no trial to end; one takes {took} at the least; the same command with more goes "
        "on",
        f"--deadline: {{within:t}} 안에 끝난 시도가 없습니다. {_LEAST}. 시간을 늘려 같은 명령을 실행하면 이어서 합니다",
    ),
    Text(
        "{folder}: is there already and holds no search; set experiment.name=OTHER",
        "{folder}: 이미 있는 폴더인데 탐색 결과가 없습니다. experiment.name=다른이름으로 바꾸세요",
    ),
    Text("would take {took}, and {left} were left", "{took:t} 걸리는데 {left:t} 남아 있었습니다"),
    Text(
        "would take {took}, and {left} were left besides {beams} for beams",
        "{took:t} 걸리는데, 빔 탐색에 쓸 {beams:t:을/를} 빼면 {left:t} 남아 있었습니다",
    ),
    Text(
        "Evaluation loss: of %d of the %d evaluation dialogues, evenly spread",
        "평가 손실: 고르게 고른 %d개로 계산 (평가 대화 %d개 중)",
    ),
    Text("takes {size} GB of memory, more than there is", "메모리가 {size} GB 필요해 들어가지 않습니다"),
)
