"""An experimentation platform for recommender systems: A/B tests and bandits side by side."""
