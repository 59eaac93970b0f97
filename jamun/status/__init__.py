"""How far a run is: what is done, works, failed or waits, read from the files that the run leaves."""
