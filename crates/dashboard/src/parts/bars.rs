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
    let (mut good, mut bad, mut mute) = (BarPath::default(), BarPath::default(), BarPath::default());
    for (index, share) in days.iter().enumerate() {
        match share {
            None => mute.add(index, HEIGHT - DOT, DOT),
            Some(share) if *share >= 100.0 => good.add(index, 0.0, HEIGHT),
            Some(share) => {
                let tall = outage_height(*share);
                bad.add(index, HEIGHT - tall, tall);
                let rest = HEIGHT - tall - GAP;
                if rest > 1.0 {
                    good.add(index, 0.0, rest);
                }
            }
        }
    }
    let width = (days.len() as f64 * STEP as f64 - STEP as f64 + WIDTH).max(WIDTH);
    html! {
        svg class=(class) viewBox={ "0 0 " (format!("{width:.1}")) " 34" } preserveAspectRatio="none" role="img"
            aria-label=(label) {
            @for (class, path) in [("u-good", good), ("u-bad", bad), ("u-mute", mute)] {
                @if !path.data.is_empty() { path class=(class) d=(path.data) {} }
            }
        }
    }
}

/// The bars of one colour.
///
/// Most days are like the day before: then the bar is drawn by the same text, one step to the right. A page has
/// thousands of bars, and coordinates written as numbers were a third of its work.
#[derive(Default)]
struct BarPath {
    data: String,
    /// The last bar: its day, top and height, and the text that draws it from its corner.
    last: Option<(usize, f64, f64, String)>,
}

impl BarPath {
    fn add(&mut self, index: usize, y: f64, height: f64) {
        let (y, height) = (to_tenth(y), to_tenth(height));
        match &mut self.last {
            Some((day, top, tall, text)) if *day + 1 == index && (*top, *tall) == (y, height) => {
                self.data.push_str("m4 0");
                self.data.push_str(text);
                *day = index;
            }
            last => {
                let text = format!("h{WIDTH}v{height}h-{WIDTH}z");
                // Writing to a string can't fail.
                let _ = write!(self.data, "M{} {y}{text}", index * STEP);
                *last = Some((index, y, height, text));
            }
        }
    }
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
        assert!(html.contains("M0 0h2.7v34h-2.7z"), "a full bar: {html}");
        assert!(html.contains("M4 23h2.7v11h-2.7z"), "the least outage: {html}");
        assert!(html.contains("M8 0h2.7v34h-2.7z"), "a whole day: {html}");
        assert!(html.contains("class=\"u-mute\" d=\"M12 31h2.7v3h-2.7z\""), "{html}");
        assert!(html.contains("role=\"img\"") && html.contains("Four days"));
    }

    #[test]
    fn a_day_like_the_one_before_is_drawn_by_the_same_text_one_step_further() {
        let html = bars(&[Some(100.0), Some(100.0), None, Some(100.0)], "bars", "").into_string();
        let path = "M0 0h2.7v34h-2.7zm4 0h2.7v34h-2.7zM12 0h2.7v34h-2.7z";
        assert!(html.contains(path), "{html}");
    }

    #[test]
    fn days_without_data_do_not_count() {
        assert_eq!(together(&[None, Some(100.0), Some(50.0)]), Some(75.0));
        assert_eq!(together(&[None]), None);
    }
}
