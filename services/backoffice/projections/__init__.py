"""Projections: tables made of the topics alone, which can be dropped and made again."""
