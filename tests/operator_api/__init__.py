"""The operator's API as its users meet it: all services as processes, asked over HTTP."""
