//! The project's own tasks: `cargo xtask check`, `cargo xtask test`, `cargo xtask bench`, `cargo xtask dist`,
//! `cargo xtask fuzz`, `cargo xtask advisories`, `cargo xtask lock`.
//!
//! Beyond Rust, Python and Node.js, everything they need comes from lock files and is installed under the target
//! directory, so that a fresh clone needs nothing installed by hand.

mod bench;
mod browser;
mod checks;
mod client_table;
mod code_map;
mod command;
mod control_planes;
mod cycles;
mod debian;
mod dist;
mod files;
mod functions;
mod fuzz;
mod lexer;
mod measured;
mod names;
mod node_tools;
mod openapi;
mod packaging;
mod peers;
mod picture;
mod provider_matrix;
mod servers;
mod skipped_tests;
mod test_run;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

  check               check formatting, clippy, rustdoc, dependency rules, import cycles, tidiness of the tree, and measured
                      figures in documents
  check --quick       only the checks that need no compiler: tidiness, tables, figures, formatting
  cycles [CRATE]      count the import cycles between modules, per crate; those of one crate with their lines
  functions           list the functions with more than 60 lines, and count them
  advisories          report dependencies with a published vulnerability; fetches the list, so it isn't part of check
  test [-- ARGS]      run every test, against real servers that it installs and starts;
                      ARGS are passed to the test runner and skip doc tests and the OpenAPI check:
                      cargo xtask test -- -p bucketry-model name_of_a_test
  test --openapi      run only the OpenAPI check
  test --control-planes N [-- ARGS]
                      run the end-to-end tests, or those that ARGS select, with N control planes on one PostgreSQL database
                      in place of each server; those that can't mean anything then are counted as skipped, with the reason
  bench [NAMES] [--quick]
                      measure the dist binary: a1 a2 a3 a4 audit e g history instructions n1 s1 size
                      [default: all]; bench/README.md explains them and receives the results
  dist [--only PART] [--sign-with KEY] [--from-binary FILE] [--to DIR] [--quick]
                      package a release into target/dist-packages: tarball, deb, image and sbom, or those that --only
                      names, with checksums; --sign-with signs these with an SSH key; --from-binary packages a binary
                      instead of building one; --quick compresses less
  providers           write the tables of tested providers, credentials and outcomes in docs/provider-matrix.md
  picture             draw the README's picture of the command line, and take those of the dashboard, from a run of the
                      demo, into docs/images
  fuzz [--seconds N]  feed damaged input to everything that parses data from the network, N seconds per target
                      [default: 60], several targets in parallel
  lock                resolve the packages of xtask/tools into their lock files again";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check"] => checks::run(),
        ["check", "--quick"] => checks::quick(),
        ["cycles"] => cycles::print(None),
        ["cycles", of] => cycles::print(Some(of)),
        ["functions"] => functions::print(),
        ["advisories"] => checks::advisories(),
        ["test", rest @ ..] => match test_run::Selection::parse(rest) {
            Some(selection) => test_run::run(&selection),
            None => return wrong_usage(),
        },
        ["bench", rest @ ..] => bench::run(rest),
        ["dist", rest @ ..] => dist::run(rest),
        ["picture"] => picture::draw(),
        ["providers"] => provider_matrix::write(),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["lock"] => tools::lock(),
        ["help" | "--help" | "-h"] => {
            command::say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => return wrong_usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::complain(&format!("\ncargo xtask: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn wrong_usage() -> ExitCode {
    command::complain(USAGE);
    ExitCode::from(2)
}
