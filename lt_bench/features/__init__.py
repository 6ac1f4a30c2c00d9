"""RoI features of a trained detector, stored once so that classifiers can be trained on them in minutes."""
