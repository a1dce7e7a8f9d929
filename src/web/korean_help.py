"""The Korean half of the settings' help, for the form of a new run (the English one: `src/config/schema.py`)."""

KOREAN_HELP = {
    "model.type": "모델의 종류입니다. 디코더만 있는 언어 모델을 씁니다.",
    "model.size": "사람들이 부르는 크기(3B)로, 목록과 보고서에 나옵니다.",
    "model.dtype": (
        "GPU에서 계산하는 형식입니다. CPU와 bf16이 없는 GPU에서는 되는 것 중 가장 빠른 것을 골라 알려 줍니다."
    ),
    "model.chat_template": "대화 형식의 배치입니다. Llama 3, ChatML(Qwen), 또는 토크나이저의 템플릿을 씁니다.",
    "model.attn_implementation": (
        "transformers가 계산할 때의 어텐션 커널입니다. packed 엔진과 빠른 디코더의 것은 따로 있습니다."
    ),
    "model.revision": "허브 체크포인트의 커밋, 태그, 브랜치입니다. 커밋은 나중에 바뀌지 않습니다.",
    "lora.alpha": "어댑터의 배율입니다. 출력에 alpha / r을 곱합니다(rsLoRA는 alpha / sqrt(r)).",
    "lora.dropout": "어댑터 입력의 드롭아웃입니다.",
    "lora.target_modules": "어댑터를 붙일 선형 층의 이름입니다.",
    "lora.use_rslora": "랭크 안정화 LoRA(Kalajdzievski 2023)입니다.",
    "lora.use_dora": "가중치 분해 LoRA(Liu 외 2024)입니다. 느리지만 낮은 랭크에서 더 나을 때가 있습니다.",
    "lora.init": "어댑터의 초깃값입니다. pissa와 olora에는 16비트 기본 모델이 필요합니다.",
    "lora.loraplus_lr_ratio": (
        "LoRA+(Hayou 외 2024)입니다. B의 학습률이 A의 몇 배인지 정하며, 비우면 쓰지 않고 보통 16입니다."
    ),
    "lora.adapter": "이어서 학습하거나 평가할 어댑터 폴더입니다.",
    "lora.cache_dequantized": "역양자화한 4비트 가중치를 메모리에 둡니다. auto는 CPU에서 자리가 있을 때만 둡니다.",
    "dataset.format_type": "chat은 모델의 메시지 배치를, instruction은 일반 제목을 씁니다.",
    "dataset.language": "프롬프트 문구의 언어입니다.",
    "dataset.system": "대화 형식의 시스템 메시지입니다. 비우면 언어별 기본 문구를 씁니다.",
    "dataset.instruction": "대화 앞에 오는 사용자 문장입니다. 비우면 언어별 기본 문구를 씁니다.",
    "dataset.name_form": "대화 앞 문장에 원하는 요약의 꼴을 적습니다. 학습하지 않은 모델에 씁니다.",
    "data.test": "고르는 데 쓰지 않는 대화 파일입니다. yoyak search가 우승 설정을 여기서 평가합니다.",
    "data.dialogue_column": (
        "대화가 있는 열입니다. 한 줄에 한 발화이거나 발화 목록이며, 객체 안은 점으로 씁니다(body.dialogue)."
    ),
    "data.summary_column": "요약이 있는 열입니다.",
    "data.id_column": "행의 이름이 있는 열입니다. 없어도 됩니다.",
    "data.topic_column": "주제가 있는 열입니다. 없어도 됩니다.",
    "data.records": ".json 파일에 목록이 여럿일 때 행이 있는 곳입니다(document, corpus.document).",
    "data.encoding": (
        "텍스트 파일의 인코딩입니다. auto는 UTF-8과 CP949 한글을 알아보고, 다른 것은 이름을 적어야 합니다."
    ),
    "data.dialogue_format": (
        "메신저와 회의 내보내기를 발화로 바꿉니다. auto는 알아서, 이름을 적으면 그 형식만, turns는 그대로 읽습니다."
    ),
    "data.on_bad_rows": (
        "대화나 요약이 없거나 이름이 겹치거나 깨진 행을 어떻게 할지 정합니다(refuse는 멈춤, drop은 뺌)."
    ),
    "data.max_train_examples": "학습 대화를 앞에서 N개만 씁니다.",
    "data.max_eval_examples": "평가 대화를 앞에서 N개만 씁니다.",
    "data.instruction_augmentation": "학습 대화마다 지시문 다섯 개로 보여 줍니다.",
    "training.engine": (
        "packed는 패딩 없는 마이크로배치, trainer는 패딩한 배치로 학습합니다. auto는 되는 모델이면 packed를 씁니다."
    ),
    "training.base_precision": (
        "고정된 가중치와 곱할 때의 형식입니다. fp8은 Ada, Hopper 이후 GPU의 packed 엔진에서 8비트로 계산합니다."
    ),
    "training.micro_batch_tokens": "마이크로배치의 최대 토큰 수입니다. 메모리만 달라지고 결과는 같습니다.",
    "training.memory_budget_gb": (
        "GPU에서 학습이 쓸 최대 메모리(GB)입니다. 그 안에서 가장 빠른 방법을 고르며, 비우면 남은 메모리를 씁니다."
    ),
    "training.eval_batch_size": "평가 배치의 예시 수입니다. 비우면 batch_size와 같습니다.",
    "training.lr_scheduler_type": (
        "실행하는 동안 학습률이 변하는 모양입니다. cosine_with_restarts는 데이터를 한 번 볼 때마다 코사인을 다시 "
        "시작하고, polynomial은 1차라 linear와 같으며, constant에는 워밍업이 없습니다."
    ),
    "training.warmup_ratio": "학습률이 0에서 올라가는 스텝의 비율입니다. 마지막 스텝은 빼고 셉니다.",
    "training.weight_decay": "분리된 가중치 감쇠입니다.",
    "training.max_grad_norm": "그래디언트를 이 노름까지 줄입니다.",
    "training.optim": (
        "옵티마이저입니다. paged와 8비트는 CUDA가 필요하며, CPU에서는 adamw_torch가 됩니다. GPU에서 packed 엔진은 "
        "어댑터의 paged_adamw_32bit 대신, 메모리에 들어가면 같은 계산을 더 빨리 하는 adamw_torch_fused를 씁니다."
    ),
    "training.gradient_checkpointing": (
        "역전파에서 활성값을 다시 계산할 수 있게 합니다. 메모리는 줄고 계산은 3분의 1쯤 늘어납니다."
    ),
    "training.seed": "학습에서 무작위인 모든 것의 시드입니다.",
    "training.eval_steps": "에폭마다 대신 N스텝마다 평가하고 저장합니다.",
    "training.logging_steps": "N스텝마다 지표를 기록합니다.",
    "training.save_steps": "평가 없이 N스텝마다 복구용 체크포인트도 저장합니다.",
    "training.save_minutes": (
        "지난 저장 뒤 이만큼의 분이 지나면 복구용 체크포인트를 저장합니다. 비우면 저장하지 않습니다."
    ),
    "training.save_total_limit": "남겨 둘 체크포인트 수입니다. 최신 것과 가장 좋은 것은 늘 남습니다.",
    "training.rank_timeout": (
        "여러 프로세스로 학습할 때 하나가 다른 것들을 몇 분까지 기다리게 할 수 있는지 정합니다. "
        "큰 모델 쓰기처럼 혼자 하는 작업에는 12배까지 걸려도 됩니다."
    ),
    "training.sharding": (
        "GPU가 여럿일 때 무엇을 나눠 둘지 정합니다. `weights`는 고정된 4비트 가중치를(packed 엔진), "
        "전체 학습이면 가중치와 그래디언트, 옵티마이저 상태를(trainer 엔진) 나눕니다. "
        "`auto`는 GPU 하나에 들어가지 않을 때만 나눕니다."
    ),
    "training.deterministic": (
        "GPU에서 매번 같은 비트를 내는 커널을 써서 똑같이 반복하고 이어갈 수 있게 합니다. CPU는 늘 그렇습니다."
    ),
    "training.metric_for_best_model": "가장 좋은 체크포인트를 정하는 기준입니다. rouge_sum은 평가마다 요약을 만듭니다.",
    "training.early_stopping_patience": "이만큼의 평가에서 나아지지 않으면 멈춥니다.",
    "training.max_bad_steps": (
        "손실이나 그래디언트가 수가 아닌 스텝이 이만큼 이어지면 멈춥니다. 그런 스텝은 건너뜁니다."
    ),
    "training.on_divergence": (
        "손실이 50스텝 동안 중앙값의 3배를 넘으면 멈출지, 앞선 체크포인트로 돌아갈지, 그대로 둘지 정합니다."
    ),
    "training.neftune_noise_alpha": "NEFTune(Jain 외 2023)입니다. 학습할 때 임베딩에 잡음을 더하며 보통 5입니다.",
    "training.report_to": "기록을 보낼 곳입니다.",
    "generation.batch_size": "한 번에 만드는 요약 수입니다. auto는 CPU에서 16, GPU에서 1,024입니다.",
    "generation.batch_tokens": "한 배치의 최대 토큰 수입니다. 비우면 남은 메모리의 절반에 맞춥니다.",
    "generation.num_beams": "빔의 수입니다. 1은 탐욕 또는 샘플링입니다.",
    "generation.do_sample": "가장 그럴듯한 토큰 대신 확률에 따라 뽑습니다.",
    "generation.temperature": "샘플링 온도입니다.",
    "generation.top_p": "합이 이 확률이 되는 가장 작은 토큰 집합에서 뽑습니다.",
    "generation.top_k": "가장 그럴듯한 토큰 k개에서 뽑습니다. 0은 모두입니다.",
    "generation.seed": "샘플링의 시드입니다. 배치에 무엇이 있든 대화와 시드가 결과를 정합니다.",
    "generation.min_new_tokens": "요약은 이만큼의 토큰 전에 끝나지 않습니다.",
    "generation.repetition_penalty": "1보다 크면 이미 나온 토큰이 덜 나옵니다.",
    "generation.no_repeat_ngram_size": (
        "요약에 같은 n-gram(이 수만큼의 토큰)을 두 번 쓰지 않습니다. 대화에 있는 것은 괜찮습니다. 0은 끔입니다."
    ),
    "generation.truncate_repetition": (
        "같은 말을 되풀이하다(같은 토큰들을 세 번 이상, 문장은 두 번 쓰고 다시 시작) 길이 한도에 걸린 요약에서 "
        "되풀이한 부분을 잘라 냅니다. 첫 번째는 남깁니다. mbr_samples와는 쓰이지 않습니다."
    ),
    "generation.length_penalty": "빔 탐색에서 0보다 크면 긴 요약을 좋아합니다.",
    "generation.mbr_samples": "대화마다 뽑을 요약 수입니다. 그중 서로 가장 가까운 것을 고릅니다(MBR). 0은 끔입니다.",
    "generation.mbr_temperature": "그 요약들을 뽑는 온도입니다. "
    "auto는 처음 대화 8개에서 엔트로피가 토큰당 0.45냇에 가장 가까운 온도입니다.",
    "generation.mbr_references": "후보를 무엇과 비교할지 정합니다. own은 후보끼리만, "
    "start는 refine 전 어댑터가 뽑은 같은 수의 표본과도 비교하며 그 표본은 고르지 않습니다. "
    "auto는 refine한 어댑터이고 그 전의 것이 남아 있으면 start입니다.",
    "generation.mbr_metric": "가깝다는 것을 재는 방법입니다.",
    "evaluation.tokenization": "ROUGE가 세는 단위이며 점수 옆에 늘 표시합니다. mecab은 따로 설치해야 합니다.",
    "evaluation.stemmer": "영어 단어에 포터 스테머를 씁니다.",
    "experiment.tags": "실행을 찾을 때 쓰는 낱말입니다.",
}
