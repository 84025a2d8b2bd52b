"""What is taken from PyTorch Geometric, imported without its warnings."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # On import torch_geometric scripts a class of its pooling, which newer versions of torch warn about.
    warnings.filterwarnings("ignore", ".*torch.jit.script", category=FutureWarning)
    warnings.filterwarnings("ignore", ".*torch.jit.script", category=DeprecationWarning)
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.nn import MessagePassing

__all__ = ["Data", "HeteroData", "MessagePassing"]
