"""YAML files and command-line overrides -> checked, typed settings."""

from .loader import load_config

__all__ = ["load_config"]
