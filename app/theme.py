"""Colours and type of the app, in a light and a dark theme; the system decides which, the menu can change it."""

from __future__ import annotations

#: A colour for each kind of entity, readable on both themes.
KIND_COLOURS = {
    "concept": "#4f86e8",
    "image": "#2ba584",
    "region": "#d99a2b",
    "caption": "#8f6fe0",
    "phrase": "#d8639a",
}
PREDICTED = "#7c6cf0"
#: Curves of runs, in order.
CURVES = ("#5b6ee1", "#e08a3c", "#2ba584", "#d8639a", "#8f6fe0", "#4aa3c7", "#b0a030", "#c8553d")
#: The curve that the others are compared with.
BASELINE = "#8a8f9c"

_SHARED = {"primaryColor": "#5b6ee1", "baseRadius": "0.6rem", "chartCategoricalColors": list(CURVES)}
_LIGHT = {
    "backgroundColor": "#fbfbfd",
    "secondaryBackgroundColor": "#f0f1f6",
    "textColor": "#22252f",
    "borderColor": "#dfe1ea",
    "linkColor": "#4a5bd0",
}
_DARK = {
    "backgroundColor": "#14161d",
    "secondaryBackgroundColor": "#1e212b",
    "textColor": "#e6e8ef",
    "borderColor": "#333745",
    "linkColor": "#9aa7ff",
}
_WEIGHTS = {"headingFontSizes": ["1.9rem", "1.35rem", "1.1rem"], "headingFontWeights": [650, 600, 600]}

THEME: dict[str, object] = {
    "theme.paddingTop": "3rem",
    **{f"theme.{name}": value for name, value in _WEIGHTS.items()},
    **{f"theme.light.{name}": value for name, value in (_SHARED | _LIGHT).items()},
    **{f"theme.dark.{name}": value for name, value in (_SHARED | _DARK).items()},
    "theme.light.sidebar.backgroundColor": "#f3f4f9",
    "theme.dark.sidebar.backgroundColor": "#191c24",
}
