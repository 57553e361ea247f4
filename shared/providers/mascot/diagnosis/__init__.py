"""The rules by which callbacks of Mascot's are diagnosed, written from its protocol. `words.toml` has what is said of each code."""

from shared.providers.mascot.diagnosis.doctor import MascotDoctor

__all__ = ["MascotDoctor"]
