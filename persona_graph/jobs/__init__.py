"""The seven jobs of the policy: what we ask the model and what we accept."""
