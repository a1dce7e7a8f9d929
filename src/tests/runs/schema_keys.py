from src.runs.run_part import RunPart


def unknown_keys(part: object, place: str = "") -> list[str]:
    """Return the keys of a record that its schema does not know, by their places."""
    if isinstance(part, dict):
        return [key for name, value in part.items() for key in unknown_keys(value, f"{place}{name}.")]
    if not isinstance(part, RunPart):
        return []
    known = [key for name in type(part).model_fields for key in unknown_keys(getattr(part, name), f"{place}{name}.")]
    return [f"{place}{name}" for name in part.model_extra or {}] + known
