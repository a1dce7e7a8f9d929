"""Every setting of yoyak, with its type, its allowed range and its help text (the docstring under the field).

A setting lives in one place. YAML files name only what differs from these defaults or from their `_base_`.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..architectures import LINEARS, ChatTemplate
from .experiment import ExperimentSettings
from .generation import GenerationSettings as GenerationSettings
from .refine import RefineSettings
from .search import SearchSettings
from .section import MOST, ColumnName, Fraction, Positive, PositiveFloat, Section


class ModelSettings(Section):
    """The base model."""

    type: Literal["causal_lm"] = "causal_lm"
    """Kind of model; decoder-only language models are supported."""
    checkpoint: str
    """A hub name, a local folder, or `bundled:smollm2-135m`."""
    size: str | None = None
    """Size as people say it (3B), for lists and reports."""
    dtype: Literal["bf16", "fp16", "fp32"] = "bf16"
    """Compute type on a GPU. On a CPU, and on a GPU without bf16, the fastest that works is chosen, and said."""
    chat_template: ChatTemplate = "auto"
    """Layout of the chat format: Llama 3's, ChatML (Qwen), or the tokenizer's own template."""
    attn_implementation: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """Attention kernel where transformers computes; the packed engine and the fast decoder have one of their own."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint, with all your rights. Only the command line turns it on."""
    revision: str | None = None
    """Commit, tag or branch of a hub's checkpoint; a commit can't change later. `run.json` records the commit."""


class LoraSettings(Section):
    """Low-rank adapters and the 4-bit base model."""

    use_lora: bool = True
    """Train an adapter; off trains all weights."""
    use_qlora: bool = True
    """Keep the frozen base model in 4 bit (NF4 with double quantization)."""
    r: Annotated[int, Field(ge=1, le=2**14)] = 16
    """Rank of the adapter."""
    alpha: PositiveFloat = 32
    """Scale of the adapter: its output is multiplied by alpha / r (alpha / sqrt(r) with rsLoRA)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Dropout on the adapter's input."""
    target_modules: list[str] = list(LINEARS)
    """Names of the linear layers that get an adapter."""
    use_rslora: bool = False
    """Rank-stabilized LoRA (Kalajdzievski 2023)."""
    use_dora: bool = False
    """Weight-decomposed LoRA (Liu et al. 2024): slower, sometimes better at low rank."""
    init: Literal["default", "gaussian", "eva", "pissa", "olora", "orthogonal"] = "default"
    """Initialization of the adapter. `pissa` and `olora` need a 16-bit base (use_qlora false)."""
    loraplus_lr_ratio: Annotated[float, Field(ge=1, le=MOST)] | None = None
    """LoRA+ (Hayou et al. 2024): learning rate of B as a multiple of A's; off when empty, 16 is usual."""
    adapter: str | None = None
    """Folder of an existing adapter to go on training from, or to evaluate."""
    cache_dequantized: Literal["auto", "on", "off"] = "auto"
    """Keep the dequantized 4-bit weights in memory. `auto`: on the CPU where they fit, never on a GPU."""


class TokenizerSettings(Section):
    """Length limits, in tokens."""

    encoder_max_len: Annotated[int, Field(ge=1, le=2**24)] = 1024
    """Longest prompt. Longer dialogues lose whole turns from their middle."""
    decoder_max_len: Annotated[int, Field(ge=1, le=2**20)] = 200
    """Most tokens that are generated for a summary. Longer training summaries are kept whole and counted."""


class DatasetSettings(Section):
    """How a dialogue becomes a prompt."""

    format_type: Literal["instruction", "chat"] = "chat"
    """`chat` uses a model's message layout, `instruction` plain headings."""
    language: Literal["ko", "en"] = "ko"
    """Language of the prompt's own texts."""
    system: str | None = None
    """System message of the chat format; null takes the language's default, "" leaves the message out (typed into
    a shell: `'dataset.system=""'`)."""
    instruction: str | None = None
    """The user's sentence before the dialogue; null takes the language's default."""
    name_form: bool = False
    """The sentence before the dialogue names the form wanted: one or two sentences, speakers as written, one style of
    ending, no heading. For a model that was not trained, which knows no form; in place of `instruction`."""

    @model_validator(mode="after")
    def _one_sentence(self) -> "DatasetSettings":
        if self.name_form and self.instruction is not None:
            raise ValueError("instruction and name_form are each the sentence before the dialogue; leave one out")
        return self


