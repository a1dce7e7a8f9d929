"""As in the models room: one thread, and a cache folder of its own for each test."""

from src.tests.models.conftest import bf16_machine, home, one_thread

__all__ = ["bf16_machine", "home", "one_thread"]
