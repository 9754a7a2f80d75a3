//! Checks that figures in documents are those of the stored benchmark runs, in `bench/results`.
//!
//! `cargo xtask bench` writes the table of `bench/README.md`, but people copy its figures into other texts. Without this
//! check, these would remain those of an older run.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::Result;

const SIZE: &str = "docs/size.md";
const README: &str = "README.md";
const BENCH: &str = "bench/README.md";
const MIB: f64 = 1_048_576.0;
/// Objects of 64 MiB per second that are 1 Gbit/s.
const OBJECTS_PER_GBIT: f64 = 1e9 / 8.0 / (64.0 * MIB);

/// A place in a document that quotes measured figures.
struct Quote {
    page: &'static str,
    /// The text before the figures, without line breaks. It must occur once.
    after: &'static str,
    /// The numbers that follow, in their order.
    figures: &'static [fn(&StoredRuns) -> f64],
}

/// All quotes that are checked. A row of a table in `docs/size.md` that names a benchmark must be among them.
const QUOTES: &[Quote] = &[
    Quote {
        page: SIZE,
        after: "| 1,000 buckets, probed once a minute |",
        figures: &[|r| r.of("n1", "cpuUsPerProbe"), |r| r.of("n1", "cpuUsPerProbe") / 60.0 / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| 1,000 GET/s of 1 KiB at the gateway |",
        figures: &[|r| r.cpu_us("g1S3"), |r| r.cpu_us("g1S3") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| the same, with a bucket at Azure |",
        figures: &[|r| r.cpu_us("g1Translated"), |r| r.cpu_us("g1Translated") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| the same, with a real S3 server as storage |",
        figures: &[|r| r.cpu_us("seaweedfs GET of 1 KiB"), |r| r.cpu_us("seaweedfs GET of 1 KiB") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| 1 Gbit/s of large downloads (objects of 64 MiB) |",
        figures: &[|r| r.cpu_us("g2"), |r| r.cpu_us("g2") * OBJECTS_PER_GBIT / 1e6],
    },
    Quote {
        page: SIZE,
        after: "| 1 Gbit/s of large uploads whose SHA-256 is verified |",
        figures: &[
            |r| r.cpu_us("g3 hash verified"),
            |r| r.cpu_us("g3 hash verified") * OBJECTS_PER_GBIT / 1e6,
        ],
    },
    Quote {
        page: SIZE,
        after: "| 1,000 refused requests/s |",
        figures: &[|r| r.of("g", "g5/cpuUs/median"), |r| r.of("g", "g5/cpuUs/median") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| 1,000 requests/s for the list of 100 buckets (`GET /bucket`) |",
        figures: &[|r| r.list_us("sqlite/idle"), |r| r.list_us("sqlite/idle") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| 1,000 requests/s for a page of 100 buckets (`?limit=100`), which isn't cached |",
        figures: &[
            |r| r.list_us("sqlite/uncached"),
            |r| r.list_us("postgresql/uncached"),
            |r| r.list_us("sqlite/uncached") / 1e3,
            |r| r.list_us("postgresql/uncached") / 1e3,
        ],
    },
    Quote {
        page: SIZE,
        after: "(buckets ÷ probe interval in seconds ×",
        figures: &[|r| r.of("n1", "cpuUsPerProbe")],
    },
    Quote {
        page: SIZE,
        after: "For example, 10,000 buckets every 60 s are 167 probes per second:",
        figures: &[|r| 1e4 / 60.0 * r.of("n1", "cpuUsPerProbe") / 1e6],
    },
    Quote {
        page: SIZE,
        after: "1,000 small reads per second from a real S3 server add",
        figures: &[|r| r.cpu_us("seaweedfs GET of 1 KiB") / 1e3],
    },
    Quote {
        page: SIZE,
        after: "| the server with 1,000 buckets |",
        figures: &[|r| r.of("size", "idleMib/median")],
    },
    Quote {
        page: SIZE,
        after: "| each further 1,000 buckets |",
        figures: &[
            |r| r.of("n1", "bytesPerBucket") * 1e3 / MIB,
            |r| r.of("n1", "peakBytesPerBucket") * 1e3 / MIB,
        ],
    },
    Quote {
        page: SIZE,
        after: "| 1,000 idle connections to the gateway |",
        figures: &[|r| r.mib_per_connection() * 1e3],
    },
    Quote {
        page: SIZE,
        after: "| 100 downloads of large objects at the same time |",
        figures: &[|r| r.of("g", "g4 read MiB/perStream") * 100.0],
    },
    Quote {
        page: SIZE,
        after: "| 100 uploads of large objects at the same time |",
        figures: &[|r| r.of("g", "g4 written MiB/perStream") * 100.0],
    },
    Quote {
        page: SIZE,
        after: "| a response with all of 100,000 buckets (`GET /bucket` without `limit`) |",
        figures: &[
            |r| r.of("a3", "sqlite/growthSinceBeforeFirstBytes/0") / MIB,
            |r| r.of("a3", "sqlite/growthOfFourMoreAtOnceBytes") / MIB,
        ],
    },
    Quote { page: SIZE, after: "| 64 hostile connections |", figures: &[|r| r.hostile_mib()] },
    Quote {
        page: SIZE,
        after: "**To compute it**: memory =",
        figures: &[|r| r.of("n1", "residentBytes/without") / MIB],
    },
    Quote {
        page: SIZE,
        after: "(the process without buckets in N1) +",
        figures: &[
            |r| r.of("n1", "bytesPerBucket") / 1024.0,
            |r| r.mib_per_connection() * 1024.0,
            |r| r.of("g", "g4 written MiB/perStream"),
        ],
    },
    Quote {
        page: SIZE,
        after: "in SIZE, the process with 1,000 buckets needs",
        figures: &[|r| r.of("size", "idleMib/median")],
    },
    Quote { page: SIZE, after: "an object of 5 GiB needs about", figures: &[|r| r.large_mib()] },
    Quote {
        page: SIZE,
        after: "| the registry, per 1,000 buckets |",
        figures: &[|r| r.of("a2", "backup/bytes") / 1e3 / MIB],
    },
    Quote {
        page: SIZE,
        after: "A2: the backup of 1,000,000 buckets has",
        figures: &[|r| r.of("a2", "backup/bytes") / MIB],
    },
    Quote { page: SIZE, after: "| a backup |", figures: &[] },
    Quote {
        page: README,
        after: "| CPU per GET of 1 KiB (signature verified, routed, counted) |",
        figures: &[|r| r.bar("g", "G1 CPU (µs) per GET of 1 KiB over S3, relative to nginx")],
    },
    Quote {
        page: README,
        after: "| nginx as a plain proxy, which does none of the three | | |",
        figures: &[|r| r.bar("g", "G1 CPU (µs) per GET of 1 KiB over S3, relative to rclone")],
    },
    Quote {
        page: README,
        after: "| throughput of GET of 64 MiB |",
        figures: &[|r| r.bar("g", "G2 throughput (requests/s) of GET of 64 MiB, relative to nginx")],
    },
    Quote {
        page: README,
        after: "| memory per object of 64 MiB in transfer |",
        figures: &[|r| r.of("g", "g4 read MiB/perStream"), |r| r.of("g", "g4 written MiB/perStream")],
    },
    Quote {
        page: README,
        after: "| CPU of `GET /bucket` with 100 buckets |",
        figures: &[|r| r.of("a1", "sqlite/idle/serverAndBaseline/cpuRatio/median")],
    },
    Quote {
        page: BENCH,
        after: "- **CPU of a PUT with a signed hash** (G3):",
        figures: &[|r| r.bar("g", VERIFIED)],
    },
    Quote { page: BENCH, after: "Per 64 MiB, nginx takes", figures: &[|r| r.nginx_ms()] },
    Quote { page: BENCH, after: "copies the data twice, and SHA-256 takes", figures: &[|r| r.sha_ms()] },
    Quote {
        page: BENCH,
        after: "(0.85 times the sum) is",
        figures: &[|r| 0.85 * (r.nginx_ms() + r.sha_ms())],
    },
    Quote {
        page: BENCH,
        after: "the gateway would have to move the data in",
        figures: &[|r| 0.85 * (r.nginx_ms() + r.sha_ms()) - r.sha_ms()],
    },
    Quote {
        page: BENCH,
        after: "- **PUT with a signed hash, relative to s3s-proxy** (G3):",
        figures: &[|r| {
            r.bar("g", "G3 throughput (requests/s) of PUT of 64 MiB, hash verified, relative to s3s-proxy")
        }],
    },
    Quote {
        page: BENCH,
        after: "nginx's copying and the hash together take",
        figures: &[|r| r.nginx_ms() + r.sha_ms()],
    },
];

const VERIFIED: &str =
    "G3 CPU (µs) per PUT of 64 MiB, hash verified, relative to the sum of nginx's and that of SHA-256";

/// The stored results, by the benchmark's name. What they lack is NaN, which equals no number in a document.
#[derive(Default)]
struct StoredRuns(Vec<(String, Value)>);

impl StoredRuns {
    fn read(root: &Path) -> Result<Self> {
        let mut results = Vec::new();
        for entry in fs::read_dir(root.join("bench/results"))? {
            let path = entry?.path();
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            results.push((name, serde_json::from_str(&fs::read_to_string(&path)?)?));
        }
        Ok(Self(results))
    }

    /// Whether a text begins with the name of a benchmark, as the tables write it: `A1`, `G4` or `G (…)`.
    fn name(&self, text: &str) -> bool {
        let name: String = text.trim().chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_lowercase();
        self.0.iter().any(|(known, _)| *known == name)
            || name.strip_prefix('g').is_some_and(|part| ["1", "2", "3", "4", "5"].contains(&part))
    }

    fn figures(&self, benchmark: &str) -> &Value {
        self.0.iter().find(|(name, _)| name == benchmark).map_or(&Value::Null, |(_, report)| report)
    }

    /// The figure at a path such as `backup/bytes`.
    fn of(&self, benchmark: &str, path: &str) -> f64 {
        let figure = self.figures(benchmark).pointer(&format!("/figures/{path}"));
        figure.and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// CPU time of the gateway per request, in a comparison of which Bucketry is the first program.
    fn cpu_us(&self, comparison: &str) -> f64 {
        self.of("g", &format!("{comparison}/0/cpuUsPerRequest/median"))
    }

    /// CPU time of the control plane per request.
    fn list_us(&self, run: &str) -> f64 {
        self.of("a1", &format!("{run}/serverAndBaseline/cpuUsPerRequest/0/median"))
    }

    fn mib_per_connection(&self) -> f64 {
        self.of("g", "g4Idle/mib") / self.of("g", "g4Idle/connections")
    }

    /// How much more memory an object of 5 GiB takes than one of 64 MiB, in MiB: read or written, whichever is more.
    fn large_mib(&self) -> f64 {
        let [read, written] = ["read", "written"].map(|direction| {
            self.of("g", &format!("g4 {direction} 5 GiB MiB"))
                - self.of("g", &format!("g4 {direction} MiB/single"))
        });
        // Not `f64::max`, which would take the other one for a figure that is lacking.
        if read.is_nan() || read > written { read } else { written }
    }

    fn nginx_ms(&self) -> f64 {
        self.of("g", "g3 hash verified/1/cpuUsPerRequest/median") / 1e3
    }

    /// The median CPU time for the SHA-256 of 64 MiB.
    fn sha_ms(&self) -> f64 {
        let all = self.figures("g").pointer("/figures/g3 CPU (µs) of SHA-256 alone");
        let mut all: Vec<f64> =
            all.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).map_or(f64::NAN, |us| us / 1e3)
    }

    /// The highest memory growth of any kind of hostile client, in any round.
    fn hostile_mib(&self) -> f64 {
        let kinds = self.figures("s1").pointer("/figures/growthBytes").and_then(Value::as_object);
        let rounds = kinds.into_iter().flatten().filter_map(|(_, rounds)| rounds.as_array()).flatten();
        rounds.filter_map(Value::as_f64).fold(f64::NAN, f64::max) / MIB
    }

    /// The first number in a row of the table of `bench/README.md`.
    fn bar(&self, benchmark: &str, what: &str) -> f64 {
        let bars = self.figures(benchmark)["bars"].as_array();
        let bar = bars.into_iter().flatten().find(|bar| bar["what"] == what);
        let measured = bar.and_then(|bar| bar["measured"].as_str()).unwrap_or_default();
        numbers(measured).next().map_or(f64::NAN, |number| number.value)
    }
}

/// Checks every quote, and that each row of a table in `docs/size.md` that names a benchmark is a quote.
pub(crate) fn check(root: &Path) -> Result {
    let results = StoredRuns::read(root)?;
    let mut complaints = Vec::new();
    for page in [SIZE, README, BENCH] {
        let text = fs::read_to_string(root.join(page))?;
        for quote in QUOTES.iter().filter(|quote| quote.page == page) {
            complaints.extend(differences(quote, &text, &results));
        }
        if page == SIZE {
            complaints.extend(unchecked_rows(&text, &results));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}

/// What differs between a quote and the results.
fn differences(quote: &Quote, text: &str, results: &StoredRuns) -> Vec<String> {
    let Quote { page, after, figures } = quote;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut places = text.split(after).skip(1);
    let (Some(rest), None) = (places.next(), places.next()) else {
        return vec![format!(
            "{page}: the text `{after}` should occur once; `xtask/src/measured.rs` quotes it"
        )];
    };
    let mut shown = numbers(rest);
    let mut found = Vec::new();
    for figure in *figures {
        let measured = figure(results);
        match shown.next() {
            Some(number) if number.is(measured) => {}
            Some(number) => {
                found.push(format!(
                    "{page}: `{after}` {}, but the stored run measured {measured:.4}",
                    number.text
                ));
            }
            None => {
                found
                    .push(format!("{page}: `{after}` lacks a figure; the stored run measured {measured:.4}"));
            }
        }
    }
    found
}

/// Rows of tables whose last cell names a benchmark, but whose figures nothing compares.
fn unchecked_rows(text: &str, results: &StoredRuns) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let measured = rows
        .filter(|row| row.trim_end_matches('|').rsplit('|').next().is_some_and(|cell| results.name(cell)));
    let unchecked =
        measured.filter(|row| !QUOTES.iter().any(|quote| quote.page == SIZE && row.starts_with(quote.after)));
    unchecked.map(|row| format!("{SIZE}: add the row to `xtask/src/measured.rs`: {row}")).collect()
}

/// A number in a text.
struct Number<'a> {
    text: &'a str,
    value: f64,
    /// Number of digits after the point.
    decimals: i32,
}

impl Number<'_> {
    /// Whether a figure, rounded to the digits that are shown, is this number.
    fn is(&self, figure: f64) -> bool {
        // A half may be rounded up or down.
        (self.value - figure).abs() <= 0.5001 * 10_f64.powi(-self.decimals)
    }
}

/// The numbers in a text, such as `1,000` and `0.25`.
fn numbers(text: &str) -> impl Iterator<Item = Number<'_>> {
    let pieces = text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','));
    pieces.map(|piece| piece.trim_matches(['.', ','])).filter_map(|text| {
        let value = text.replace(',', "").parse().ok()?;
        let decimals = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        Some(Number { text, value, decimals: i32::try_from(decimals).ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    fn runs() -> StoredRuns {
        let report =
            serde_json::json!({ "figures": { "g1S3": [{ "cpuUsPerRequest": { "median": 20.5 } }] } });
        StoredRuns(vec![("g".to_owned(), report)])
    }

    #[test]
    fn documents_quote_the_stored_results() {
        let root = Workspace::find().unwrap().root;
        if let Err(complaints) = check(&root) {
            panic!("{complaints}");
        }
    }

    #[test]
    fn a_figure_of_an_older_run_is_reported() {
        let quote = QUOTES.iter().find(|quote| quote.after.contains("GET/s of 1 KiB")).unwrap();
        let text = |figures: &str| format!("# Size\n\n{} {figures} | G |\n", quote.after);
        assert!(differences(quote, &text("20.5 µs each | 0.021"), &runs()).is_empty());
        assert!(differences(quote, &text("21 µs each | 0.02"), &runs()).is_empty());
        assert_eq!(differences(quote, &text("26.5 µs each | 0.027"), &runs()).len(), 2);
        assert_eq!(differences(quote, &text("20.5 µs each"), &runs()).len(), 1);
        assert_eq!(differences(quote, "# Size\n", &runs()).len(), 1);
        assert_eq!(differences(quote, &text("20.5 µs each | 0.021"), &StoredRuns::default()).len(), 2);
    }

    #[test]
    fn a_new_row_that_names_a_benchmark_must_be_compared() {
        let row = |last: &str| format!("| a new row | 5 MiB | {last} |\n");
        assert_eq!(unchecked_rows(&row("G4"), &runs()).len(), 1);
        assert_eq!(unchecked_rows(&row("G (relative to nginx)"), &runs()).len(), 1);
        assert!(unchecked_rows(&row("a database of `bucketry demo`"), &runs()).is_empty());
    }

    #[test]
    fn numbers_are_compared_with_the_digits_that_they_show() {
        let all: Vec<String> =
            numbers("1,000 of 0.25 MiB, at 41. 3.0;").map(|number| format!("{:?}", number.value)).collect();
        assert_eq!(all, ["1000.0", "0.25", "41.0", "3.0"]);
        let is = |text: &str, figure: f64| numbers(text).next().unwrap().is(figure);
        assert!(is("0.03", 0.0325) && is("32", 32.5) && is("33", 32.5) && !is("0.030", 0.0325));
        assert!(!is("1", f64::NAN));
    }
}
