//! Charts of latency: lines, with the times of outages shaded.

use std::fmt::Write as _;

use jiff::Timestamp;
use maud::{Markup, html};

use super::plot::{grid, x_axis};
use crate::human;

/// One hour or day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatencyPoint {
    pub(crate) at: Timestamp,
    /// Median or mean, in milliseconds; `None` if no probe succeeded.
    pub(crate) usual: Option<f64>,
    /// 99th percentile, in milliseconds.
    pub(crate) slow: Option<f64>,
    /// Whether the bucket was offline for a part of the time.
    pub(crate) has_outage: bool,
}

/// A chart of latency.
pub(crate) struct LatencyPlot<'a> {
    /// Unique on the page.
    pub(crate) id: &'a str,
    /// The range in words.
    pub(crate) range: &'a str,
    /// What the solid line is: `Median` or `Mean`.
    pub(crate) usual: &'a str,
    pub(crate) is_hourly: bool,
    pub(crate) points: &'a [LatencyPoint],
    /// The address of the same data as CSV.
    pub(crate) csv: &'a str,
}

impl LatencyPlot<'_> {
    pub(crate) fn render(&self) -> Markup {
        let highest = self.points.iter().filter_map(|point| point.slow.or(point.usual)).fold(0.0, f64::max);
        let most = round_up(highest);
        let usual = middle(self.points.iter().filter_map(|point| point.usual));
        let slow = self
            .points
            .iter()
            .filter_map(|point| point.slow)
            .fold(None, |most: Option<f64>, one| Some(most.map_or(one, |most| most.max(one))));
        html! {
            figure data-chart {
                div.plot {
                    div.y aria-hidden="true" {
                        @for quarter in (0..=4).rev() {
                            @let value = most * f64::from(quarter) / 4.0;
                            span { @if quarter == 4 { (human::latency(value)) } @else { (format!("{value:.1}").trim_end_matches(".0")) } }
                        }
                    }
                    (self.drawing(most, usual, slow))
                    (x_axis(&self.points.iter().map(|point| point.at).collect::<Vec<_>>(), self.is_hourly))
                }
                p.readout aria-live="polite" {}
                div.tools {
                    span.key {
                        span.t-down { i.swatch.solid {} span.quiet { (self.usual) " " b { (shown(usual)) } } }
                        @if slow.is_some() {
                            span.t-up { i.swatch.dash {} span.quiet { "99\u{a0}%, worst " b { (shown(slow)) } } }
                        }
                    }
                    span.push.links { a.link href=(self.csv) { "CSV" span.vh { " of latency" } } }
                }
                (self.table())
            }
        }
    }

    fn drawing(&self, most: f64, usual: Option<f64>, slow: Option<f64>) -> Markup {
        let step = 10.0;
        let width = step * self.points.len().max(1) as f64;
        let y = |value: f64| 100.0 - value / most * 100.0;
        let line = |of: fn(&LatencyPoint) -> Option<f64>| {
            let mut path = String::new();
            let mut is_drawing = false;
            for (index, point) in self.points.iter().enumerate() {
                let Some(value) = of(point) else {
                    is_drawing = false;
                    continue;
                };
                let command = if is_drawing { 'L' } else { 'M' };
                // Writing to a string can't fail. A single point is a short line, so that it is visible.
                let _ = write!(path, "{command}{:.1} {:.1}", (index as f64 + 0.4) * step, y(value));
                let _ = write!(path, "L{:.1} {:.1}", (index as f64 + 0.6) * step, y(value));
                is_drawing = true;
            }
            path
        };
        let mut outages = String::new();
        for (index, _) in self.points.iter().enumerate().filter(|(_, point)| point.has_outage) {
            let _ = write!(outages, "M{:.1} 0h{step}V100h-{step}z", index as f64 * step);
        }
        let label = format!(
            "Latency in {}: {} {}{}.",
            self.range,
            self.usual.to_lowercase(),
            shown(usual),
            slow.map_or_else(String::new, |slow| format!(", worst 99th percentile {}", human::latency(slow)))
        );
        html! {
            svg.tall id={ (self.id) "-drawing" } viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="img" tabindex="0" aria-label=(label) {
                (grid(width))
                @if !outages.is_empty() { path.out d=(outages) {} }
                path.l-99 d=(line(|point| point.slow)) {}
                path.l-50 d=(line(|point| point.usual)) {}
                path.marker d="" {}
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            details.data id={ (self.id) "-table" } {
                summary { "Show as table" }
                div.scroll tabindex="0" role="group" aria-label="Data of the chart" {
                    table.table {
                        thead { tr {
                            th scope="col" { (if self.is_hourly { "Hour (UTC)" } else { "Day (UTC)" }) }
                            th.r scope="col" { (self.usual) }
                            th.r scope="col" { "99\u{a0}%" }
                            th.r scope="col" { "Outage" }
                        } }
                        tbody { @for point in self.points { tr {
                            th scope="row" { (point.at.strftime(if self.is_hourly { "%-d %b, %H:%M" } else { "%-d %b %Y" }).to_string()) }
                            td.r { (shown(point.usual)) }
                            td.r { (shown(point.slow)) }
                            td.r { (if point.has_outage { "yes" } else { "–" }) }
                        } } }
                    }
                }
            }
        }
    }
}

fn shown(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "–".to_owned(), human::latency)
}

/// The middle value.
fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The next round number of milliseconds, at least 4.
fn round_up(value: f64) -> f64 {
    let value = value.max(4.0);
    let magnitude = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 8.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|top| *top >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_there_is_no_data() {
        let point = |hour: i64, usual: Option<f64>| LatencyPoint {
            at: Timestamp::from_second(hour * 3_600).unwrap(),
            usual,
            slow: usual.map(|usual| usual * 3.0),
            has_outage: usual.is_none(),
        };
        let points = [point(0, Some(40.0)), point(1, None), point(2, Some(50.0))];
        let plot = LatencyPlot {
            id: "l",
            range: "the last 24 hours",
            usual: "Median",
            is_hourly: true,
            points: &points,
            csv: "/l.csv",
        };
        let html = plot.render().into_string();
        assert!(
            html.contains(
                "Latency in the last 24 hours: median 50\u{a0}ms, worst 99th percentile 150\u{a0}ms."
            ),
            "{html}"
        );
        assert!(html.contains("Show as table") && html.contains("href=\"/l.csv\""), "{html}");
        assert!(html.contains("class=\"out\" d=\"M10.0 0h10V100h-10z\""), "{html}");
        assert!((round_up(150.0) - 200.0).abs() < 1e-9 && (round_up(0.0) - 4.0).abs() < 1e-9);
    }
}
