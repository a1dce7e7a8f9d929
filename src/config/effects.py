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
