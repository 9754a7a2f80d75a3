//! Only the front of S3 knows S3. Everything outside of it would serve another protocol as well.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Where the front is put together with the rest.
const ROOTS: [&str; 2] = ["lib.rs", "gateway.rs"];
/// What only the front of S3 may name. Kinds of credentials are the exception.
const OF_S3: [&str; 5] = ["front::s3", "S3Error", "S3Failure", "DECLARATION", "SigV4("];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn nothing_but_the_front_of_s3_names_what_is_of_s3() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut wrong = Vec::new();
    for path in &all {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap();
        if ROOTS.contains(&name) || name.starts_with("front/") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        // Tests may use anything.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (line, at) in code.lines().zip(1..) {
            if OF_S3.iter().any(|of_s3| line.contains(of_s3)) && !name.starts_with("credential/") {
                wrong.push(format!("{name}:{at}: {}", line.trim()));
            }
        }
    }
    assert!(all.len() > 60, "the files were found");
    assert_eq!(wrong, Vec::<String>::new());
}
