"""The browser app: what the graph holds, search by words and by meaning, entities, review, training."""
