"""What a person sees: the lobby and the game in Chromium, on the whole local stack."""
