"""The few kinds of panels that the dashboards are made of, so that all of them look and read alike.

Units are Grafana's names. Thresholds are those of the alert rules: a panel turns red where an alert would fire.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="stakewire-prometheus")
"""As provisioning/datasources names it."""

SECONDS, SHARE, PER_SECOND, BYTES, NUMBER, BYTES_PER_SECOND = "s", "percentunit", "ops", "bytes", "short", "Bps"
GREEN, YELLOW, RED = "green", "yellow", "red"
WIDTH: Final = 24
TAG: Final = "stakewire"

Steps = Sequence[tuple[float, str]]
"""(from this value on, colour); below the first it is green."""
Query = tuple[str, str]
"""(PromQL, legend)."""
Number = stat.Panel
Chart = timeseries.Panel


def number(title: str, expr: str, told: str, *, unit: str = NUMBER, steps: Steps = (), width: int = 4) -> Number:
    """One figure, coloured by its thresholds. `told` says what it is and what is normal."""
    return (
        stat.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .height(4)
        .span(width)
        .unit(unit)
        .no_value("-")
        .thresholds(_thresholds(steps))
        .color_mode(common.BigValueColorMode.BACKGROUND if steps else common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA)
        .reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(expr, "", 0))
    )


def chart(
    title: str,
    queries: Sequence[Query],
    told: str,
    *,
    unit: str = NUMBER,
    steps: Steps = (),
    width: int = 12,
    stacked: bool = False,
) -> Chart:
    """Lines over time, or areas on top of each other; dashed lines stand at the thresholds."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(told)
        .datasource(SOURCE)
        .height(8)
        .span(width)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .stacking(common_builder.StackingConfig().mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE))
        .legend(
            common_builder.VizLegendOptions()
            .show_legend(True)
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builder.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .thresholds(_thresholds(steps))
        .targets([_target(expr, legend, place) for place, (expr, legend) in enumerate(queries)])
    )
    if steps:
        style = common_builder.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    return panel


def values_of(name: str, label: str, metric: str, told: str) -> dashboard.QueryVariable:
    """A variable whose choices are a label's values of a metric; all of them at first."""
    return (
        dashboard.QueryVariable(name)
        .label(name.replace("_", " ").capitalize())
        .description(told)
        .datasource(SOURCE)
        .query({"query": f"label_values({metric}, {label})", "refId": f"variable-{name}"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def board(uid: str, title: str, told: str) -> dashboard.Dashboard:
    """An empty dashboard with what all have: the last hour, a link to the others, the alerts that fired as marks."""
    return (
        dashboard.Dashboard(f"Stakewire: {title}")
        .uid(f"stakewire-{uid}")
        .description(told)
        .tags([TAG])
        .readonly()
        .time("now-1h", "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Stakewire")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(True)
            .icon_color(RED)
            .expr('ALERTS{alertstate="firing", severity="critical"}')
        )
    )


def as_json(built: dashboard.Dashboard) -> str:
    """The dashboard as the file that Grafana reads; the same every time. Panels are numbered in their order."""
    made = built.build()
    for place, panel in enumerate(made.panels or (), start=1):
        panel.id_val = place
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _target(expr: str, legend: str, place: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expr).legend_format(legend or "__auto").range().ref_id("ABCDEFGH"[place])


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(None, GREEN), *(model.Threshold(value, colour) for value, colour in steps)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)
