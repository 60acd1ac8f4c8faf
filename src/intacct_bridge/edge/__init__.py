"""What people and schedulers run: commands, the Singer tap and target, the doctor, the demo."""
