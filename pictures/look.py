"""Colours, shapes and fonts, the same in all pictures."""

from typing import Any

import numpy as np
import pandas as pd

SEED, OTHERS = 7, -1
INK, GREY, PALE = "#1f2933", "#697586", "#dde2e7"
USER, PRODUCT, PRODUCT_RIM = "#8fc9ef", "#a3d9a0", "#3f7f46"
MARKS = {"user": ("o", USER, "#3d7ea6"), "product": ("s", PRODUCT, PRODUCT_RIM)}
# A colour for each of the largest communities, after Okabe and Ito; the last is that of all OTHERS.
GROUNDS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195", "#5d6d3b", GREY]
# The same where the ground is dark: those that would sink into it are lighter.
NIGHT = ["#2d8bd0", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#a985c4", "#9db06a", "#97a3b0"]
FONTS = ["DejaVu Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Emoji", "Symbola"]
STYLE: dict[str, Any] = {
    **{"figure.dpi": 150, "savefig.dpi": 150, "text.parse_math": False, "text.color": INK, "axes.axisbelow": True},
    **{"axes.edgecolor": PALE, "axes.labelcolor": GREY, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10},
    **{"xtick.color": GREY, "ytick.color": GREY, "legend.frameon": False, "legend.fontsize": 9},
}


def areas(nodes: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Points squared of each node, and the degree of the largest product; users are as small as a product can be."""
    times = nodes["degree"].where(nodes["type"] == "product", 0)
    most = int(times.max()) if len(times) else 0
    return product_area(times.to_numpy(), most), most


def product_area(times: Any, most: int) -> Any:
    """Points squared: a least size, and what grows with how often a product is recommended."""
    return 32 + 370 * times / max(most, 1)
