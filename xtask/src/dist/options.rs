//! The options of `cargo xtask dist`.

use std::path::PathBuf;

use crate::command::Result;

/// Something that a release consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReleasePart {
    Tarball,
    Deb,
    Image,
    Sbom,
}

impl ReleasePart {
    pub(super) const ALL: [Self; 4] = [Self::Tarball, Self::Deb, Self::Image, Self::Sbom];

    fn named(name: &str) -> Option<Self> {
        match name {
            "tarball" => Some(Self::Tarball),
            "deb" => Some(Self::Deb),
            "image" => Some(Self::Image),
            "sbom" => Some(Self::Sbom),
            _ => None,
        }
    }
}

/// What to package, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DistOptions {
    /// A binary to package instead of building one.
    pub(super) from_binary: Option<PathBuf>,
    /// The directory of the packages.
    pub(super) to: Option<PathBuf>,
    /// An SSH key that signs the checksums.
    pub(super) sign_with: Option<PathBuf>,
    /// Whether to compress fast rather than well.
    pub(super) quick: bool,
    only: Vec<ReleasePart>,
}

impl DistOptions {
    pub(super) fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match *arg {
                "--from-binary" => options.from_binary = Some(value()?.into()),
                "--to" => options.to = Some(value()?.into()),
                "--sign-with" => options.sign_with = Some(value()?.into()),
                "--only" => {
                    let name = value()?;
                    let part = ReleasePart::named(name).ok_or_else(|| {
                        format!("--only {name}: the parts are tarball, deb, image and sbom")
                    })?;
                    options.only.push(part);
                }
                "--quick" => options.quick = true,
                _ => return Err(format!("dist has no option {arg}; see cargo xtask help").into()),
            }
        }
        Ok(options)
    }

    /// Whether a part is wanted: all are unless some are named.
    pub(super) fn makes(&self, part: ReleasePart) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_made_unless_some_are_named() {
        let all = DistOptions::parse(&[]).unwrap();
        assert!(ReleasePart::ALL.into_iter().all(|part| all.makes(part)));
        let some = DistOptions::parse(&["--only", "deb", "--only", "sbom", "--from-binary", "x"]).unwrap();
        assert_eq!(ReleasePart::ALL.map(|part| some.makes(part)), [false, true, false, true]);
        assert_eq!(some.from_binary, Some("x".into()));
    }

    #[test]
    fn wrong_options_are_refused_with_the_right_ones() {
        let message = |args: &[&str]| DistOptions::parse(args).unwrap_err().to_string();
        assert!(message(&["--only", "rpm"]).contains("tarball, deb, image and sbom"));
        assert!(message(&["--only"]).contains("needs a value"));
        assert!(message(&["--fast"]).contains("no option --fast"));
    }
}
