"""The back office: what happened to players, games and integrations, read from the topics; nothing here moves money by itself."""
