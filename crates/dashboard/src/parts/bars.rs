//! Availability by day: one bar per day. An outage replaces the bottom of the bar, the longer the taller, so it can be read
//! without colours.

use std::fmt::Write as _;

use maud::{Markup, html};

/// The height of the drawing.
const HEIGHT: f64 = 34.0;
/// From one bar to the next.
const STEP: usize = 4;
const WIDTH: f64 = 2.7;
/// The least height of an outage, so that two minutes are visible.
const LEAST: f64 = 11.0;
/// Between an outage and the rest of its bar.
const GAP: f64 = 3.0;
/// A day without data is a dot on the base line.
const DOT: f64 = 3.0;

/// One day: the share of the observed time in which the bucket was online, in percent; `None` without data.
pub(crate) type DayShare = Option<f64>;

/// The drawing of some days, the earliest first. `label` says what it shows.
pub(crate) fn bars(days: &[DayShare], class: &str, label: &str) -> Markup {
    let (mut whole, mut none) = (DashedRuns::at(HEIGHT / 2.0), DashedRuns::at(HEIGHT - DOT / 2.0));
    let (mut good, mut bad) = (String::new(), String::new());
    for (index, share) in days.iter().enumerate() {
        match share {
            None => none.add(index),
            Some(share) if *share >= 100.0 => whole.add(index),
            Some(share) => {
                let tall = outage_height(*share);
                add_bar(&mut bad, index, HEIGHT - tall, tall);
                let rest = HEIGHT - tall - GAP;
                if rest > 1.0 {
                    add_bar(&mut good, index, 0.0, rest);
                }
            }
        }
    }
    let width = (days.len() as f64 * STEP as f64 - STEP as f64 + WIDTH).max(WIDTH);
    let paths =
        [("d-good", whole.into_path()), ("d-mute", none.into_path()), ("u-good", good), ("u-bad", bad)];
    html! {
        svg class=(class) viewBox={ "0 0 " (format!("{width:.1}")) " 34" } preserveAspectRatio="none" role="img"
            aria-label=(label) {
            @for (class, data) in paths {
                @if !data.is_empty() { path class=(class) d=(data) {} }
            }
        }
    }
}

/// Bars that are all alike: whole days online, or days without data. Most days are, and a page has thousands. So each run
/// of them is one line, as thick as the bars are tall, and dashed: `d-good` and `d-mute` in the style sheet have the
/// thickness, and dashes and gaps as wide as those here.
struct DashedRuns {
    /// The height of the line.
    y: f64,
    data: String,
    /// The first and the last day of the run in progress.
    run: Option<(usize, usize)>,
}

impl DashedRuns {
    fn at(y: f64) -> Self {
        Self { y, data: String::new(), run: None }
    }

    fn add(&mut self, index: usize) {
        match &mut self.run {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => {
                self.end_run();
                self.run = Some((index, index));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((first, last)) = self.run.take() {
            let length = ((last - first) * STEP) as f64 + WIDTH;
            // Writing to a string can't fail.
            let _ = write!(self.data, "M{} {}h{length:.1}", first * STEP, self.y);
        }
    }

    fn into_path(mut self) -> String {
        self.end_run();
        self.data
    }
}

fn add_bar(path: &mut String, index: usize, y: f64, height: f64) {
    let (x, y, height) = (index * STEP, to_tenth(y), to_tenth(height));
    // Writing to a string can't fail.
    let _ = write!(path, "M{x} {y}h{WIDTH}v{height}h-{WIDTH}z");
}

fn to_tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// The square root makes short outages visible and long ones distinguishable.
fn outage_height(share: f64) -> f64 {
    let down = ((100.0 - share) / 100.0).clamp(0.0, 1.0);
    (down.sqrt() * HEIGHT).max(LEAST)
}

/// The share of all days together; `None` without any data.
pub(crate) fn together(days: &[DayShare]) -> Option<f64> {
    let known: Vec<f64> = days.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// What the bars mean.
pub(crate) fn key() -> Markup {
    let sample = |days: &[DayShare]| {
        let html = bars(days, "", "");
        html! { span aria-hidden="true" { (html) } }
    };
    html! {
        div.key {
            span { (sample(&[Some(100.0)])) "Online" }
            span { (sample(&[Some(90.0)])) "Outage: taller means longer" }
            span { (sample(&[None])) "No data" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_visible_however_short_and_a_day_without_data_is_no_outage() {
        let html = bars(&[Some(100.0), Some(99.999), Some(0.0), None], "bars", "Four days").into_string();
        assert!(html.contains("class=\"d-good\" d=\"M0 17h2.7\""), "a full bar: {html}");
        assert!(html.contains("M4 23h2.7v11h-2.7z"), "the least outage: {html}");
        assert!(html.contains("M8 0h2.7v34h-2.7z"), "a whole day: {html}");
        assert!(html.contains("class=\"d-mute\" d=\"M12 32.5h2.7\""), "{html}");
        assert!(html.contains("role=\"img\"") && html.contains("Four days"));
    }

    #[test]
    fn days_that_are_alike_are_one_dashed_line() {
        let days = [Some(100.0), Some(100.0), Some(100.0), None, Some(100.0), None, None];
        let html = bars(&days, "bars", "").into_string();
        assert!(html.contains("class=\"d-good\" d=\"M0 17h10.7M16 17h2.7\""), "{html}");
        assert!(html.contains("class=\"d-mute\" d=\"M12 32.5h2.7M20 32.5h6.7\""), "{html}");
    }

    #[test]
    fn days_without_data_do_not_count() {
        assert_eq!(together(&[None, Some(100.0), Some(50.0)]), Some(75.0));
        assert_eq!(together(&[None]), None);
    }
}
