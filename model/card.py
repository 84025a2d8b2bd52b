"""The model card."""
from pathlib import Path
def write_card(directory: Path) -> None:
    ...
