//! Prints results, stores them as JSON, and writes the table of `README.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Plan, Result, machine};

/// The table is between these two lines.
const TABLE_BEGINS: &str = "<!-- the table is written by `cargo xtask bench` -->";
const TABLE_ENDS: &str = "<!-- end of the table -->";
/// The order of the results in the table.
pub(crate) const ORDER: [&str; 22] = [
    "a1",
    "a2",
    "a3",
    "a4",
    "audit",
    "backup",
    "e",
    "findings",
    "fleet",
    "g",
    "history",
    "import",
    "instructions",
    "live",
    "n1",
    "pages",
    "remote",
    "s1",
    "search",
    "size",
    "tls",
    "traces",
];

/// A measured figure and the bar that it should meet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bar {
    /// The row's label in the table.
    pub(crate) what: String,
    /// The figure to reach, for example `≤ 3 ×`. None if the figure is only reported.
    pub(crate) limit: Option<String>,
    /// The figure as shown in the table.
    pub(crate) measured: String,
    /// Whether the limit was met; true without a limit.
    pub(crate) met: bool,
}

impl Bar {
    /// A figure that must not be higher than the limit.
    pub(crate) fn at_most(what: &str, limit: (f64, &str), figure: f64, measured: String) -> Self {
        let (most, limit) = limit;
        Self { what: what.to_owned(), limit: Some(limit.to_owned()), measured, met: figure <= most }
    }

    /// A figure that must not be lower than the limit.
    pub(crate) fn at_least(what: &str, limit: (f64, &str), figure: f64, measured: String) -> Self {
        let (least, limit) = limit;
        Self { what: what.to_owned(), limit: Some(limit.to_owned()), measured, met: figure >= least }
    }

    /// A figure that could not be measured.
    pub(crate) fn missed(what: &str, limit: &str, why: String) -> Self {
        Self { what: what.to_owned(), limit: Some(limit.to_owned()), measured: why, met: false }
    }

    /// A figure without a limit.
    pub(crate) fn reported(what: &str, measured: String) -> Self {
        Self { what: what.to_owned(), limit: None, measured, met: true }
    }

    /// The same figure, of one of several programs.
    pub(crate) fn of(self, program: &str) -> Self {
        Self { what: format!("{}, {program}", self.what), ..self }
    }
}

/// The results of one benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    name: String,
    machine: Value,
    bars: Vec<Bar>,
    figures: Value,
}

impl Report {
    pub(crate) fn new(name: &str, machine: Value, bars: Vec<Bar>, figures: Value) -> Self {
        Self { name: name.to_owned(), machine, bars, figures }
    }

    /// Stores how long the benchmark took.
    pub(crate) fn took(mut self, time: Duration) -> Self {
        self.machine["tookMinutes"] = (time.as_secs_f64() / 60.0).into();
        self
    }

    /// The labels of the missed bars.
    pub(crate) fn missed(&self) -> impl Iterator<Item = &str> {
        self.bars.iter().filter(|bar| !bar.met).map(|bar| bar.what.as_str())
    }

    /// Prints the figures and the bars.
    pub(crate) fn print(&self) {
        say(&serde_json::to_string_pretty(&self.figures).unwrap_or_default());
        for bar in &self.bars {
            let limit = bar.limit.as_deref().unwrap_or("—");
            say(&format!("{:<60} {:>40}   bar: {limit}{}", bar.what, bar.measured, verdict(bar)));
        }
    }

    /// Writes the report to `results/NAME.json`.
    pub(crate) fn write(&self, output: &Path) -> Result {
        let directory = output.join("results");
        fs::create_dir_all(&directory)?;
        let text = format!("{}\n", serde_json::to_string_pretty(self)?);
        Ok(fs::write(directory.join(format!("{}.json", self.name)), text)?)
    }
}

fn verdict(bar: &Bar) -> &'static str {
    match (&bar.limit, bar.met) {
        (None, _) => "",
        (Some(_), true) => " ✓",
        (Some(_), false) => " MISSED",
    }
}

/// The commit and the machine of the measurement.
pub(crate) fn machine(plan: &Plan) -> Value {
    machine::describe(&plan.commit)
}

