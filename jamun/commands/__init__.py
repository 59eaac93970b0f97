"""What a command does that takes more than one stage: above all stages, below the command line."""
