"""Which settings have a part in what a run makes."""

WITHOUT_EFFECT = (
    "experiment.",
    "model.size",
    "data.test",
    "search.",
    "training.logging_steps",
    "training.rank_timeout",
    "training.report_to",
    "training.save_",
)
"""Settings, or beginnings of their names, that change neither a run's weights nor its summaries."""

OF_A_NEW_ADAPTER = ("r", "alpha", "dropout", "target_modules", "use_rslora", "use_dora", "init")
"""Keys of `lora` by which a new adapter is made: that of `lora.adapter` stays as it is."""