/// Writes the table of all stored results into `README.md`.
pub(crate) fn write_table(output: &Path) -> Result {
    let (mut reports, mut missing) = (Vec::new(), Vec::new());
    for name in ORDER {
        match fs::read_to_string(output.join("results").join(format!("{name}.json"))) {
            Ok(text) => reports.push(serde_json::from_str::<Report>(&text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing.push(name.to_uppercase()),
            Err(error) => return Err(error.into()),
        }
    }
    let readme = output.join("README.md");
    let text = fs::read_to_string(&readme)?;
    Ok(fs::write(
        &readme,
        with_table(&text, &table(&reports, &missing))
            .ok_or("README.md lacks the comments around the table")?,
    )?)
}

fn table(reports: &[Report], missing: &[String]) -> String {
    let mut text = "| benchmark | what | bar | measured | met |\n|---|---|---|---|---|\n".to_owned();
    for report in reports {
        for bar in &report.bars {
            let limit = bar.limit.as_deref().unwrap_or("—");
            // Writing to a String can't fail.
            _ = writeln!(
                text,
                "| {} | {} | {limit} | {} |{} |",
                report.name.to_uppercase(),
                with_grouped_digits(&bar.what),
                with_grouped_digits(&bar.measured),
                verdict(bar)
            );
        }
    }
    text.push('\n');
    for report in reports {
        let response = |name: &str| report.machine[name].to_string().replace('"', "");
        let duration = report.machine["tookMinutes"].as_f64();
        _ = writeln!(
            text,
            "- {}: commit {}, {}, {} cores, {}, load average at the start {}{}",
            report.name.to_uppercase(),
            response("commit"),
            response("cpu"),
            response("cores"),
            response("rustc"),
            response("loadAtStart"),
            duration.map(|minutes| format!(", took {minutes:.1} min")).unwrap_or_default(),
        );
    }
    if !missing.is_empty() {
        _ = writeln!(text, "- Without stored results: {}", missing.join(", "));
    }
    text
}

/// Writes commas between the thousands of whole numbers. Decimals have none.
fn with_grouped_digits(text: &str) -> String {
    let mut grouped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let (digits, after) =
            number.split_at(number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()));
        grouped.push_str(before);
        let is_decimal = grouped.ends_with('.');
        for (position, digit) in digits.char_indices() {
            if position > 0 && !is_decimal && (digits.len() - position).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        rest = after;
    }
    grouped.push_str(rest);
    grouped
}

fn with_table(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(TABLE_BEGINS)?;
    let (_, after) = rest.split_once(TABLE_ENDS)?;
    Some(format!("{before}{TABLE_BEGINS}\n\n{table}\n{TABLE_ENDS}{after}"))
}

/// Prints a line of the results, on standard output.
#[expect(clippy::print_stdout, reason = "a command line tool talks to its user")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints a line about progress or an error, on standard error.
#[expect(clippy::print_stderr, reason = "a command line tool talks to its user")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_new_table_takes_the_place_of_the_old_one() {
        let readme = format!("# Bars\n\n{TABLE_BEGINS}\nold\n{TABLE_ENDS}\n\nMore.\n");
        let bars = vec![
            Bar::at_most("lists", (3.0, "≤ 3 ×"), 2.5, "2.50 ×".to_owned()),
            Bar::at_most("pages", (1.5, "≤ 1.5 ×"), 1.6, "1.60 ×".to_owned()),
            Bar::reported("binary", "20 MB".to_owned()),
        ];
        let report = Report::new("a1", json!({"commit": "abc"}), bars, Value::Null);
        let report = report.took(Duration::from_secs(90));
        assert_eq!(report.missed().collect::<Vec<_>>(), ["pages"]);
        let text = with_table(&readme, &table(&[report], &["LIVE".to_owned()])).unwrap();
        assert!(text.contains("| A1 | lists | ≤ 3 × | 2.50 × | ✓ |"), "{text}");
        assert!(text.contains("| A1 | pages | ≤ 1.5 × | 1.60 × | MISSED |"), "{text}");
        assert!(text.contains("| A1 | binary | — | 20 MB | |"), "{text}");
        assert!(
            text.contains("commit abc")
                && text.contains("took 1.5 min")
                && text.contains("Without stored results: LIVE")
                && text.ends_with("\n\nMore.\n")
                && !text.contains("old"),
            "{text}"
        );
        let again = with_table(&text, "").unwrap();
        assert!(!again.contains("lists"));
    }

    #[test]
    fn whole_numbers_have_commas() {
        let text = "p99 with 1000000 buckets: 13977 µs, 1.00125 ×, 40,000 of 999, 1e20";
        let grouped = "p99 with 1,000,000 buckets: 13,977 µs, 1.00125 ×, 40,000 of 999, 1e20";
        assert_eq!(with_grouped_digits(text), grouped);
    }
}
