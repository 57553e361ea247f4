"""The wallet a second time, written from its documents alone, and the tests that hold the two against each other."""
