//! Tables at different widths, piped, wide and in colour.

use bucketry_model::status::Status;

use super::*;

const COLUMNS: &[Column] = &[
    Column::text("NAME", "name", 0, 20),
    Column::new("STATUS", "status", 1),
    Column::text("REASON", "reason", 5, 12),
    Column::number("LATENCY", "latency_ms", 4),
    Column::number("SIZE", "bytes", 6),
    Column::text("ENDPOINT", "endpoint", 7, 16),
    Column::only_wide("ID", "id"),
];

fn rows() -> Vec<Vec<Cell>> {
    let row = |name: &str, status, reason: Option<&str>, latency, bytes| {
        vec![
            Cell::text(name),
            Cell::status(status),
            Cell::optional(reason),
            Cell::milliseconds(latency),
            Cell::bytes(bytes),
            Cell::text("https://s3.eu-central-1.amazonaws.com"),
            Cell::text("0197a3b0-0000-7000-8000-0000000000bb"),
        ]
    };
    vec![
        row("photos", Status::Online, None, Some(12), 5_000_000_000),
        row(&"long-name-".repeat(12), Status::Offline, Some("ACCESS_DENIED_LIST"), None, 17),
        row("日本語の名前", Status::Disconnected, None, Some(1_234), 0),
        row("two\nlines\u{1b}[31m", Status::Online, None, Some(7), 1_048_576),
    ]
}

fn drawn(width: Option<usize>, has_colour: bool, is_wide: bool) -> String {
    text(COLUMNS, &rows(), Style { width, has_colour, is_wide })
}

#[test]
fn a_table_on_80_columns() {
    insta::assert_snapshot!(drawn(Some(80), false, false), @r"
    NAME                         STATUS        REASON              LATENCY      SIZE
    photos                       ONLINE        -                     12 ms  4.66 GiB
    long-name-long-name-long-n…  OFFLINE       ACCESS_DENIED_LIST        -      17 B
    日本語の名前                 DISCONNECTED  -                   1234 ms       0 B
    two\nlines\u{1b}[31m         ONLINE        -                      7 ms  1.00 MiB
    ");
}

#[test]
fn a_table_on_200_columns() {
    insta::assert_snapshot!(drawn(Some(200), false, false), @r"
    NAME                                      STATUS        REASON              LATENCY      SIZE  ENDPOINT
    photos                                    ONLINE        -                     12 ms  4.66 GiB  https://s3.eu-central-1.amazonaws.com
    long-name-long-name-long-name-long-name…  OFFLINE       ACCESS_DENIED_LIST        -      17 B  https://s3.eu-central-1.amazonaws.com
    日本語の名前                              DISCONNECTED  -                   1234 ms       0 B  https://s3.eu-central-1.amazonaws.com
    two\nlines\u{1b}[31m                      ONLINE        -                      7 ms  1.00 MiB  https://s3.eu-central-1.amazonaws.com
    ");
}

#[test]
fn a_table_on_20_columns() {
    insta::assert_snapshot!(drawn(Some(20), false, false), @r"
    NAME    STATUS
    photos  ONLINE
    long-…  OFFLINE
    日本…   DISCONNECTED
    two\n…  ONLINE
    ");
}

#[test]
fn a_table_in_a_pipe_is_not_shortened() {
    insta::assert_snapshot!(drawn(None, false, false), @r"
    NAME                                      STATUS        REASON              LATENCY      SIZE  ENDPOINT
    photos                                    ONLINE        -                     12 ms  4.66 GiB  https://s3.eu-central-1.amazonaws.com
    long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-  OFFLINE       ACCESS_DENIED_LIST        -      17 B  https://s3.eu-central-1.amazonaws.com
    日本語の名前                              DISCONNECTED  -                   1234 ms       0 B  https://s3.eu-central-1.amazonaws.com
    two\nlines\u{1b}[31m                      ONLINE        -                      7 ms  1.00 MiB  https://s3.eu-central-1.amazonaws.com
    ");
}

#[test]
fn a_wide_table_shows_everything() {
    insta::assert_snapshot!(drawn(Some(80), false, true), @r"
    NAME                                                                                                                      STATUS        REASON              LATENCY      SIZE  ENDPOINT                               ID
    photos                                                                                                                    ONLINE        -                     12 ms  4.66 GiB  https://s3.eu-central-1.amazonaws.com  0197a3b0-0000-7000-8000-0000000000bb
    long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-long-name-  OFFLINE       ACCESS_DENIED_LIST        -      17 B  https://s3.eu-central-1.amazonaws.com  0197a3b0-0000-7000-8000-0000000000bb
    日本語の名前                                                                                                              DISCONNECTED  -                   1234 ms       0 B  https://s3.eu-central-1.amazonaws.com  0197a3b0-0000-7000-8000-0000000000bb
    two\nlines\u{1b}[31m                                                                                                      ONLINE        -                      7 ms  1.00 MiB  https://s3.eu-central-1.amazonaws.com  0197a3b0-0000-7000-8000-0000000000bb
    ");
}

#[test]
fn a_table_in_colour() {
    insta::assert_snapshot!(drawn(Some(60), true, false).replace('\x1b', "␛"), @r"
    NAME                    STATUS        REASON         LATENCY
    photos                  ␛[32mONLINE␛[0m        -                12 ms
    long-name-long-name-l…  ␛[31mOFFLINE␛[0m       ACCESS_DENIE…        -
    日本語の名前            ␛[33mDISCONNECTED␛[0m  -              1234 ms
    two\nlines\u{1b}[31m    ␛[32mONLINE␛[0m        -                 7 ms
    ");
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_a_blank() {
    for width in 1..=250 {
        for line in drawn(Some(width), false, false).lines() {
            assert!(line.width() <= width, "{width}: {line:?}");
            assert!(!line.ends_with(' '), "{width}: {line:?}");
        }
    }
    assert!(drawn(None, false, true).lines().all(|line| !line.ends_with(' ')));
}

#[test]
fn one_long_name_widens_only_its_own_line() {
    let drawn = drawn(None, false, false);
    let widths: Vec<usize> = drawn.lines().map(unicode_width::UnicodeWidthStr::width).collect();
    assert!(widths[2] > widths[1] + 70 && drawn.contains(&"long-name-".repeat(12)), "{widths:?}");
}

#[test]
fn a_list_without_rows_has_its_header() {
    let style = Style { width: Some(80), has_colour: true, is_wide: false };
    assert_eq!(text(COLUMNS, &[], style), "NAME  STATUS  REASON  LATENCY  SIZE  ENDPOINT");
}
