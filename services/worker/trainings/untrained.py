"""What a net answers for levels of a category that no training row had.

Shapes: R training rows, C categories, L levels of one category, d width of its embedding.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


@torch.no_grad()
def fill_untrained(tables: Iterable[nn.Parameter], codes_RC: npt.NDArray[np.int64]) -> None:
    """Set the embedding of every level without a training row to the mean over the training rows.

    Left alone it would stay as it was drawn at the start, and a never seen level would move a
    prediction by chance.
    """
    for table_Ld, codes_R in zip(tables, codes_RC.T, strict=True):
        counts_L = torch.from_numpy(np.bincount(codes_R, minlength=len(table_Ld))).to(table_Ld)
        mean_d = counts_L @ table_Ld / counts_L.sum()
        table_Ld[counts_L == 0] = mean_d
