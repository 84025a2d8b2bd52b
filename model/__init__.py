"""Knowledge-CLIP: sampler, network, objectives, training, evaluation, prediction. Knows kgstore and torch."""
