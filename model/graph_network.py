"""The graph network: neighbours reach a tail through a gate that reads the relation between them (Eq. 11 and 12)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from model.geometric import MessagePassing


class GraphNetwork(nn.Module):
    """G^L of the entities of a neighbourhood, from G^0(x) = Y(-,-,x)."""

    def __init__(self, width: int, layers: int, gate: str = "elementwise") -> None:
        super().__init__()
        self.layers = nn.ModuleList(GatedMean(width, gate) for _ in range(layers))

    def forward(
        self,
        entities: Float[Tensor, "n d"],
        edge_head: Int64[Tensor, " e"],
        edge_tail: Int64[Tensor, " e"],
        edge_relations: Float[Tensor, "e d"],
    ) -> Float[Tensor, "n d"]:
        """`entities` are G^0, `edge_relations` R(h,-,t) of each edge.

        An entity without incoming edges keeps what it had: the mean over nothing is not defined, and the outermost hop
        of a drawn neighbourhood would otherwise be zero [D].
        """
        edges = torch.stack([edge_head, edge_tail])
        reached = torch.zeros(len(entities), dtype=torch.bool, device=entities.device)
        reached[edge_tail] = True
        for layer in self.layers:
            entities = torch.where(reached[:, None], layer(entities, edges, edge_relations), entities)
        return entities


class GatedMean(MessagePassing):  # type: ignore[misc] # torch_geometric ships no types
    """G^l(t) = mean over incoming (h, r, t) of [W R(h,-,t)] . G^(l-1)(h).

    The paper does not say which product it is. `gate` "elementwise" lets a relation choose among a neighbour's
    components; "dot", which is ours, has one number scale all of them, divided as in attention to keep its size [D].
    Where that number comes near 0, so does the mean, and rounding has a say in its direction.
    """

    def __init__(self, width: int, gate: str = "elementwise") -> None:
        super().__init__(aggr="mean")
        self.product = gate
        self.gate = nn.Linear(width, width, bias=False)

    def forward(
        self, entities: Float[Tensor, "n d"], edges: Int64[Tensor, "2 e"], edge_relations: Float[Tensor, "e d"]
    ) -> Float[Tensor, "n d"]:
        return self.propagate(edges, x=entities, gate=self.gate(edge_relations))

    def message(self, x_j: Tensor, gate: Tensor) -> Tensor:
        if self.product == "dot":
            return (gate * x_j).sum(-1, keepdim=True) * x_j.shape[-1] ** -0.5 * x_j
        return gate * x_j