class DataSettings(Section):
    """Where the dialogues come from."""

    train: str = "data/raw/train.csv"
    """Training file (CSV, TSV, JSON, JSONL, Parquet) or `hub:NAME[@REVISION][:SPLIT]`."""
    eval: str = "data/raw/dev.csv"
    """Evaluation file, as `data.train`."""
    test: str | None = None
    """File of dialogues that nothing is chosen on, as `data.train`: `yoyak search` reports its winner on them."""
    dialogue_column: ColumnName = "dialogue"
    """Column with the dialogue, one turn a line, or a list of turns; inside objects with dots: `body.dialogue`."""
    summary_column: ColumnName = "summary"
    """Column with the summary."""
    id_column: ColumnName = "fname"
    """Column that names a row; optional in the file."""
    topic_column: ColumnName = "topic"
    """Column with the topic; optional in the file."""
    records: ColumnName | None = None
    """Where a .json file has its rows, if in one of several lists: `document`, or with dots `corpus.document`."""
    encoding: Literal[
        "auto", "utf-8", "cp949", "johab", "cp1252", "cp1250", "cp1251", "iso8859-15", "mac-roman", "utf-16",
        "utf-16-le", "utf-16-be", "cp932", "euc-jp", "gb18030", "big5"
    ] = "auto"  # fmt: skip
    """Of CSV, TSV, JSON and text files; `auto` knows UTF-8 and Korean text in CP949 by their bytes, Windows-1252
    (`cp1252`) and others have to be named."""
    dialogue_format: Literal["auto", "turns", "kakaotalk", "whatsapp", "discord", "zoom", "clova", "captions"] = "auto"
    """Exports of chats and meetings become turns (`name: words`): `auto` recognizes them, a name reads only that kind,
    from one message on, `turns` takes each dialogue as it is."""
    on_bad_rows: Literal["refuse", "drop"] = "refuse"
    """What to do with rows that have no dialogue or summary, a repeated id, or a broken line."""
    max_train_examples: Positive | None = None
    """Use the first N training dialogues."""
    max_eval_examples: Positive | None = None
    """Use the first N evaluation dialogues."""
    instruction_augmentation: bool = False
    """Show each training dialogue under five instructions."""


