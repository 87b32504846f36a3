"""Reserved for SFT and GRPO of the policy over the prompts and parsers of `persona_graph`; not written yet."""
