"""`python -m deploy.grafana`: writes every dashboard to deploy/grafana/dashboards/."""

from __future__ import annotations

from deploy.grafana.boards import FOLDER, rendered


def main() -> None:
    """Writes what has changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
