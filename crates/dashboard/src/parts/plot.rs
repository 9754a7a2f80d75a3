//! Charts of traffic: stacked bars, drawn here as SVG. The drawing stretches, its words are HTML beside it. Each chart says in
//! a sentence what it shows, and has the same data as a table.

use std::fmt::Write as _;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::human;

/// The height of the drawing.
const HEIGHT: f64 = 100.0;
/// The share of a period's width that its bar takes.
const FILL: f64 = 0.66;
/// Between the two parts of a bar.
const GAP: f64 = 0.7;
/// The least top of the axis, in bytes or any larger unit: its quarters are whole.
const LEAST: f64 = 4.0;
/// The largest number of labels below a chart.
const LABELS: usize = 7;

/// The traffic of an hour or a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrafficBar {
    pub(crate) at: Timestamp,
    pub(crate) down: i64,
    pub(crate) up: i64,
    pub(crate) requests: i64,
    pub(crate) failed: i64,
}

/// A chart of traffic.
pub(crate) struct TrafficPlot<'a> {
    /// Unique on the page.
    pub(crate) id: &'a str,
    /// The range in words: `the last 24 hours`.
    pub(crate) range: &'a str,
    pub(crate) is_hourly: bool,
    pub(crate) bars: &'a [TrafficBar],
    /// The address of the same data as CSV.
    pub(crate) csv: &'a str,
}

