"""Errors of runs that go on: refining, checkpoints and folds.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

RESUME_ERRORS = (
    Text("{folder}: manifest.json is missing or can't be read", "{folder}: manifest.json이 없거나 읽을 수 없습니다"),
    Text(
        "{folder}: files differ from its manifest.json ({names})", "{folder}: 파일이 manifest.json과 다릅니다({names})"
    ),
    Text("{folder}: {name} has {a} of {b} bytes", "{folder}: {name:이/가} {b}바이트 가운데 {a}바이트뿐입니다"),
    Text("{folder}: {name} has changed since it was written", "{folder}: {name:이/가} 쓴 뒤에 바뀌었습니다"),
    Text("{folder}: is gone", "{folder}: 없어졌습니다"),
    Text(
        "{folder}: needs the best weights so far; {lost}", "{folder}: 그때까지 가장 좋은 가중치가 필요합니다. {lost:t}"
    ),
    Text(
        "settings of another version of yoyak ({count} can't be read)",
        "다른 버전의 yoyak 설정({count}개를 읽을 수 없음)",
    ),
    Text(
        "experiment.name = {name}: is the run that is refined; name another",
        "experiment.name = {name}: 더 학습할 그 실행입니다. 다른 이름을 지정하세요",
    ),
    Text("{setting} is the final model of {run}; leave it out", "{setting:은/는} {run}의 최종 모델입니다. 빼세요"),
    Text(
        "{setting} has no part in refining; set {other}",
        "{setting:은/는} 보상 학습에 쓰이지 않습니다. {other:을/를} 지정하세요",
    ),
    Text("{setting} has no part in refining; leave it out", "{setting:은/는} 보상 학습에 쓰이지 않습니다. 빼세요"),
    Text(
        "{setting}: the run's model was trained with {value}; leave it out",
        "{setting}: 실행의 모델은 {value:으로/로} 학습했습니다. 빼세요",
    ),
    Text(
        "{run}: no finished run; name a run's folder, such as outputs/NAME, or its final_model",
        "{run}: 끝난 실행이 없습니다. outputs/이름 같은 실행 폴더나 그 final_model을 지정하세요",
    ),
    Text(
        (
            "{folder}: can't go on: {model} has other weights than when this refining began; begin anew with "
            "--overwrite or another experiment.name"
        ),
        (
            "{folder}: 이어서 할 수 없습니다. {model}의 가중치가 refine을 시작할 때와 다릅니다. --overwrite나 다른 "
            "experiment.name으로 처음부터 하세요"
        ),
    ),
    Text(
        (
            "{place}: can't go on, this is another run: {differing}; set it back, or begin anew with --overwrite or "
            "another experiment.name"
        ),
        (
            "{place}: 다른 실행이라 이어서 할 수 없습니다({differing:t}). 되돌리거나, --overwrite나 다른 "
            "experiment.name으로 처음부터 하세요"
        ),
    ),
    Text("model.checkpoint {name} has other weights", "model.checkpoint {name}의 가중치가 다름"),
    Text("data.train {file} gives other examples", "data.train {file}의 예시가 다름"),
    Text("data.eval {file} gives other examples", "data.eval {file}의 예시가 다름"),
    Text("{one} is {now}, was {before}", "{one}: 전에는 {before}, 지금은 {now}"),
    Text(
        "the run was on {a}, here is {b}: it can't go on; begin anew with --overwrite",
        "실행은 {a}에서 했는데 여기는 {b:이라/라} 이어서 할 수 없습니다. --overwrite로 처음부터 하세요",
    ),
    Text(
        "{folder}: can't go on: {why}; begin anew with --overwrite",
        "{folder}: 이어서 할 수 없습니다({why:t}). --overwrite로 처음부터 하세요",
    ),
    Text(
        (
            "{folder}: {name} is a pickle, which can run code when it is loaded; checkpoints hold none; remove this "
            "checkpoint, or start anew with --overwrite"
        ),
        (
            "{folder}: {name:은/는} 불러올 때 코드를 실행할 수 있는 pickle입니다. 체크포인트에는 없어야 할 파일이니 "
            "이 체크포인트를 지우거나 --overwrite로 처음부터 하세요"
        ),
    ),
    Text(
        "{folder}: {name} is no file of a checkpoint; take it away",
        "{folder}: {name:은/는} 체크포인트의 파일이 아닙니다. 치우세요",
    ),
    Text(
        (
            "{folder}: a file is larger than this process may write; nothing half-written was kept; raise the limit "
            "(ulimit -f) or set experiment.output_dir"
        ),
        (
            "{folder}: 이 프로세스가 쓸 수 있는 크기를 넘는 파일입니다. 쓰다 만 파일은 남기지 않았습니다. 한도(ulimit "
            "-f)를 늘리거나 experiment.output_dir을 바꾸세요"
        ),
    ),
    Text(
        (
            "{folder}: can't be written any more ({why}); what was saved before is whole; make it writable or set "
            "experiment.output_dir"
        ),
        (
            "{folder}: 더는 쓸 수 없습니다({why:t}). 그 전에 저장한 것은 온전합니다. 쓸 수 있게 하거나 "
            "experiment.output_dir을 바꾸세요"
        ),
    ),
    Text(
        "{model}: is missing; pass --overwrite to train the folds anew",
        "{model}: 없습니다. --overwrite로 폴드를 처음부터 학습하세요",
    ),
    Text(
        "{folder}: holds {a} folds, not {b}; pass --overwrite, or set experiment.name=OTHER",
        "{folder}: 폴드가 {b}개가 아니라 {a}개 있습니다. --overwrite를 붙이거나 experiment.name=다른이름을 지정하세요",
    ),
    Text(
        "{folder}: is there already and holds no folds; set experiment.name=OTHER",
        "{folder}: 이미 있는 폴더인데 폴드가 아닙니다. experiment.name=다른이름을 지정하세요",
    ),
    Text(
        (
            "{folder}: was trained with {name} = {a}, not {b}; pass --overwrite to train all folds anew, or set "
            "experiment.name=OTHER"
        ),
        (
            "{folder}: {name} = {b:이/가} 아니라 {a:으로/로} 학습했습니다. 모든 폴드를 다시 학습하려면 --overwrite를 "
            "붙이고, 아니면 experiment.name=다른이름을 지정하세요"
        ),
    ),
    Text(
        (
            "{path}: the training data have changed since; pass --overwrite to train all folds anew, or set "
            "experiment.name=OTHER"
        ),
        (
            "{path}: 그 뒤로 학습 데이터가 바뀌었습니다. 모든 폴드를 다시 학습하려면 --overwrite를 붙이고, 아니면 "
            "experiment.name=다른이름을 지정하세요"
        ),
    ),
)