class TrainingSettings(Section):
    """The optimization."""

    epochs: PositiveFloat = 3
    """Passes over the training data."""
    max_steps: Positive | None = None
    """Stop after this many optimizer steps, whatever `epochs` says."""
    engine: Literal["auto", "packed", "trainer"] = "auto"
    """`packed`: micro-batches without padding, gradients (of adapters or all weights) written out; `trainer`: padded
    batches under autograd; `auto`: packed wherever it can train the model."""
    base_precision: Literal["compute", "fp8"] = "compute"
    """Number type for products with frozen weights: the compute type, or `fp8`, 8-bit floating point (packed engine
    with LoRA or QLoRA in bf16 on a GPU with float8 units: Ada, Hopper or later). Adapters, evaluation and what is saved
    are as without it."""
    micro_batch_tokens: Literal["auto"] | Positive = "auto"
    """Most tokens of a micro-batch (packed engine; two at a time on a CPU): it takes memory, results are the same."""
    memory_budget_gb: PositiveFloat | None = None
    """On a GPU, the training's peak memory in 1e9 bytes: what is fastest within it is chosen. By default what the card
    has free."""
    batch_size: Positive = 8
    """Examples of an optimizer step, times `gradient_accumulation_steps`; with the trainer engine of a micro-batch."""
    eval_batch_size: Positive | None = None
    """Examples in an evaluation batch; by default `batch_size`. The packed engine takes more where they fill its
    micro-batches."""
    gradient_accumulation_steps: Positive = 8
    """Micro-batches in an optimizer step."""
    learning_rate: PositiveFloat = 2e-5
    """Peak learning rate. LoRA learns best near 1e-3 on small models and 2e-4 on large ones."""
    lr_scheduler_type: Literal[
        "linear", "cosine", "cosine_with_restarts", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"
    ] = "cosine"
    """Shape of the learning rate over the run: `cosine_with_restarts` is a cosine a pass over the data, `polynomial`
    is of power 1, as `linear`, `constant` has no warm-up."""
    warmup_ratio: Fraction = 0.1
    """Share of the steps in which the learning rate rises from 0, all but the last at the most."""
    weight_decay: Annotated[float, Field(ge=0, le=MOST)] = 0.1
    """Decoupled weight decay."""
    max_grad_norm: PositiveFloat = 1.2
    """Gradients are scaled down to this norm."""
    optim: Literal[
        "paged_adamw_32bit", "paged_adamw_8bit", "adamw_bnb_8bit", "adamw_torch", "adamw_torch_fused", "adafactor"
    ] = "paged_adamw_32bit"
    """Optimizer. Paged and 8-bit ones need CUDA; on the CPU they become adamw_torch. On a GPU the packed engine takes
    adamw_torch_fused for an adapter's paged_adamw_32bit where the plan fits: the same without paging, and faster."""
    gradient_checkpointing: Literal["auto"] | bool = True
    """Activations may be computed again in the backward pass: less memory, a third more compute. The packed engine
    does so where memory asks for it, the trainer engine always, or with `auto` where memory asks for it too."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Seed of everything random in a training."""
    eval_steps: Positive | None = None
    """Evaluate and save every N steps instead of each epoch."""
    logging_steps: Positive = 10
    """Write metrics every N steps."""
    save_steps: Positive | None = None
    """Save a recovery checkpoint every N steps too, without evaluating."""
    save_minutes: PositiveFloat | None = 10
    """Save a recovery checkpoint when so many minutes have passed since the last one (later, where saving would take
    more than 2% of the time); null for none."""
    save_total_limit: Positive = 2
    """Checkpoints to keep; the newest and the best one are always among them."""
    rank_timeout: Annotated[PositiveFloat, Field(le=10_000)] = 10
    """Of several processes that train together: minutes that one may keep the others waiting before all stop; 12 times
    as many with work of its own, such as writing a large model."""
    sharding: Literal["none", "auto", "weights"] = "auto"
    """What several GPUs share out: `weights`, frozen ones in 4 bit (packed engine), or, where all weights train, these
    with gradients and optimizer states (trainer engine); `auto` does so where one GPU can't hold them."""
    deterministic: bool = False
    """On a GPU, use kernels that give the same bits each time, so that a run repeats or goes on exactly. A CPU does
    so anyway."""
    metric_for_best_model: Literal["eval_loss", "rouge_sum"] = "eval_loss"
    """What decides which checkpoint is best, and early stopping; `rouge_sum` generates summaries at each evaluation."""
    early_stopping_patience: Positive | None = None
    """Stop after this many evaluations without a better one."""
    max_bad_steps: Positive = 5
    """Stop after this many steps in a row whose loss or gradient is not a number; each of them is left out."""
    on_divergence: Literal["stop", "rollback", "ignore"] = "stop"
    """What to do when the loss was above 3 times its running median for 50 steps: stop with a checkpoint, go back to
    the newest checkpoint from before and on with the next examples (3 times at most), or nothing."""
    neftune_noise_alpha: PositiveFloat | None = None
    """NEFTune (Jain et al. 2023): noise on the embeddings in training; 5 is usual."""
    report_to: list[Literal["tensorboard", "wandb"]] = ["tensorboard"]
    """Trackers."""


class EvaluationSettings(Section):
    """How summaries are scored."""

    generate: bool = False
    """After training, generate summaries of the evaluation dialogues and score them (before training too)."""
    tokenization: Literal["word", "morpheme", "content", "mecab", "char", "ascii"] = "word"
    """What ROUGE counts; printed beside every score. `mecab` needs `pip install 'yoyak[mecab]'`."""
    stemmer: bool = False
    """Porter stemmer for English words."""


class Config(Section):
    """All settings of a run."""

    model: ModelSettings
    lora: LoraSettings = LoraSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    dataset: DatasetSettings = DatasetSettings()
    data: DataSettings = DataSettings()
    training: TrainingSettings = TrainingSettings()
    generation: GenerationSettings = GenerationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    refine: RefineSettings = RefineSettings()
    search: SearchSettings = SearchSettings()
    experiment: ExperimentSettings

    @model_validator(mode="after")
    def _shortest_below_longest(self) -> "Config":
        least, most = self.generation.min_new_tokens, self.tokenizer.decoder_max_len
        if least > most:
            raise ValueError(f"generation.min_new_tokens = {least} is more than tokenizer.decoder_max_len = {most}")
        return self
