"""Commands, the Singer tap and target, the doctor and the demo: the programs that people and schedulers run."""
