"""Errors of generating summaries, and of the files that they go to.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

GENERATION_ERRORS = (
    Text(
        (
            "out of memory with one dialogue of {tokens} tokens (prompt, summary, beams); lower "
            "tokenizer.encoder_max_len or generation.num_beams, or set lora.use_qlora=true"
        ),
        (
            "대화 하나({tokens}토큰: 프롬프트, 요약, 빔)에도 메모리가 모자랍니다. tokenizer.encoder_max_len이나 "
            "generation.num_beams를 낮추거나 lora.use_qlora=true로 두세요"
        ),
    ),
    Text(
        "Out of memory with %d dialogues at a time; going on with %d",
        "대화를 한 번에 %d개씩 하기에는 메모리가 모자라 %d개씩 합니다",
    ),
    Text(
        "dialogue {number} has no summary to choose from; give it at least one",
        "{number}번째 대화에 고를 요약이 없습니다. 하나 이상 주세요",
    ),
    Text(
        "unknown metric '{name}' for MBR; choose rouge_sum or chrf",
        "MBR에 '{name}' 지표는 쓸 수 없습니다. rouge_sum과 chrf 가운데 고르세요",
    ),
    Text(
        (
            "{model}: the model's scores of a text are no numbers (NaN or infinite): its weights or its adapter are "
            "broken; get them again"
        ),
        "{model}: 모델이 낸 점수가 수가 아닙니다(NaN이나 무한대). 가중치나 어댑터가 깨져 있으니 다시 받으세요",
    ),
    Text(
        "--out {path}: a folder; name a file in it, such as {file}",
        "--out {path}: 폴더입니다. {file:처럼} 그 안의 파일을 지정하세요",
    ),
    Text(
        "--out {path}: rows are written to {suffixes} files; use one of these",
        "--out {path}: 행은 {suffixes} 파일로 씁니다. 이 가운데 하나로 끝내세요",
    ),
    Text("{name}: its columns are {a}, not {b}", "{name}: 열이 {b:이/가} 아니라 {a}입니다"),
    Text(
        "{place}: not a JSON object; pass --overwrite to begin anew",
        "{place}: JSON 객체가 아닙니다. 처음부터 다시 하려면 --overwrite를 붙이세요",
    ),
    Text(
        "{place}: broken JSON ({why}); pass --overwrite to begin anew",
        "{place}: JSON이 잘못되었습니다({why}). 처음부터 다시 하려면 --overwrite를 붙이세요",
    ),
    Text(
        (
            "{path}: was made with {name} = {a}, not {b} (and {count} more); pass --overwrite to begin anew, or --out "
            "with another file"
        ),
        (
            "{path}: {name} = {b:이/가} 아니라 {a:으로/로} 만든 파일입니다(그 밖에 {count}개 더 다름). 처음부터 다시 "
            "하려면 --overwrite를 붙이고, 아니면 --out으로 다른 파일을 지정하세요"
        ),
    ),
    Text(
        "{path}: was made with {name} = {a}, not {b}; pass --overwrite to begin anew, or --out with another file",
        (
            "{path}: {name} = {b:이/가} 아니라 {a:으로/로} 만든 파일입니다. 처음부터 다시 하려면 --overwrite를 "
            "붙이고, 아니면 --out으로 다른 파일을 지정하세요"
        ),
    ),
    Text(
        "{path}: cannot be written ({why}); name another file with --out",
        "{path}: 쓸 수 없습니다({why:t}). --out으로 다른 파일을 지정하세요",
    ),
    Text(
        "{path}: is there already, without {file}; pass --overwrite to begin anew, or --out with another file",
        (
            "{path}: 이미 있는데 {file:이/가} 없습니다. 처음부터 다시 하려면 --overwrite를 붙이고, 아니면 --out으로 "
            "다른 파일을 지정하세요"
        ),
    ),
    Text(
        "{path}: cannot be read ({why}); pass --overwrite to begin anew, or --out with another file",
        (
            "{path}: 읽을 수 없습니다({why:t}). 처음부터 다시 하려면 --overwrite를 붙이고, 아니면 --out으로 다른 "
            "파일을 지정하세요"
        ),
    ),
    Text(
        "{path}: row {row} is none of the input's; pass --overwrite to begin anew, or --out with another file",
        (
            "{path}: {row}번째 행이 입력에 없습니다. 처음부터 다시 하려면 --overwrite를 붙이고, 아니면 --out으로 다른 "
            "파일을 지정하세요"
        ),
    ),
    Text(
        "{path} has {done} of {all} summaries; the same command goes on",
        "요약 {all}개 가운데 {done}개가 {path}에 있고, 같은 명령으로 이어집니다",
    ),
    Text(
        "generation.mbr_references = start: {model}: {why}; set generation.mbr_references=own",
        "generation.mbr_references = start: {model}: {why:t}. generation.mbr_references=own으로 하세요",
    ),
    Text(
        "generation.mbr_references = start: is for models that were refined; leave it out of training",
        "generation.mbr_references = start: refine한 모델에 쓰는 설정이니 학습에서는 빼세요",
    ),
    Text(
        "{folder}: holds another adapter than the one that is loaded was refined from",
        "{folder}: 읽은 모델이 refine되기 전의 어댑터가 아닙니다",
    ),
    Text(
        "nothing was kept; with --out FILE a stopped run goes on where it was",
        "아무것도 남기지 않았습니다. --out 파일을 쓰면 멈춘 곳에서 이어집니다",
    ),
    Text(
        "--also names further models beside --adapter; name the first one there",
        "--also는 --adapter 외의 모델을 더합니다. 첫 모델은 --adapter로 지정하세요",
    ),
    Text("without --out no file is written", "--out 없이는 파일을 쓰지 않습니다"),
    Text(
        "--spreadsheet is of CSV and TSV files, and here is one dialogue; leave it out",
        "--spreadsheet는 CSV와 TSV 파일에 쓰이는데 대화가 하나입니다. 빼세요",
    ),
    Text(
        "--spreadsheet is of CSV and TSV files, and JSON Lines are written; leave it out",
        "--spreadsheet는 CSV와 TSV 파일에 쓰이는데 JSON Lines로 저장합니다. 빼세요",
    ),
    Text(
        "--also writes JSON Lines; leave --spreadsheet out",
        "--also는 JSON Lines로 저장합니다. --spreadsheet를 빼세요",
    ),
    Text(
        "--also chooses among trained models; leave --zero-shot out",
        "--also는 학습한 모델들의 요약 중에서 고릅니다. --zero-shot을 빼세요",
    ),
    Text(
        "--also {name}: no such folder; name that of an adapter, such as a checkpoint of a run",
        "--also {name}: 폴더가 없습니다. 실행의 체크포인트처럼 어댑터가 있는 폴더를 지정하세요",
    ),
    Text("--also {name}: is named twice", "--also {name}: 두 번 지정했습니다"),
    Text(
        "--out {path}: cannot be written ({why}); the summary was printed instead",
        "--out {path}: 쓸 수 없습니다({why:t}). 대신 요약을 출력했습니다",
    ),
    Text("the summary was not finished", "요약을 끝내지 못했습니다"),
    Text(
        "{count} summaries ran into tokenizer.decoder_max_len in a loop",
        "요약 {count}개가 같은 말을 되풀이하다 tokenizer.decoder_max_len에 걸렸습니다",
    ),
    Text(
        "{count} summaries ran into tokenizer.decoder_max_len in a loop, whose repetition was cut off",
        "요약 {count}개가 같은 말을 되풀이하다 tokenizer.decoder_max_len에 걸려, 되풀이한 부분을 잘라 냈습니다",
    ),
)
