"""A self-attentive model of the next basket: each basket looks back at all before it and picks what matters."""

from pathlib import Path

from clvlib.matching.order._next_basket import NextBasketNetwork
from clvlib.neural import check_options, layer_seed

__all__ = ["SelfAttentionRecommender"]


class SelfAttentionRecommender(NextBasketNetwork):
    """What comes next, if the model may look back at any basket before?

    Self-attention over baskets, as SASRec (Kang & McAuley 2018) over items: to each basket vector the vector of its
    place is added; in each block every place forms weights over the places up to its own (the causal mask; what comes
    after has weight 0, and so has padding, which stands behind) and adds the weighted mean, then a layer of its own;
    both read a normalised input and add to it. Score, loss and baskets are those of
    :class:`~clvlib.matching.order.recurrent.GRURecommender`, and so are the parameters, but for

    n_blocks : how often the baskets look back. n_heads : weightings side by side in a block.

    ``max_length`` is also the number of places that have a vector, counted from the first basket that is remembered.

    Examples
    --------
    >>> import pandas as pd
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01", "2024-01-02", "2024-01-01"])
    >>> events = pd.DataFrame({"customer_id": ["a", "a", "b", "b", "c"], "timestamp": day,
    ...                        "item_id": ["tent", "stove", "tent", "stove", "tent"]})
    >>> model = SelfAttentionRecommender(n_factors=4, n_epochs=30, learning_rate=0.05).fit(events)
    >>> model.recommend(["c"], n=1)["item_id"].item()
    'stove'
    """

    def __init__(
        self,
        *,
        n_factors: int = 32,
        max_length: int = 50,
        n_blocks: int = 1,
        n_heads: int = 1,
        n_negatives: int = 512,
        n_epochs: int = 20,
        batch_size: int = 16,
        learning_rate: float = 0.005,
        dropout: float = 0.1,
        new_items_only: bool = False,
        patience: int = 3,
        random_state: int = 0,
        tensorboard_dir: str | Path | None = None,
    ):
        super().__init__(
            n_factors=n_factors,
            max_length=max_length,
            n_negatives=n_negatives,
            n_epochs=n_epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            dropout=dropout,
            new_items_only=new_items_only,
            patience=patience,
            random_state=random_state,
            tensorboard_dir=tensorboard_dir,
        )
        self.n_blocks = n_blocks
        self.n_heads = n_heads

    def _check(self) -> None:
        super()._check()
        check_options(self, n_blocks=1, n_heads=1)

    def _encoder(self, baskets):
        from keras import initializers, layers, ops

        def glorot(number):
            return initializers.GlorotUniform(seed=layer_seed(self.random_state, number))

        spread = initializers.RandomNormal(stddev=0.02, seed=layer_seed(self.random_state, 5))
        count = layers.Lambda(lambda x: ops.cumsum(ops.ones_like(x[:1, :, 0], dtype="int32"), axis=1) - 1, name="count")
        place = layers.Embedding(self.max_length, self.n_factors, embeddings_initializer=spread, name="places")
        x = layers.Add(name="placed")([baskets, place(count(baskets))])
        for block in range(self.n_blocks):
            seed, name = 10 * (block + 1), f"block_{block + 1}"
            look = layers.MultiHeadAttention(
                self.n_heads,
                max(1, self.n_factors // self.n_heads),
                use_bias=False,
                kernel_initializer=glorot(seed),
                seed=layer_seed(self.random_state, seed + 1),
                name=f"{name}_attention",
            )
            calm = layers.LayerNormalization(name=f"{name}_calm")(x)
            x = layers.Add(name=f"{name}_looked")([x, look(calm, calm, use_causal_mask=True)])
            calm = layers.LayerNormalization(name=f"{name}_calm_again")(x)
            wide = layers.Dense(self.n_factors, "relu", kernel_initializer=glorot(seed + 2), name=f"{name}_wide")(calm)
            own = layers.Dense(self.n_factors, kernel_initializer=glorot(seed + 3), name=f"{name}_own")(wide)
            x = layers.Add(name=f"{name}_thought")([x, own])
        return x
