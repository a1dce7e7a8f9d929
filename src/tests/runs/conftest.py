"""A run's files, as the reports' tests write them."""

from src.tests.reports.conftest import write_run

__all__ = ["write_run"]