impl TrafficPlot<'_> {
    pub(crate) fn render(&self) -> Markup {
        let (down, up) = self.totals();
        let (most, step) =
            scale(self.bars.iter().map(|bar| bar.down.saturating_add(bar.up)).max().unwrap_or(0));
        html! {
            figure data-chart {
                div.plot {
                    (y_axis(most, step))
                    (self.drawing(most))
                    (self.x_axis())
                }
                p.readout aria-live="polite" {}
                div.tools {
                    span.key {
                        span.t-down { i.swatch {} span.quiet { "Downloaded " b { (human::bytes(down)) } } }
                        span.t-up { i.swatch {} span.quiet { "Uploaded " b { (human::bytes(up)) } } }
                    }
                    span.push.links { a.link href=(self.csv) { "CSV" span.vh { " of traffic" } } }
                }
                (self.table())
            }
        }
    }

    fn totals(&self) -> (i64, i64) {
        let sum = |of: fn(&TrafficBar) -> i64| self.bars.iter().map(of).fold(0, i64::saturating_add);
        (sum(|bar| bar.down), sum(|bar| bar.up))
    }

    /// What the chart shows, for those who can't see it.
    fn sentence(&self) -> String {
        let (down, up) = self.totals();
        let period = if self.is_hourly { "hour" } else { "day" };
        let mut text = format!(
            "Traffic in {}, by {period}: {} downloaded, {} uploaded.",
            self.range,
            human::bytes(down),
            human::bytes(up)
        );
        let busiest = self.bars.iter().max_by_key(|bar| bar.down.saturating_add(bar.up));
        if let Some(bar) = busiest.filter(|bar| bar.down + bar.up > 0) {
            // Writing to a string can't fail.
            let _ = write!(
                text,
                " Busiest {period} {} with {}.",
                self.label(bar.at),
                human::bytes(bar.down.saturating_add(bar.up))
            );
        }
        text
    }

    fn drawing(&self, most: f64) -> Markup {
        let step = 10.0;
        let width = step * self.bars.len().max(1) as f64;
        let (mut down, mut up) = (String::new(), String::new());
        for (index, bar) in self.bars.iter().enumerate() {
            let x = index as f64 * step + step * (1.0 - FILL) / 2.0;
            let heights = [bar.down, bar.up].map(|bytes| bytes.max(0) as f64 / most * HEIGHT);
            rectangle(&mut down, x, HEIGHT - heights[0], step * FILL, heights[0]);
            let gap = if heights[0] > 0.0 { GAP } else { 0.0 };
            rectangle(&mut up, x, HEIGHT - heights[0] - gap - heights[1], step * FILL, heights[1]);
        }
        html! {
            svg.tall id={ (self.id) "-drawing" } viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" role="img" tabindex="0"
                aria-label=(self.sentence()) {
                (grid(width))
                path.c-down d=(down) {}
                path.c-up d=(up) {}
                path.marker d="" {}
            }
        }
    }

    fn label(&self, at: Timestamp) -> String {
        at.strftime(if self.is_hourly { "%H:%M" } else { "%-d %b" }).to_string()
    }

    fn x_axis(&self) -> Markup {
        let times: Vec<Timestamp> = self.bars.iter().map(|bar| bar.at).collect();
        x_axis(&times, self.is_hourly)
    }

    fn table(&self) -> Markup {
        html! {
            details.data id={ (self.id) "-table" } {
                summary { "Show as table" }
                div.scroll tabindex="0" role="group" aria-label="Data of the chart" {
                    table.table {
                        thead { tr {
                            th scope="col" { (if self.is_hourly { "Hour (UTC)" } else { "Day (UTC)" }) }
                            @for name in ["Downloaded", "Uploaded", "Requests", "Failed"] { th.r scope="col" { (name) } }
                        } }
                        tbody { @for bar in self.bars { tr {
                            th scope="row" { (bar.at.strftime(if self.is_hourly { "%-d %b, %H:%M" } else { "%-d %b %Y" }).to_string()) }
                            td.r title={ (human::exact(bar.down)) " bytes" } { (human::bytes(bar.down)) }
                            td.r title={ (human::exact(bar.up)) " bytes" } { (human::bytes(bar.up)) }
                            td.r { (human::exact(bar.requests)) }
                            td.r { (human::exact(bar.failed)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// Horizontal lines at the quarters.
pub(crate) fn grid(width: f64) -> Markup {
    html! { path.grid d={ "M0 .25H" (width) "M0 25H" (width) "M0 50H" (width) "M0 75H" (width) "M0 99.75H" (width) } {} }
}

/// Labels below a chart. The last period is now.
pub(crate) fn x_axis(times: &[Timestamp], is_hourly: bool) -> Markup {
    let every = times.len().div_ceil(LABELS - 1).max(1);
    let format = if is_hourly { "%H:%M" } else { "%-d %b" };
    let kind = if is_hourly { "clock" } else { "day" };
    // A label close to the last one would touch it.
    let shown = times.iter().step_by(every).take(times.len().saturating_sub(every / 2).div_ceil(every));
    html! {
        div.x aria-hidden="true" {
            @for at in shown {
                @if is_hourly { time datetime=(at) data-as=(kind) { (at.strftime(format).to_string()) } }
                @else { span { (at.strftime(format).to_string()) } }
            }
            span { (if is_hourly { "now" } else { "today" }) }
        }
    }
}

fn y_axis(most: f64, step: &str) -> Markup {
    let unit_size = most;
    html! {
        div.y aria-hidden="true" {
            @for quarter in (0..=4).rev() {
                @let amount = human::byte_amount(whole(unit_size * f64::from(quarter) / 4.0));
                span {
                    @if quarter == 4 { (amount.text()) }
                    @else if amount.unit == step || quarter == 0 { (amount.number) }
                    @else { (amount.text()) }
                }
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an axis ends below 2^63 bytes, and the conversion saturates"
)]
fn whole(bytes: f64) -> i64 {
    bytes as i64
}

/// The top of the axis: the next round number of bytes, and its unit.
fn scale(most: i64) -> (f64, &'static str) {
    let mut unit = 1.0;
    while most as f64 / unit >= 1_000.0 {
        unit *= 1_024.0;
    }
    let value = (most as f64 / unit).max(LEAST);
    let magnitude = 10_f64.powf(value.log10().floor());
    let round = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].into_iter().map(|factor| factor * magnitude);
    let top = round.into_iter().find(|top| *top >= value).unwrap_or(value) * unit;
    (top, human::byte_amount(whole(top)).unit)
}

fn rectangle(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    if height < 0.05 {
        return;
    }
    // Writing to a string can't fail.
    let _ = write!(path, "M{x:.1} {:.1}h{width:.1}v{height:.1}h-{width:.1}z", y.max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(bars: &[TrafficBar]) -> String {
        TrafficPlot { id: "t", range: "the last 24 hours", is_hourly: true, bars, csv: "/t.csv" }
            .render()
            .into_string()
    }

    #[test]
    fn a_chart_says_what_it_shows_and_has_its_data_as_a_table() {
        let bar = |hour: i64, down: i64| TrafficBar {
            at: Timestamp::from_second(hour * 3_600).unwrap(),
            down,
            up: 1 << 20,
            requests: 1_234,
            failed: 1,
        };
        let html = plot(&[bar(0, 0), bar(1, 3 << 20), bar(2, 1 << 20)]);
        assert!(
            html.contains("4\u{a0}MiB downloaded, 3\u{a0}MiB uploaded. Busiest hour 01:00 with 4\u{a0}MiB."),
            "{html}"
        );
        assert!(html.contains("1,234") && html.contains("Show as table") && html.contains("/t.csv"));
        assert!(!html.contains("style="), "the policy forbids it");
    }

    #[test]
    fn no_traffic_is_no_drawing_and_the_axis_is_round() {
        let html = plot(&[]);
        assert!(html.contains("0\u{a0}B downloaded"), "{html}");
        for (most, top) in [(0, 4.0), (416, 600.0), (3 << 20, 4_194_304.0), (999, 1_000.0)] {
            assert!((scale(most).0 - top).abs() < 0.5, "{most}: {}", scale(most).0);
        }
    }
}
