"""Errors and notes of files of summaries, of scores and of comparisons.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

SCORING_ERRORS = (
    Text(
        "--predictions and --references score files: leave out --experiment, --adapter, KEY=VALUE (but for data.*)",
        "--predictions와 --references는 파일을 채점합니다. --experiment, --adapter와 설정(data.*는 빼고)을 지우세요",
    ),
    Text("{why}: leave out {options}", "{why:t}. {options} 옵션을 빼세요"),
    Text("--predictions and --references score files", "--predictions와 --references는 파일을 채점합니다"),
    Text("without --predictions a model is scored", "--predictions가 없으면 모델을 채점합니다"),
    Text("without --baseline there is nothing to compare with", "--baseline이 없으면 비교할 것이 없습니다"),
    Text(
        "{source}: no column '{column}'; {columns}; both files need it, or neither with --by-row",
        "{source}: '{column}' 열이 없습니다({columns:t}). 두 파일에 모두 넣거나, 둘 다 빼고 --by-row를 쓰세요",
    ),
    Text(
        (
            "{source}: no ids in common with {other} ({names}, or data.id_column); add them, or say --by-row where "
            "the rows of both stand in the same order"
        ),
        (
            "{source}: {other} 파일과 겹치는 id가 없습니다({names} 또는 data.id_column). id를 넣거나, 두 파일의 행 "
            "순서가 같다면 --by-row를 붙이세요"
        ),
    ),
    Text(
        "{source}: {a} rows, but {other} has {b}; without a column '{column}' rows are joined by their order",
        "{source}: 행이 {a}개인데 {other}에는 {b}개입니다. '{column}' 열이 없으면 행 순서대로 짝짓습니다",
    ),
    Text(
        "{source}: {count} ids without a {kind}, such as {id}; both files need the same {name}",
        "{source}: id {count}개에 {kind:t:이/가} 없습니다(예: {id}). 두 파일의 {name:이/가} 같아야 합니다",
    ),
    Text("prediction", "요약"),
    Text(
        (
            "{source}: {count} of {all} ids have another dialogue in {other}, such as {id}; give the same dialogue "
            "the same id in both files"
        ),
        (
            "{source}: id {all}개 가운데 {count}개의 대화가 {other}에서는 다릅니다(예: {id}). 두 파일에서 같은 대화에 "
            "같은 id를 붙이세요"
        ),
    ),
    Text(
        (
            "{source}: {count} of {all} ids have another dialogue there, such as {id}; give the same dialogue the "
            "same id in both files"
        ),
        (
            "{source}: id {all}개 가운데 {count}개의 대화가 그 파일에서는 다릅니다(예: {id}). 두 파일에서 같은 대화에 "
            "같은 id를 붙이세요"
        ),
    ),
    Text("{source}: no column '{column}'; {columns}", "{source}: '{column}' 열이 없습니다({columns:t})"),
    Text(
        "{source}: '{column}' would be scored against itself; name other columns with --column and --reference-column",
        "{source}: '{column}' 열을 같은 열로 채점하게 됩니다. --column과 --reference-column으로 다른 열을 지정하세요",
    ),
    Text(
        (
            "{source}: '{column}' would be compared with itself; name another column with --baseline-column, or "
            "another file"
        ),
        "{source}: '{column}' 열을 같은 열과 비교하게 됩니다. --baseline-column으로 다른 열이나 다른 파일을 지정하세요",
    ),
    Text(
        "--baseline {path}: holds the summaries that are scored; name another file",
        "--baseline {path}: 채점하는 요약이 든 파일입니다. 다른 파일을 지정하세요",
    ),
    Text(
        "{source}: a run's predictions, whose '{column}' is the reference; say {choice}",
        "{source}: 실행의 요약 파일이라 '{column}' 열은 기준 요약입니다. {choice:을/를} 붙이세요",
    ),
    Text(
        "{source}: a run's predictions, whose '{column}' is the reference; say {a} or {b}",
        "{source}: 실행의 요약 파일이라 '{column}' 열은 기준 요약입니다. {a:이나/나} {b:을/를} 붙이세요",
    ),
    Text(
        "{source}: both '{a}' and '{b}' may be the summaries; say {c} or {d}",
        "{source}: '{a}' 열과 '{b}' 열이 모두 요약일 수 있습니다. {c:이나/나} {d:을/를} 붙이세요",
    ),
    Text(
        "{source}: no column '{column}', as data.id_column says, nor in {other}; {columns}",
        "{source}: data.id_column의 '{column}' 열이 없고 {other} 파일에도 없습니다({columns:t})",
    ),
    Text(
        "{source}: both '{a}' and '{b}'; keep the one or the numbered ones",
        "{source}: '{a}' 열과 '{b}' 열이 모두 있습니다. 하나만 두거나 번호 붙은 것만 두세요",
    ),
    Text(
        "{source}: no column '{a}' (or '{b}', ...); {columns}; name one with --reference-column",
        "{source}: '{a}' 열('{b}' 등)이 없습니다({columns:t}). --reference-column으로 지정하세요",
    ),
    Text("{place}: the reference is empty; leave the row out", "{place}: 기준 요약이 비어 있습니다. 행을 빼세요"),
    Text(
        ("{place}: a reference is '{cell}', as programs write a missing one; leave the cell empty, or the row out"),
        ("{place}: 기준 요약이 '{cell}'입니다. 값이 없을 때 프로그램이 쓰는 글입니다. 칸을 비우거나 행을 빼세요"),
    ),
    Text(
        (
            "{source}: {count} of {all} summaries are '{cell}' or the like, as programs write a missing one; scored as "
            "words."
        ),
        (
            "{source}: 요약 {all}개 가운데 {count}개가 '{cell}' 같은, 값이 없을 때 프로그램이 쓰는 글입니다. 글로 "
            "채점합니다."
        ),
    ),
    Text(
        (
            "{source}: {count} of {all} summaries have \\n as two characters, which are scored with the words beside "
            "them; write real line ends."
        ),
        (
            "{source}: 요약 {all}개 가운데 {count}개에 줄바꿈 대신 \\n 두 글자가 있어 옆 낱말과 함께 채점합니다. 실제 "
            "줄바꿈으로 쓰세요."
        ),
    ),
    Text(
        "{source}: {count} of {all} rows have another dialogue in {other}, such as {id}.",
        "{source}: 행 {all}개 가운데 {count}개의 대화가 {other}에서는 다릅니다(예: {id}).",
    ),
    Text(
        "{source}: {count} of {all} rows have no dialogue, such as {id}.",
        "{source}: 행 {all}개 가운데 {count}개에 대화가 없습니다(예: {id}).",
    ),
    Text(
        "{place}: no '{column}', which other rows have; mend the row",
        "{place}: 다른 행에 있는 '{column}'{column:-이/가} 없습니다. 행을 고치세요",
    ),
    Text(
        "{place}: '{column}' is '{cell}'; write true or false",
        "{place}: '{column}' 값이 '{cell}'입니다. true나 false로 쓰세요",
    ),
    Text("{place}: '{column}' is {kind}, not text", "{place}: '{column}' 값이 글이 아니라 {kind:t}입니다"),
    Text("{place}: {column} is {kind}; write it as text", "{place}: {column} 값이 {kind:t}입니다. 글로 쓰세요"),
    Text(
        "{place}: mixed ids: {column} is {a} here and {b} in {unit} {line}; write all of them as text",
        (
            "{place}: id가 섞여 있습니다. {column:이/가} 여기서는 {a:t}, {line}번째 {unit:t}에서는 {b:t}입니다. 모두 "
            "글로 쓰세요"
        ),
    ),
    Text("{place}: no {column}; give each row its own", "{place}: {column:이/가} 없습니다. 행마다 따로 붙이세요"),
    Text(
        "{place}: {column} {id} is that of {unit} {line} too; give each row its own",
        "{place}: {column} {id:은/는} {line}번째 {unit:t}에도 있습니다. 행마다 따로 붙이세요",
    ),
    Text("{place}: {reason}: {detail}; mend the row", "{place}: {reason:t}: {detail:t}. 행을 고치세요"),
    Text("{place}: {reason}; mend the row", "{place}: {reason:t}. 행을 고치세요"),
    Text("text", "글"),
    Text("a number", "수"),
    Text("a decimal number", "소수"),
    Text("a truth value", "참·거짓 값"),
    Text("a list", "목록"),
    Text("something", "다른 것"),
    Text("no text", "글이 아닌 것"),
    Text("{source}: part of a model, not a file of summaries", "{source}: 요약 파일이 아니라 모델의 일부입니다"),
    Text(
        "{source}: a model's folder, not a file of summaries; to score a model: {command}",
        "{source}: 요약 파일이 아니라 모델 폴더입니다. 모델을 채점하려면: {command}",
    ),
    Text(
        "{source}: a run's folder; name its file {file}", "{source}: 실행 폴더입니다. 그 안의 {file:을/를} 지정하세요"
    ),
    Text("{source}: a folder; name a file", "{source}: 폴더입니다. 파일을 지정하세요"),
    Text(
        "{a}: no ids in common with {b}; joined by their dialogues.",
        "{a}: {b} 파일과 겹치는 id가 없어 대화로 짝지었습니다.",
    ),
    Text("{source}: the summaries are '{column}'.", "{source}: '{column}' 열을 요약으로 씁니다."),
    Text("{source}: the references are '{column}'.", "{source}: '{column}' 열을 기준 요약으로 씁니다."),
    Text("{count} empty summaries, such as {id}'s.", "빈 요약이 {count}개 있습니다(예: {id})."),
    Text("{count} summaries without an end token, such as {id}'s.", "끝맺지 못한 요약이 {count}개 있습니다(예: {id})."),
    Text(
        "{count} {name} for {all} predictions; give one a dialogue",
        "요약은 {all}개인데 {name:t:은/는} {count}개입니다. 대화마다 하나씩 주세요",
    ),
    Text("ids", "id 목록"),
    Text("dialogues", "대화 수"),
    Text("ended", "끝맺음 표시"),
    Text("looped", "되풀이 표시"),
    Text(
        "unknown way to count several references '{multi}'; choose {choices}",
        "--multi {multi}: 모르는 값입니다. {choices:,} 가운데 고르세요",
    ),
    Text(
        "predictions or references are one text; give a list with one text a dialogue",
        "요약이나 기준 요약이 글 하나입니다. 대화마다 글 하나씩 목록으로 주세요",
    ),
    Text(
        "{a} predictions and {b} references; give each prediction its reference",
        "요약은 {a}개인데 기준 요약은 {b}개입니다. 요약마다 기준 요약을 주세요",
    ),
    Text(
        "no predictions to score; give at least one prediction and its reference",
        "채점할 요약이 없습니다. 요약과 기준 요약을 하나 이상 주세요",
    ),
    Text(
        "dialogue {number} has no reference; give it one or leave the dialogue out",
        "{number}번째 대화에 기준 요약이 없습니다. 넣거나 그 대화를 빼세요",
    ),
    Text(
        "{name} of dialogue {number} is {kind}, not text; '' is an empty one",
        "{number}번째 대화의 {name:t} 값이 글이 아니라 {kind}입니다. 비었으면 ''로 쓰세요",
    ),
    Text(
        "{a} scores against {b}; compare two systems on the same dialogues",
        "점수가 {a}개와 {b}개입니다. 같은 대화로 두 시스템을 비교하세요",
    ),
    Text(
        "the chance floor needs the references of other dialogues; give at least 2 dialogues",
        "무작위 기준 점수에는 다른 대화의 기준 요약이 필요합니다. 대화를 2개 이상 주세요",
    ),
    Text("derangements is {count}; give at least 1", "derangements가 {count}입니다. 1 이상으로 쓰세요"),
    Text("no scores to resample; give one number a dialogue", "다시 뽑을 점수가 없습니다. 대화마다 수 하나씩 주세요"),
    Text("score of dialogue {number} is not a finite number", "{number}번째 대화의 점수가 유한한 수가 아닙니다"),
    Text("samples is {count}; give at least 1", "samples가 {count}입니다. 1 이상으로 쓰세요"),
    Text(
        "level is {level}; give a share between 0 and 1, such as 0.95",
        "level이 {level}입니다. 0.95처럼 0과 1 사이로 쓰세요",
    ),
    Text(
        "{made} were not there after {seconds} s: a worker hangs",
        "{made:t:이/가} {seconds}초 안에 나오지 않았습니다. 작업 프로세스가 멈춰 있습니다",
    ),
    Text(
        "a process that makes {made} has died (out of memory?); free memory and go on",
        "{made:t:을/를} 만드는 프로세스가 죽었습니다(메모리 부족일 수 있음). 메모리를 비우고 이어서 하세요",
    ),
    Text(
        "compare needs two runs or more; name them one after another: yoyak compare RUN RUN",
        "비교하려면 실행이 둘 이상 필요합니다. yoyak compare 실행 실행처럼 이어서 쓰세요",
    ),
    Text("{run}: named twice; compare a run with others", "{run}: 두 번 썼습니다. 다른 실행과 비교하세요"),
    Text(
        "{path}: the run ({status}) has no fine-tuned summaries to compare; train it with evaluation.generate=true",
        "{path}: 실행({status:t})에 비교할 학습 후 요약이 없습니다. evaluation.generate=true로 학습하세요",
    ),
    Text(
        "{path}: the run has no fine-tuned summaries to compare; train it with evaluation.generate=true",
        "{path}: 실행에 비교할 학습 후 요약이 없습니다. evaluation.generate=true로 학습하세요",
    ),
    Text(
        "--out {path}: is a folder; name the page's file, such as {file}",
        "--out {path}: 폴더입니다. {file:처럼} 페이지의 파일 이름까지 쓰세요",
    ),
    Text(
        "{path}: cannot be written: {why}; free the place and run again",
        "{path}: 쓸 수 없습니다({why:t}). 자리를 비우고 다시 실행하세요",
    ),
    Text(
        "{path}: no such file; a report needs the folder of a run, the one with {file} in it",
        "{path}: 파일이 없습니다. 보고서를 만들려면 {file:이/가} 든 실행 폴더를 지정하세요",
    ),
    Text(
        "{path}: not UTF-8 at byte {byte}; let the run write the file again",
        "{path}: {byte}번째 바이트가 UTF-8이 아닙니다. 실행을 다시 하여 파일을 새로 쓰세요",
    ),
    Text(
        "{where}: broken at {key}: {why}; mend the file or run again",
        "{where}: {key} 값이 잘못되었습니다({why:t}). 파일을 고치거나 다시 실행하세요",
    ),
    Text(
        "{where}: broken: {why}; mend the file or run again",
        "{where}: 내용이 잘못되었습니다({why:t}). 파일을 고치거나 다시 실행하세요",
    ),
)
