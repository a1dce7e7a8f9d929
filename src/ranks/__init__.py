"""Several processes that train one run: where each stands, what they tell each other, and what ends them all."""
