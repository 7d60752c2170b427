"""The console script `firstbell`: one command a verb, each answering a person on a terminal or a program on a pipe."""
